"""``doctor`` on broken set-ups: it points at the fault, says what to do, and exits rightly."""

from __future__ import annotations

import json
import py_compile
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rig import Ended, Rig

from veracore_sync.jobs.doctor import machine
from veracore_sync.jobs.doctor.shop import NEEDED
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

ROOT = Path(__file__).parents[2]
DEAD = "http://127.0.0.1:9"
SECRETS = ("first" * 6, "second" * 6)


@dataclass
class House:
    """A set-up that is well, until a test breaks it."""

    rig: Rig
    shop: SmallShop
    sandbox: Sandbox

    def findings(self, code: int, *arguments: str, **env: str) -> list[dict[str, str]]:
        """What doctor says, with that exit code; everything that is not well says what to do."""
        ended = self.rig.run("doctor", "--json", *arguments, **env)
        assert ended.code == code, (ended.code, ended.out, ended.err)
        found: list[dict[str, str]] = ended.json["findings"]
        assert all(one["todo"] for one in found if one["level"] != "ok"), found
        assert self.rig.run("doctor", *arguments, **env).code == code
        # The simulator is announced in every answer; here that is no fault.
        return [one for one in found if "simulator" not in one["message"]]

    def points_at(self, name: str, level: str, code: int, *words: str, **env: str) -> None:
        """One finding is not well, and it is that one; it says these words."""
        found = self.findings(code, **env)
        bad = [one for one in found if one["level"] != "ok" and one["name"] != "sqlite"]
        assert [(one["name"], one["level"]) for one in bad] == [(name, level)], bad
        told = f"{bad[0]['message']} {bad[0]['todo']}"
        for word in words:
            assert word in told, told

    def belongs_to(self, warehouse: str) -> None:
        """Let the ledger have been begun with that warehouse."""
        with closing(open_ledger(self.rig.ledger_path)) as ledger:
            ledger.meta.put("identity.warehouse", f"{warehouse} sandbox")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    # As an installed program is; where Python is told to write no bytecode, this one is not.
    py_compile.compile(machine.__file__)
    with SmallShop() as shop, Sandbox(strict=True) as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        rig.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        shop.state.place_order([("MUG", 1)])
        rig.sync()
        yield House(rig, shop, sandbox)


def test_all_is_well(house: House) -> None:
    found = house.findings(0)
    bad = [one for one in found if one["level"] != "ok" and one["name"] != "sqlite"]
    assert bad == []
    names = {one["name"] for one in found}
    assert names >= {"Vendure", "VeraCore", "permissions", "stock locations", "SKUs", "network"}
    assert names >= {"clock", "webhooks", "units", "bytecode", "ledger", "AddOrder", "dialect"}
    assert "1 on both sides, 0 only at VeraCore" in json.dumps(found)


# ---- the brief's four troubles ------------------------------------------------------------------


def test_1_authentication_of_the_shop(house: House) -> None:
    house.points_at("Vendure", "fail", 77, "vendure.password", VENDURE_PASSWORD="wrong")


def test_2_authentication_of_the_warehouse(house: House) -> None:
    wrong = {"VERACORE_CLIENT_SECRET": "wrong"}
    house.points_at("VeraCore", "fail", 77, "veracore.client_secret", **wrong)


def test_3_nobody_answers(house: House) -> None:
    house.belongs_to(f"oms {DEAD}")
    house.points_at("VeraCore", "fail", 69, "refused", "veracore.api_url", VERACORE_API_URL=DEAD)


def test_4_answers_come_slowly(house: House) -> None:
    house.rig.control("faults", {"delay_ms": 1700, "operations": ["GetProductAvailabilities"]})
    slow = {"VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "6"}
    house.points_at("network", "warn", 0, "raise veracore.timeout_seconds", **slow)


def test_5_skus_on_one_side_only(house: House) -> None:
    house.shop.state.add_variant("GHOST")
    house.points_at("SKUs", "warn", 0, "1 (GHOST)", "skus.aliases", "skus.exclude")
    excluded = house.findings(0, VERACORE_SYNC_SKUS__EXCLUDE="ghost")
    assert "GHOST" not in json.dumps(excluded)


def listening(house: House, secret: str) -> str:
    env = {"VERACORE_WEBHOOK_SECRET": secret}
    process = house.rig.start("serve-webhooks", "--port", "0", **env)
    assert process.stdout is not None
    return process.stdout.readline().strip().rpartition(":")[2]


def test_6_another_webhook_secret_than_the_listener_has(house: House) -> None:
    port = listening(house, SECRETS[0])
    same = {"VERACORE_WEBHOOK_SECRET": SECRETS[0], "VERACORE_SYNC_WEBHOOKS__PORT": port}
    other = same | {"VERACORE_WEBHOOK_SECRET": SECRETS[1]}
    try:
        assert "took a signed delivery" in json.dumps(house.findings(0, **same))
        house.points_at("webhooks", "fail", 77, "another secret", "webhooks.port", **other)
    finally:
        house.rig.end()
    house.points_at("webhooks", "warn", 0, "no answer", "systemctl", **same)


# ---- and more -----------------------------------------------------------------------------------


def test_7_a_role_without_a_permission(house: House) -> None:
    held = {"ReadOrder", "UpdateOrder", "ReadCatalog", "UpdateCatalog", "ReadStockLocation"}
    role = {"VENDURE_USERNAME": "role", "VENDURE_PASSWORD": "secret"}
    house.shop.access.add_administrator("role", "secret", held - {"UpdateOrder"})
    house.points_at("permissions", "warn", 0, "sync-tracking", "UpdateOrder", **role)
    house.shop.access.add_administrator("role", "secret", held - {"ReadOrder"})
    house.points_at("Vendure", "fail", 77, "ReadOrder", **role)


def test_8_the_wrong_dialect_for_the_address(house: House) -> None:
    rest = f"{house.sandbox.url}/v1"
    wrong = {"VERACORE_API_URL": rest, "VERACORE_SYNC_VERACORE__API": "oms"}
    house.belongs_to(f"oms {rest}")
    house.points_at("VeraCore", "fail", 78, 'veracore.api = "rest"', **wrong)


def test_9_several_stock_locations_and_no_mapping(house: House) -> None:
    house.shop.state.add_location("Berlin")
    house.points_at("stock locations", "fail", 78, "inventory.locations", "Berlin")


def test_10_a_shipping_method_without_freight(house: House) -> None:
    freight = json.dumps({"other": {"carrier": "UPS", "service": "Ground"}})
    one = {"VERACORE_SYNC_ORDERS__FREIGHT": freight}
    house.points_at("shipping methods", "warn", 0, '[orders.freight."standard-shipping"]', **one)


def test_11_a_clock_that_is_off(tmp_path: Path, house: House) -> None:
    later = Sandbox(strict=True, clock=lambda: datetime.now(UTC) + timedelta(minutes=10))
    with later as sandbox:
        house.rig.sandbox = sandbox
        house.belongs_to(f"oms {sandbox.url}")
        house.rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        house.points_at("clock", "warn", 0, "VeraCore's clock is ", "ahead of ours", "timedatectl")


def test_12_a_clock_that_was_set_back(house: House) -> None:
    ledger = open_ledger(house.rig.ledger_path)
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE runs SET started_at = '2999-01-01T00:00:00.000Z'")
    ledger.close()
    house.points_at("clock", "warn", 0, "in the future", "timedatectl")


def test_13_a_damaged_ledger(house: House) -> None:
    for file in house.rig.folder.glob("ledger.db-*"):
        file.unlink()
    house.rig.ledger_path.write_bytes(b"no database at all" * 500)
    found = house.findings(74)
    bad = [one for one in found if one["level"] != "ok" and one["name"] != "sqlite"]
    assert [(one["name"], one["level"]) for one in bad] == [("ledger", "fail"), ("ledger", "warn")]
    assert "restore" in bad[0]["todo"]
    assert "were not contacted" in bad[1]["message"]


def test_14_a_setting_that_is_missing(house: House) -> None:
    house.points_at("configuration", "fail", 78, "veracore.company_id", VERACORE_COMPANY_ID="")


def test_15_secrets_that_others_may_read(house: House, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[vendure]\npassword = "sandbox"\n')
    file.chmod(0o644)
    named = {"VERACORE_SYNC_CONFIG": str(file)}
    house.points_at("configuration", "warn", 0, "chmod o-rwx", **named)


def test_16_units_with_another_interval(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "units"
    folder.mkdir()
    for unit in (ROOT / "systemd").glob("*.timer"):
        shutil.copy(unit, folder)
    offline = ("--offline", "--systemd-dir", str(folder))
    assert named(house.findings(0, *offline), "units")["level"] == "ok"
    other = {"VERACORE_SYNC_ORDERS__INTERVAL_MINUTES": "7"}
    found = named(house.findings(0, *offline, **other), "units")
    assert (found["level"], "veracore-sync-orders.timer" in found["message"]) == ("warn", True)


def named(found: list[dict[str, str]], name: str) -> dict[str, str]:
    return next(one for one in found if one["name"] == name)


def test_17_a_hook_that_is_not_there(house: House) -> None:
    missing = {"VERACORE_SYNC_HOOKS__COMMAND": "/no/such/hook"}
    house.points_at("hooks", "fail", 78, "/no/such/hook", **missing)


def test_18_a_key_that_vendure_tells_nothing_of(house: House) -> None:
    key = house.shop.access.add_api_key(["ReadOrder"])
    only_orders = {"VENDURE_PASSWORD": "", "VENDURE_USERNAME": "", "VENDURE_API_KEY": key}
    found = house.findings(0, **only_orders)
    assert named(found, "stock locations")["level"] == "warn"
    assert "ReadStockLocation" in named(found, "stock locations")["todo"]
    assert "ReadCatalog" in named(found, "SKUs")["todo"]


def test_19_a_configuration_that_cannot_be_read(house: House) -> None:
    ended: Ended = house.rig.run("doctor", "--json", VERACORE_SYNC_ORDERS__PRISES="net")
    assert ended.code == 78
    assert "__PRICES" in json.dumps(ended.json["error"])


def test_a_program_that_nobody_compiled(tmp_path: Path, house: House) -> None:
    copy = tmp_path / "program"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "veracore_sync", copy / "veracore_sync", ignore=ignored)
    env = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}
    found = named(house.findings(0, "--offline", **env), "bytecode")
    assert found["level"] == "warn"
    assert f"compileall -q {copy}" in found["todo"]


# ---- what it says agrees with the documents -----------------------------------------------------


def test_the_permissions_are_those_of_the_documents() -> None:
    page = (ROOT / "docs" / "vendure.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `sync-")]
    assert len(rows) == len(NEEDED)
    for row in rows:
        job = row.split("`")[1]
        named_there = set(row.split("`")[3::2])
        assert named_there == {one for group in NEEDED[job] for one in group}, job


# ---- what a setting names and the shop has not ---------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "finding", "level", "code", "words"),
    [
        (
            "ORDERS__TRIGGER_STATES",
            '["PaymentSettled", "PaymentSetled"]',
            "names",
            "fail",
            78,
            'orders.trigger_states: the shop has no order state "PaymentSetled"; did you mean '
            '"PaymentSettled"?',
        ),
        (
            "TRACKING__HANDLER",
            "manual-fulfilment",
            "names",
            "fail",
            78,
            'tracking.handler: the shop has no fulfilment handler "manual-fulfilment"; did you '
            'mean "manual-fulfillment"?',
        ),
        (
            "ORDERS__CHANNELS",
            '["__defualt_channel__"]',
            "Vendure",
            "fail",
            78,
            'orders.channels: the shop has no channel "__defualt_channel__"; did you mean '
            '"__default_channel__"?',
        ),
        (
            "ORDERS__FREIGHT",
            '{"standard-shipping": {"code": "U"}, "exprss-shipping": {"code": "X"}}',
            "shipping methods",
            "warn",
            0,
            'orders.freight: the shop has no shipping method "exprss-shipping"; did you mean '
            '"express-shipping"?',
        ),
        (
            "ORDERS__SKIP_SHIPPING_METHODS",
            '["exprss-shipping"]',
            "shipping methods",
            "warn",
            0,
            "orders.skip_shipping_methods: the shop has no shipping method "
            '"exprss-shipping"; did you mean "express-shipping"?',
        ),
        (
            "INVENTORY__LOCATIONS",
            '{"MAIN": "Default Stock Locatoin"}',
            "stock locations",
            "fail",
            78,
            'no stock location "Default Stock Locatoin"; did you mean "Default Stock Location"?',
        ),
        (
            "SKUS__EXCLUDE",
            '["MUGG", "Mug"]',
            "SKUs",
            "warn",
            0,
            'skus.exclude: the shop has no SKU "MUGG"; did you mean "MUG"?',
        ),
        ("SKUS__ALIASES", '{"MUGG": "X"}', "SKUs", "warn", 0, "skus.aliases: the shop has no SKU"),
        (
            "SKUS__KITS",
            '{"MUGG": {"X": 1}}',
            "SKUs",
            "warn",
            0,
            "skus.kits: the shop has no SKU",
        ),
        (
            "INVENTORY__BUFFERS",
            '{"MUGG": 1}',
            "SKUs",
            "warn",
            0,
            "inventory.buffers: the shop has no SKU",
        ),
    ],
)
def test_a_name_that_the_shop_has_not(
    house: House, setting: str, value: str, finding: str, level: str, code: int, words: str
) -> None:
    house.shop.state.add_shipping_method("express-shipping", "Express", 900)
    env = {f"VERACORE_SYNC_{setting}": value}
    house.points_at(finding, level, code, words, **env)


def test_many_names_that_the_shop_has_not_are_counted(house: House) -> None:
    value = json.dumps([f"NO-SUCH-{number}" for number in range(9)])
    house.points_at("SKUs", "warn", 0, "and 4 more", VERACORE_SYNC_SKUS__EXCLUDE=value)


def test_methods_that_the_role_may_not_see_are_not_guessed_at(house: House) -> None:
    held = {"ReadOrder", "UpdateOrder", "ReadCatalog", "UpdateCatalog", "ReadStockLocation"}
    house.shop.access.add_administrator("clerk", "pass", held)
    who = {"VENDURE_USERNAME": "clerk", "VENDURE_PASSWORD": "pass"}
    found = house.findings(0, VERACORE_SYNC_ORDERS__SKIP_SHIPPING_METHODS='["pick-up"]', **who)
    assert named(found, "shipping methods")["level"] == "ok"
