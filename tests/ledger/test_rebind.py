"""``ledger rebind``: the orders prove that an address is another one of the same shop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import ledger_server
import pytest
from rig import Rig

from veracore_sync.domain.errors import Occurrence
from veracore_sync.ledger.opening import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

REBIND = ("ledger", "rebind", "--json")
SHOP, WAREHOUSE = "VENDURE_ADMIN_API_URL", "VERACORE_API_URL"
POINTS = ("rebind proven", "rebind written", "rebind done")


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as made:
        made.state.add_variant("MUG", on_hand=100)
        yield made


@pytest.fixture(params=["file", "postgres"])
def rig(shop: SmallShop, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Three orders were sent, and a fourth is waiting."""
    with Sandbox() as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        if request.param == "postgres":
            made.server = ledger_server.new_place()
        for n in range(3):
            placed = shop.state.now() - timedelta(hours=3 - n)
            shop.state.place_order([("MUG", n + 1)], placed_at=placed)
        made.sync()
        shop.state.place_order([("MUG", 5)])
        yield made
        made.end()
        if made.server is not None:
            ledger_server.drop(made.server)


def elsewhere(url: str) -> str:
    """Another address of the same server."""
    return url.replace("127.0.0.1", "localhost")


def another(shop: SmallShop, replayed: int, seed: int = 0, later: float = 0) -> SmallShop:
    """A shop with the first orders of that one, under the same codes and ids."""
    made = SmallShop(seed=seed)
    made.state.add_variant("MUG", on_hand=100)
    for order in list(shop.state.orders.values())[:replayed]:
        placed = order.placed_at
        assert placed is not None
        made.state.place_order([("MUG", 1)], placed_at=placed + timedelta(seconds=later))
    return made


def bound(rig: Rig, side: str = "shop") -> str:
    with rig.ledger() as ledger:
        return ledger.meta.get(f"identity.{side}") or ""


def rebind(rig: Rig, *options: str, code: int = 0, **env: str) -> Any:
    ended = rig.run(*REBIND, *options, **env)
    assert ended.code == code, (ended.code, ended.out, ended.err)
    return ended.json


def refused(rig: Rig, **env: str) -> str:
    """It is refused, shown or applied, and nothing is changed; the message."""
    before = bound(rig), bound(rig, "warehouse")
    shown = rebind(rig, code=78, **env)["error"]
    assert rebind(rig, "--apply", code=78, **env)["error"]["message"] == shown["message"]
    assert (bound(rig), bound(rig, "warehouse")) == before
    assert "nothing was changed" in shown["message"]
    return f"{shown['message']} ({shown['hint']})"


@pytest.mark.parametrize("name", [SHOP, WAREHOUSE])
def test_the_same_at_another_address_keeps_its_ledger(rig: Rig, name: str) -> None:
    url = elsewhere(rig.shop_url if name == SHOP else rig.sandbox.url)
    moved = {name: url}
    ended = rig.run("sync-orders", **moved)
    assert ended.code == 78
    assert "`veracore-sync ledger rebind`" in ended.err.replace("\n", " ")
    assert "ledger rebind" in rig.run("doctor", "--offline", **moved).out
    (side,) = rebind(rig, **moved)["sides"]
    assert (side["compared"], side["missing"], side["differing"]) == (3, [], [])
    shown = rig.run("ledger", "rebind", **moved)
    assert "3 of the 3 newest orders are there" in shown.out
    assert "`veracore-sync ledger rebind --apply`" in shown.out
    assert rig.run("sync-orders", **moved).code == 78
    assert rebind(rig, "--apply", **moved)["applied"] is True
    done = rig.sync(**moved)
    assert (done["submitted"], done["adopted"]) == (1, 0)
    assert {one["submissions"] for one in rig.placed().values()} == {1}
    assert rebind(rig, "--apply", **moved) == {"applied": False, "sides": []}
    assert rig.run("sync-orders").code == 78
    with rig.ledger() as ledger:
        assert [run.command for run in ledger.runs.latest()].count("ledger rebind") == 1


def test_both_sides_at_once(rig: Rig) -> None:
    moved = {SHOP: elsewhere(rig.shop_url), WAREHOUSE: elsewhere(rig.sandbox.url)}
    with closing(open_ledger(rig.server or rig.ledger_path)) as ledger:
        breaker = ledger.breakers.one("vendure", "orders", threshold=1, cooldown=timedelta(hours=1))
        breaker.after(Occurrence.NOT_CONNECTED)
        assert [one.state for one in ledger.breakers.all()] == ["open"]
    done = rebind(rig, "--apply", **moved)
    assert [one["side"] for one in done["sides"]] == ["shop", "warehouse"]
    with rig.ledger() as ledger:
        assert [one.state for one in ledger.breakers.all()] == ["closed"]
        run = ledger.runs.last_ended("ledger rebind")
        assert run is not None
        assert "localhost" in run.result["shop"]
        assert "localhost" in run.result["warehouse"]
    assert rig.sync(**moved)["submitted"] == 1


def test_what_another_ledger_sent_meanwhile_is_looked_up(rig: Rig) -> None:
    moved = {SHOP: elsewhere(rig.shop_url)}
    meanwhile = {"VERACORE_SYNC_LEDGER__PATH": str(rig.folder / "other.db")}
    meanwhile["VERACORE_SYNC_LEDGER__URL"] = ""
    assert rig.sync(**moved, **meanwhile)["submitted"] == 1
    rebind(rig, "--apply", **moved)
    done = rig.sync(**moved)
    assert (done["submitted"], done["adopted"]) == (0, 1)


def test_another_shop_is_refused(rig: Rig, shop: SmallShop) -> None:
    with another(shop, 4, seed=7) as other:
        said = refused(rig, **{SHOP: other.admin_url})
    assert "none of the ledger's 3 newest orders is at the shop" in said
    assert f"the ledger belongs to {rig.shop_url} default" in said


def test_another_shop_with_the_same_codes_is_refused(rig: Rig, shop: SmallShop) -> None:
    with another(shop, 4, later=2) as other:
        said = refused(rig, **{SHOP: other.admin_url})
        url = other.admin_url
    assert f"differing at the shop {url} default: 3 of the ledger's 3 newest orders" in said


def test_a_copy_lacks_the_newest_orders(rig: Rig, shop: SmallShop) -> None:
    with another(shop, 2) as copy:
        copy.state.place_order([("MUG", 9)], placed_at=copy.state.now() - timedelta(days=1))
        said = refused(rig, **{SHOP: copy.admin_url})
        code = list(shop.state.orders.values())[2].code
        # The copy's own third order has the code that the shop's third has.
        assert ": 1 of the ledger's 3 newest orders; " in said
        assert "differing at the shop" in said
        assert code in said


def test_some_are_missing(rig: Rig, shop: SmallShop) -> None:
    with another(shop, 2) as copy:
        said = refused(rig, **{SHOP: copy.admin_url})
        assert "missing at the shop" in said
        assert ": 1 of the ledger's 3 newest orders, such as " in said
        assert "`veracore-sync ledger rebind --apply --allow-missing`" in said
        shown = rig.run("ledger", "rebind", "--allow-missing", **{SHOP: copy.admin_url})
        assert "`veracore-sync ledger rebind --apply --allow-missing` does it" in shown.out
        done = rebind(rig, "--apply", "--allow-missing", **{SHOP: copy.admin_url})
        assert len(done["sides"][0]["missing"]) == 1
        assert bound(rig).startswith(copy.admin_url)


def test_another_warehouse_is_refused(rig: Rig) -> None:
    with Sandbox() as other:
        said = refused(rig, **{WAREHOUSE: other.url})
        assert "none of the ledger's 3 newest orders is at the warehouse" in said
        assert "`veracore-sync doctor`" in said
        theirs = {"VERACORE_SYNC_LEDGER__PATH": str(rig.folder / "other.db")}
        theirs["VERACORE_SYNC_LEDGER__URL"] = ""
        with SmallShop() as shop:
            shop.state.add_variant("MUG", on_hand=100)
            for _ in range(3):
                shop.state.place_order([("MUG", 7)])
            rig.sync(**{WAREHOUSE: other.url, SHOP: shop.admin_url}, **theirs)
        said = refused(rig, **{WAREHOUSE: other.url})
        assert "differing at the warehouse" in said
        assert "other content" in said


def test_a_side_that_does_not_answer_changes_nothing(rig: Rig) -> None:
    for name, url in ((SHOP, "http://127.0.0.1:9/admin-api"), (WAREHOUSE, "http://127.0.0.1:9")):
        rebind(rig, "--apply", code=69, **{name: url})
    rebind(rig, "--apply", code=77, **{SHOP: elsewhere(rig.shop_url), "VENDURE_PASSWORD": "wrong"})
    assert rig.sync()["submitted"] == 1


@pytest.mark.parametrize("job", ["orders", "webhooks", "hints", "admin", "deliver"])
def test_while_anything_is_at_work_nothing_is_changed(rig: Rig, job: str) -> None:
    moved = {SHOP: elsewhere(rig.shop_url)}
    with closing(open_ledger(rig.server or rig.ledger_path)) as ledger:
        with ledger.runs.lock(job, "serve-webhooks"):
            error = rebind(rig, "--apply", code=75, **moved)["error"]
        assert "nothing was rebound" in error["message"]
        assert "on every host" in error["hint"]
    assert bound(rig).startswith(rig.shop_url)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_moment_it_is_the_old_or_the_new(rig: Rig, point: str) -> None:
    moved = {SHOP: elsewhere(rig.shop_url), WAREHOUSE: elsewhere(rig.sandbox.url)}
    killed = {"VERACORE_SYNC_TEST_FAILPOINT": f"{point}:kill"}
    process = rig.start(*REBIND, "--apply", **moved, **killed)
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL
    if rig.server is not None:
        ledger_server.end_leases(rig.server)
    is_new = point == "rebind done"
    assert {"localhost" in bound(rig, side) for side in ("shop", "warehouse")} == {is_new}
    assert rebind(rig, "--apply", **moved)["applied"] is not is_new
    assert rig.sync(**moved)["submitted"] == 1


def test_a_backup_from_before_is_restored_with_the_old_address(rig: Rig) -> None:
    backup = str(rig.folder / "copy")
    assert rig.run("ledger", "backup", backup).code == 0
    moved = {SHOP: elsewhere(rig.shop_url)}
    rebind(rig, "--apply", **moved)
    rig.sync(**moved)
    ended = rig.run("ledger", "restore", backup, "--json", **moved)
    assert ended.code == 78
    hint = ended.json["error"]["hint"]
    # To rebind the ledger that is here would change nothing about the backup.
    assert "restored with the settings of its time" in hint and "rebind" not in hint
    assert rig.run("ledger", "restore", backup).code == 0
    assert rig.run("sync-orders", **moved).code == 78
    rebind(rig, "--apply", **moved)
    done = rig.sync(**moved)
    assert (done["submitted"], done["adopted"]) == (0, 1)


def test_a_ledger_without_orders_has_nothing_to_prove_it(tmp_path: Path) -> None:
    with SmallShop() as shop, Sandbox() as sandbox:
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        assert rig.run(*REBIND, "--apply").code == 74
        assert not rig.ledger_path.exists()
        rig.sync()
        assert "no order that could be looked for" in refused(
            rig, **{SHOP: elsewhere(shop.admin_url)}
        )


@pytest.mark.parametrize("path", ["", "/", "/pmomsws/OMS.asmx"])
def test_how_an_address_is_spelled_never_matters(rig: Rig, path: str) -> None:
    shop = rig.shop_url.replace("http://127.0.0.1", "HTTP://LOCALHOST") + "/"
    rebind(rig, "--apply", **{SHOP: elsewhere(rig.shop_url)})
    assert rig.sync(**{SHOP: shop, WAREHOUSE: f"{rig.sandbox.url}{path}"})["submitted"] == 1


def test_the_other_dialect_of_the_same_account(rig: Rig) -> None:
    rig.dialect = "rest"
    assert rig.run("sync-orders").code == 78
    (side,) = rebind(rig, "--apply")["sides"]
    assert (side["bound"].split()[0], side["wanted"].split()[0]) == ("oms", "rest")
    assert (side["compared"], side["missing"]) == (3, [])
    assert rig.sync()["submitted"] == 1


def test_an_order_that_cannot_be_read_proves_nothing_and_stops_nothing(
    rig: Rig, shop: SmallShop
) -> None:
    bad = next(iter(shop.state.orders.values()))
    shop.spoiled.add(bad.id, "lines", "null")
    (side,) = rebind(rig, "--apply", **{SHOP: elsewhere(rig.shop_url)})["sides"]
    assert (side["compared"], side["missing"], side["differing"]) == (2, [], [])


def test_units_that_were_changed_by_hand_and_seen_are_the_same(rig: Rig) -> None:
    moved = {WAREHOUSE: elsewhere(rig.sandbox.url)}
    order = next(one for one in rig.sandbox.world.orders.values() if one.lines[0].quantity == 3)
    order.lines[0] = replace(order.lines[0], quantity=4)
    assert "other content" in refused(rig, **moved)
    rig.run("sync-tracking", "--order", order.reference, "--force")
    with rig.ledger() as ledger:
        assert ledger.holdings.known(order.reference) == (("MUG", 4),)
    assert rebind(rig, **moved)["sides"][0]["differing"] == []


def test_a_ledger_that_is_being_rebuilt_moves_along(tmp_path: Path) -> None:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=100)
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        for _ in range(3):
            shop.state.place_order([("MUG", 1)])
        rig.sync()
        for file in tmp_path.glob("ledger.db*"):
            file.unlink()
        assert rig.run("ledger", "rebuild", "--apply", "--lookups", "2").code == 0
        moved = {SHOP: elsewhere(shop.admin_url), WAREHOUSE: elsewhere(sandbox.url)}
        assert rig.run("ledger", "rebuild", "--apply", **moved).code == 78
        assert {one["compared"] for one in rebind(rig, "--apply", **moved)["sides"]} == {2}
        assert "being rebuilt" in rig.run("sync-orders", **moved).err
        assert rig.run("ledger", "rebuild", "--apply", **moved).code == 0
        assert (rig.sync(**moved)["submitted"], rig.sync(**moved)["adopted"]) == (0, 0)
