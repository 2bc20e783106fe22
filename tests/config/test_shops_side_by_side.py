"""What two shops of one folder must not have in common, whether both run together or one alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from veracore_sync.config import Loaded, load
from veracore_sync.config.given import keys
from veracore_sync.config.shops import (
    ShopFile,
    collision_with_neighbours,
    collisions,
    in_the_way,
    shops_in,
)
from veracore_sync.config.types import ValueKind

SHOP = """
[vendure]
admin_api_url = "https://{name}.example/admin-api"
username = "u"
[veracore]
api_url = "https://wms.example"
client_id = "c"
company_id = "{name}"
"""
PG = "[ledger]\nurl = 'postgresql://{}'\n"

SHARED = {
    "a ledger": ("[ledger]\npath = 'x/ledger.db'\n",) * 2,
    "a ledger behind a link": (
        "[ledger]\npath = 'x/ledger.db'\n",
        "[ledger]\npath = 'link/ledger.db'\n",
    ),
    "a schema": (PG.format("a@db.example/v"), PG.format("b@db.example:5432/v?sslmode=require")),
    "a schema, its host named otherwise": (
        PG.format("a@db.example/v"),
        PG.format("/v?host=db.example"),
    ),
    "a schema, one of its servers named": (
        PG.format("a@db1.example:5432,db2.example:5433/v?target_session_attrs=read-write"),
        PG.format("db2.example:5433/v"),
    ),
    "a schema, its servers named after the database": (
        PG.format("/v?host=db1.example,db2.example&port=5432,5433"),
        PG.format("DB2.example:5433/v"),
    ),
    "a schema of a socket": (PG.format("%2Frun%2Fa/v"), PG.format("/v?host=/run/a")),
    "a schema of this machine": (PG.format("[::1]/v"), PG.format("[::1]:5432/v")),
    "a textfile": ("[metrics]\ntextfile = '/x/a.prom'\n[ledger]\npath = '{name}.db'\n",) * 2,
    "a textfile behind a link": (
        "[metrics]\ntextfile = '{folder}/x/a.prom'\n[ledger]\npath = '{name}.db'\n",
        "[metrics]\ntextfile = '{folder}/link/a.prom'\n[ledger]\npath = '{name}.db'\n",
    ),
    "a ledger that is the other's textfile": (
        "[metrics]\ntextfile = '{folder}/x/a.prom'\n[ledger]\npath = '{name}.db'\n",
        "[ledger]\npath = 'x/a.prom'\n",
    ),
}
APART = {
    "ledgers": ("[ledger]\npath = 'x/a.db'\n", "[ledger]\npath = 'x/b.db'\n"),
    "clusters on one machine": (PG.format("/v?host=/run/a"), PG.format("/v?host=/run/b")),
    "servers of a file of services": (PG.format("/v?service=a"), PG.format("/v?service=b")),
    "ports": (PG.format("db.example/v"), PG.format("db.example:5433/v")),
    "textfiles": (
        "[metrics]\ntextfile = '/x/a.prom'\n[ledger]\npath = '{name}.db'\n",
        "[metrics]\ntextfile = '/x/b.prom'\n[ledger]\npath = '{name}.db'\n",
    ),
}


def written(folder: Path, texts: tuple[str, ...], form: str) -> list[Path]:
    (folder / "x").mkdir()
    (folder / "link").symlink_to(folder / "x")
    paths = []
    for number, text in enumerate(texts, 1):
        name = f"shop{number}"
        path = folder / form.format(name)
        path.parent.mkdir(exist_ok=True)
        # A ledger's path is relative to its file.
        text = text.replace("path = '", f"path = '{folder}/")
        path.write_text(SHOP.format(name=name) + text.format(name=name, folder=folder))
        path.chmod(0o600)
        paths.append(path)
    return paths


@pytest.mark.parametrize("form", ["{}.toml", "{}/config.toml"])
@pytest.mark.parametrize("name", SHARED)
def test_what_both_have_stops_both_and_both_files_are_named(
    tmp_path: Path, name: str, form: str
) -> None:
    paths = written(tmp_path, SHARED[name], form)
    found = collisions([(shop, load(shop.path, {})) for shop in shops_in(tmp_path)])
    assert set(found) == {"shop1", "shop2"}
    for error in found.values():
        assert error.exit_code == 78
        assert "shop1 and shop2" in error.message
        assert all(str(path) in (error.hint or "") for path in paths), error.hint
    alone = collision_with_neighbours(load(paths[0], {}), {})
    assert alone is not None and alone.message == found["shop1"].message


@pytest.mark.parametrize("name", APART)
def test_what_only_looks_alike_stops_nobody(tmp_path: Path, name: str) -> None:
    paths = written(tmp_path, APART[name], "{}.toml")
    assert not collisions([(shop, load(shop.path, {})) for shop in shops_in(tmp_path)])
    assert collision_with_neighbours(load(paths[1], {}), {}) is None


ACCOUNT = """
[vendure]
admin_api_url = "{shop}"
username = "u"
{channel}
[veracore]
api_url = "{warehouse}"
client_id = "c"
company_id = "c"
[orders]
{orders}
[ledger]
path = "{ledger}.db"
"""
ONE = {"shop": "https://s.example/admin-api", "channel": "", "warehouse": "https://w.example"} | {
    "orders": ""
}
EAST = {"channel": "channel_token = 'east'"}
WEST = {"channel": "channel_token = 'west'"}
OWN_IDS = {"orders": "id_prefix = 'B-'"}
ITS_OWN = {"orders": "channels = ['__default_channel__']"}
OTHER_SHOP = {"shop": "https://t.example/admin-api"}


def of_an_account(folder: Path, *changes: Mapping[str, str]) -> list[tuple[ShopFile, Loaded]]:
    for number, change in enumerate(changes, 1):
        path = folder / f"shop{number}.toml"
        path.write_text(ACCOUNT.format(**ONE | change, ledger=folder / str(number)))
        path.chmod(0o600)
    return [(shop, load(shop.path, {})) for shop in shops_in(folder)]


@pytest.mark.parametrize(
    ("one", "other", "collides"),
    [
        ({}, OWN_IDS, True),
        ({}, {"shop": "https://S.example:443/admin-api/"} | OWN_IDS, True),
        ({}, {"warehouse": "https://W.example/pmomsws/oms.asmx"} | OWN_IDS, True),
        ({}, {"warehouse": "https://w.example:443/pmomsws/order.asmx?wsdl"} | OWN_IDS, True),
        ({}, EAST, True),
        (ITS_OWN, EAST, False),
        (EAST, WEST, False),
        (EAST, EAST, True),
        ({}, OTHER_SHOP, False),
        ({}, {"warehouse": "https://v.example"}, False),
    ],
)
def test_no_order_is_carried_by_two_however_addresses_are_written(
    tmp_path: Path, one: Mapping[str, str], other: Mapping[str, str], collides: bool
) -> None:
    found = collisions(of_an_account(tmp_path, one, other))
    assert set(found) == ({"shop1", "shop2"} if collides else set())
    assert all("one shop to one warehouse" in error.message for error in found.values())


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (OTHER_SHOP, ["shop2"]),
        (OTHER_SHOP | {"warehouse": "https://w.example/pmomsws"}, ["shop2"]),
        (OTHER_SHOP | OWN_IDS, []),
        (OTHER_SHOP | {"warehouse": "https://v.example"}, []),
        (EAST, []),
    ],
)
def test_shops_whose_ids_meet_at_veracore_are_named(
    tmp_path: Path, other: Mapping[str, str], named: list[str]
) -> None:
    [(_, loaded), _] = of_an_account(tmp_path, {}, other)
    assert in_the_way(loaded, {})[0] == named


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({}, ["shop2"]),
        ({"shop": "https://S.example:443/admin-api/"} | OWN_IDS, ["shop2"]),
        (EAST, ["shop2"]),
        ({"warehouse": ONE["warehouse"]}, []),
        (OTHER_SHOP, []),
        ({"orders": "channels = ['south']"}, []),
        ({"orders": "[skus]\nexclude = ['GIFT']"}, []),
    ],
)
def test_who_sends_the_orders_of_one_shop_to_another_account_is_named(
    tmp_path: Path, other: Mapping[str, str], named: list[str]
) -> None:
    here = {"orders": "channels = ['north']"} if "south" in str(other) else {}
    [(_, loaded), _] = of_an_account(tmp_path, here, {"warehouse": "https://v.example"} | other)
    assert in_the_way(loaded, {})[1] == named


@pytest.mark.parametrize(
    ("count", "named", "files"),
    [
        (2, "shop1 and shop2", 2),
        (5, "shop1, shop2, shop3, shop4 and shop5", 5),
        (6, "shop1, shop2, shop3, shop4 and 2 more", 4),
        (300, "shop1, shop10, shop100, shop101 and 296 more", 4),
    ],
)
def test_of_many_that_collide_the_first_are_named(
    tmp_path: Path, count: int, named: str, files: int
) -> None:
    found = collisions(of_an_account(tmp_path, *[OWN_IDS] * count))
    assert len(found) == count
    for error in found.values():
        assert error.message == f"{named} carry the orders of one shop to one warehouse"
        assert error.hint is not None
        assert error.hint.count(str(tmp_path)) == files


@pytest.mark.parametrize("unknown", ["api_url", "company_id"])
def test_an_account_that_is_not_known_is_no_other_one(tmp_path: Path, unknown: str) -> None:
    # The environment of the other's unit may name it.
    [(_, one), (shop, _)] = of_an_account(tmp_path, {}, {"warehouse": "https://v.example"})
    shop.path.write_text(re.sub(f"(?m)^{unknown} = .*", "", shop.path.read_text()))
    assert in_the_way(one, {})[1] == in_the_way(load(shop.path, {}), {})[1] == []


def test_a_ledger_that_leads_to_itself_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "1.db").symlink_to("1.db")
    found = of_an_account(tmp_path, {}, OTHER_SHOP)
    assert not collisions(found)
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    assert collision_with_neighbours(found[1][1], {}) is None


def test_a_shop_alone_passes_over_what_is_not_a_shops_file(tmp_path: Path) -> None:
    (path, _) = written(tmp_path, SHARED["a textfile"], "{}.toml")
    (tmp_path / "shop2.toml").write_text("[tool]\nname = 1\n")
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")
    assert collision_with_neighbours(load(path, {}), {}) is None


def test_each_setting_that_names_a_file_to_write_is_compared() -> None:
    """A new one must be thought of: two shops must not share it."""
    named = {
        key
        for key, info in keys().items()
        if any(isinstance(one, ValueKind) and "path" in one.name for one in info.metadata)
    }
    only_read = {f"{section}.ca_file" for section in ("vendure", "veracore", "hooks")}
    assert named - only_read == {"ledger.path", "metrics.textfile"}
