"""What goes wrong around a run: exit code, one paragraph, a JSON document, and nothing sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DEAD = "http://127.0.0.1:9"


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG", price=1000)
        yield running


@pytest.fixture(params=["oms", "rest"])
def rig(request: pytest.FixtureRequest, shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, request.param)
        made.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        shop.state.place_order([("MUG", 1)])
        yield made


def failing(rig: Rig, code: int, *words: str, **env: str) -> None:
    """Every form of output says it; nothing reaches the warehouse."""
    document = rig.run("sync-orders", "--json", **env)
    assert document.code == code, (document.out, document.err)
    assert document.json["error"]["exitCode"] == code
    assert document.json["submitted"] == 0
    text = json.dumps(document.json["error"])
    for word in words:
        assert word in text, text
    assert rig.control("orders")["orders"] == []


def test_a_wrong_password_of_the_shop(rig: Rig) -> None:
    failing(rig, 77, "vendure.", VENDURE_PASSWORD="wrong")


def test_a_wrong_password_of_the_warehouse(rig: Rig) -> None:
    failing(rig, 77, "veracore.client_secret", VERACORE_CLIENT_SECRET="wrong")
    counts = rig.run("stats", "--json").json["orders"]
    assert (counts["totalPending"], counts["totalParked"]) == (1, 0)


def test_refused_credentials_are_not_tried_again_but_orders_are_still_recorded(
    rig: Rig, shop: SmallShop
) -> None:
    wrong = {"VERACORE_CLIENT_SECRET": "wrong"}
    failing(rig, 77, **wrong)
    asked = len(rig.requests())
    assert asked == 1
    shop.state.place_order([("MUG", 1)])
    failing(rig, 77, "VeraCore refused these credentials", **wrong)
    assert len(rig.requests()) == asked
    document = rig.run("stats", "--json").json
    assert document["orders"]["totalPending"] == 2
    assert document["upstreams"]["veracore"]["credentialsRefusedSince"]
    assert rig.sync()["submitted"] == 2
    assert (
        rig.run("stats", "--json").json["upstreams"]["veracore"]["credentialsRefusedSince"] is None
    )


def test_a_dead_shop(rig: Rig) -> None:
    failing(rig, 69, "Vendure", VENDURE_ADMIN_API_URL=f"{DEAD}/admin-api")


def test_a_dead_shop_is_named_although_its_failures_open_the_breaker(rig: Rig) -> None:
    """With the tries that are the default, one run's failures are as many as the breaker allows."""
    failing(
        rig,
        69,
        "Connection refused",
        "doctor",
        VENDURE_ADMIN_API_URL=f"{DEAD}/admin-api",
        VERACORE_SYNC_RETRY__TRIES="3",
        VERACORE_SYNC_RETRY__READ_BASE_SECONDS="0.01",
    )


def test_a_dead_warehouse(rig: Rig) -> None:
    url = f"{DEAD}/v1" if rig.dialect == "rest" else DEAD
    failing(rig, 69, "VeraCore", VERACORE_API_URL=url)
    assert rig.run("stats", "--json").json["orders"]["totalPending"] == 1


def test_a_wrong_path_of_the_shop(rig: Rig) -> None:
    url = rig.shop_url.replace("admin-api", "nope")
    failing(rig, 78, "vendure.admin_api_url", VENDURE_ADMIN_API_URL=url)


def test_a_warehouse_that_answers_html(rig: Rig, shop: SmallShop) -> None:
    suffix = "/v1" if rig.dialect == "rest" else ""
    failing(rig, 78, "veracore.api_url", VERACORE_API_URL=f"{shop.url}{suffix}")


def test_html_500_instead_of_an_answer(rig: Rig) -> None:
    rig.control("faults", {"kinds": ["html_500"], "rate": 1})
    failing(rig, 69)


def test_an_unknown_key_is_named_with_a_suggestion(rig: Rig) -> None:
    failing(rig, 78, "__PRISES", "__PRICES", VERACORE_SYNC_ORDERS__PRISES="net")


def test_a_missing_setting_is_named(rig: Rig) -> None:
    failing(rig, 78, "vendure.admin_api_url", VENDURE_ADMIN_API_URL="")


@pytest.mark.parametrize("name", ["VENDURE_ADMIN_API_URL", "VERACORE_API_URL"])
def test_a_mistyped_address_is_corrected(rig: Rig, name: str) -> None:
    failing(rig, 69, VERACORE_SYNC_RETRY__BREAKER_THRESHOLD="1", **{name: f"{DEAD}/api"})
    breakers = rig.run("stats", "--json").json["upstreams"]
    assert [one for one, seen in breakers.items() if seen["state"] == "open"] == [
        name.partition("_")[0].lower()
    ]
    assert rig.sync()["submitted"] == 1
    moved = rig.run("sync-orders", "--json", **{name: f"{DEAD}/api"})
    assert moved.code == 78, moved.out


def test_a_shop_without_orders_keeps_its_ledger(rig: Rig, shop: SmallShop) -> None:
    for order in shop.state.orders.values():
        shop.state.cancel(order)
    assert rig.sync()["submitted"] == 0
    moved = rig.run("sync-orders", "--json", VENDURE_ADMIN_API_URL=f"{DEAD}/admin-api")
    assert moved.code == 78, moved.out
    assert "belongs to the shop" in moved.json["error"]["message"]


def test_another_company_on_the_same_ledger(rig: Rig, shop: SmallShop) -> None:
    rig.sync()
    shop.state.place_order([("MUG", 1)])
    ended = rig.run("sync-orders", "--json", VERACORE_COMPANY_ID="OTHER")
    assert ended.code == 78
    assert "belongs to the warehouse" in ended.json["error"]["message"]
    assert len(rig.control("orders")["orders"]) == 1


def test_a_damaged_ledger(rig: Rig) -> None:
    rig.sync("--dry-run")
    rig.ledger_path.write_bytes(b"this is no database, and long enough to be read as a page" * 90)
    failing(rig, 74, "restore")
    assert rig.run("stats", "--json").code == 74
    assert rig.ledger_path.read_bytes().startswith(b"this is no database")


READ_ONLY = """
import contextlib, io, os, sys
from veracore_sync.__main__ import main

def run(*arguments):
    sys.argv = ["veracore-sync", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code
    return 0

# Everything is imported while it may be; then another user, who may read the ledger, runs.
with contextlib.redirect_stdout(io.StringIO()):
    run("sync-orders", "--json")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(run("sync-orders", "--json"))
"""


def test_a_ledger_that_may_only_be_read(rig: Rig, shop: SmallShop) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "ledger.db"
        environment = rig.environment | {"VERACORE_SYNC_LEDGER__PATH": str(path)}
        command = [sys.executable, "-c", READ_ONLY]

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command, env=environment, cwd="/", capture_output=True, text=True, check=False
            )

        run()
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        Path(folder).chmod(0o555)
        shop.state.place_order([("MUG", 1)])
        before = len(rig.control("orders")["orders"])
        done = run()
        Path(folder).chmod(0o755)
    assert "Traceback" not in done.stderr
    assert done.returncode == 74, (done.stdout, done.stderr)
    assert json.loads(done.stdout)["error"]["exitCode"] == 74
    if os.geteuid() != 0:
        assert len(rig.control("orders")["orders"]) == before


def test_a_full_disk_sends_nothing_unrecorded(rig: Rig, shop: SmallShop, tmp_path: Path) -> None:
    rig.sync()
    # So many that their commits outgrow the limit, however many share one.
    for _ in range(40):
        shop.state.place_order([("MUG", 1)])
    size = rig.ledger_path.stat().st_size
    ended = subprocess.run(
        [
            "sh",
            "-c",
            f'ulimit -f {size // 512 + 1}; exec "$@"',
            "sh",
            *rig.command("sync-orders", "--json"),
        ],
        env=rig.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 74, (ended.returncode, ended.stdout, ended.stderr)
    placed = len(rig.control("orders")["orders"])
    counts = rig.run("stats", "--json").json["orders"]
    assert placed <= 1 + counts["totalSynced"] + counts["totalSending"] + counts["totalInDoubt"]
    after = rig.sync()
    assert after["submitted"] + after["adopted"] + placed >= 41
    assert [one["submissions"] for one in rig.control("orders")["orders"]] == [1] * 41


def test_off_a_terminal_success_is_silent_and_trouble_is_a_paragraph(rig: Rig) -> None:
    quiet = rig.run("sync-orders")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    loud = rig.run("sync-orders", VENDURE_PASSWORD="wrong")
    assert loud.code == 77
    assert 1 < len(loud.err.splitlines()) < 6
    assert loud.out == ""


def test_unavailable_is_told_when_it_begins_not_while_it_lasts(rig: Rig) -> None:
    url = f"{DEAD}/admin-api"
    first = rig.run("sync-orders", VENDURE_ADMIN_API_URL=url)
    again = rig.run("sync-orders", VENDURE_ADMIN_API_URL=url)
    assert (first.code, again.code) == (69, 69)
    assert first.err
    assert again.err == ""


def test_what_is_typed_wrong(rig: Rig) -> None:
    rig.sync()
    assert rig.run("sync-orders", "--nope").code == 2
    assert rig.run("resolve", "X").code == 2
    assert rig.run("stats", "--order", "NOPE", "--json").code == 2
    assert rig.run("retry").code == 2


def test_the_version_imports_next_to_nothing(rig: Rig) -> None:
    program = (
        "import sys; sys.argv = ['veracore-sync', '--version'];"
        "from veracore_sync.__main__ import main; main();"
        "heavy = {'typer', 'pydantic', 'httpx', 'rich', 'sqlite3', 'asyncio'} & set(sys.modules);"
        "sys.exit(1 if heavy else 0)"
    )
    done = subprocess.run([rig.command()[0], "-c", program], capture_output=True, check=False)
    assert done.returncode == 0
