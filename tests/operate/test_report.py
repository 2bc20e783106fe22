"""``report`` after orders were sent and shipped: table, CSV and JSON say the same."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from rig import HereRig

from veracore_sync.cli.commands import COMMANDS
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

CARRIERS = ("UPS", "=HYPERLINK(1)")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HereRig]:
    folder = tmp_path_factory.mktemp("report")
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        made = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox)
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        for _ in CARRIERS:
            shop.state.place_order([("MUG", 1)])
        made.sync()
        for carrier, order in zip(CARRIERS, made.placed().values(), strict=True):
            package = {"tracking": f"1Z{carrier[:2]}", "carrier": carrier, "service": "Ground"}
            made.control("ship", {"order": order["id"], "packages": [package]})
        assert made.run("sync-tracking").code == 0
        yield made


def test_one_period_in_three_forms(rig: HereRig) -> None:
    document = rig.run("report", "--json").json
    assert len(document["rows"]) == 30
    assert document["rows"][-1]["day"] == document["until"]
    total = document["total"]
    assert (total["orders"], total["sent"], total["shipments"]) == (2, 2, 2)
    assert total["freight"] == 1622
    # From the payment in the shop to the request, and from there to the label.
    assert (total["paidToSent"]["count"], total["paidToSent"]["unknown"]) == (2, 0)
    assert total["sentToShipped"]["count"] == 2
    ended = rig.run("report", "--by", "carrier", "--csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [(row["carrier"], row["freight"]) for row in rows] == [
        # A spreadsheet must not run what a warehouse calls a carrier.
        ("'=HYPERLINK(1)", "811"),
        ("UPS", "811"),
    ]
    told = rig.run("report", "--by", "service", VERACORE_SYNC_VERACORE__CURRENCY="usd").out
    first, _, headings, *lines = told.splitlines()
    assert "days of UTC; amounts in USD" in first
    assert " ".join(headings.split()) == "carrier service shipments packages freight to ship 95 %"
    assert [line.split()[:5] for line in lines[1:3]] == [
        ["UPS", "Ground", "1", "1", "8.11"],
        ["total", "2", "2", "16.22", "0"],
    ]
    shown = rig.run("report").out
    assert max(map(len, shown.splitlines())) <= 100
    # Days without anything are counted and not listed; a script gets them all.
    assert len(re.findall(r"(?m)^\d{4}-\d\d-\d\d +\d", shown)) in (1, 2)
    assert re.search(r"(?m)^without any: 2[89] days$", shown)


SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/report.json").read_text())


@pytest.mark.parametrize("by", ["day", "carrier", "service"])
def test_the_document_is_that_of_its_schema(rig: HereRig, by: str) -> None:
    document = rig.run("report", "--by", by, "--json").json
    assert document.keys() == set(SCHEMA["required"]) == set(SCHEMA["properties"])
    line, spans = SCHEMA["$defs"]["line"], SCHEMA["$defs"]["spans"]
    names = {"day", "carrier", "service"}
    for row in (*document["rows"], document["total"]):
        assert set(line["required"]) <= row.keys() <= set(line["properties"])
        assert row["sentToShipped"].keys() == set(spans["required"])
    about = {"carrier", "service"} if by == "service" else {by}
    assert document["rows"][0].keys() & names == about
    assert document["total"].keys() & names == set()


PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
TYPED = [
    *(line for line, _ in COMMANDS["report"].examples),
    *re.findall(r"(?m)^veracore-sync (report.*)$", PAGE),
]


@pytest.mark.parametrize("typed", TYPED)
def test_each_example_runs(rig: HereRig, typed: str) -> None:
    ended = rig.run(*shlex.split(typed))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out


def test_a_period_without_anything(rig: HereRig) -> None:
    period = ("--since", "2020-01-01", "--until", "2020-01-02")
    assert "nothing was ordered" in rig.run("report", "--by", "carrier", *period).out
    assert rig.run("report", *period, "--json").json["total"]["orders"] == 0
    [headings] = rig.run("report", "--by", "service", "--csv", *period).out.splitlines()
    assert headings.startswith("carrier,service,shipments,packages,freight,")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--since", "2026-02-01", "--until", "2026-01-01"), "is after --until"),
        (("--since", "1990-01-01"), "more than 3660 days"),
        (("--until", "9999-12-31"), "more than 3660 days from today"),
        (("--until", "0001-01-01"), "more than 3660 days from today"),
        (("--csv", "--json"), "exclude each other"),
        (("--by", "week"), "week"),
        (("--since", "yesterday"), "yesterday"),
    ],
)
def test_what_makes_no_sense_is_refused(
    rig: HereRig, arguments: tuple[str, ...], told: str
) -> None:
    ended = rig.run("report", *arguments)
    assert ended.code == 2
    assert told in ended.out + ended.err


class FileRig(HereRig):
    """Is configured by its files alone."""

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder)}


def test_every_shop_of_a_folder(rig: HereRig) -> None:
    shops = rig.folder / "shops"
    shops.mkdir()
    with closing(open_ledger(rig.folder / "two.db")):
        pass  # the other shop, of which nothing is known yet
    for name, ledger in (("one", rig.ledger_path), ("two", rig.folder / "two.db")):
        (shops / f"{name}.toml").write_text(
            f'[vendure]\nadmin_api_url = "https://{name}.example/admin-api"\n'
            f'[ledger]\npath = "{ledger}"\n'
        )
        (shops / f"{name}.toml").chmod(0o600)
    files = FileRig(**{one.name: getattr(rig, one.name) for one in fields(rig)})
    every = ("--config", str(shops), "report")
    ended = files.run(*every, "--by", "carrier", "--csv")
    assert ended.code == 0, ended.err
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [(row["shop"], row["carrier"]) for row in rows] == [
        ("one", "'=HYPERLINK(1)"),
        ("one", "UPS"),
    ]
    found = files.run(*every, "--json").json["shops"]
    assert {name: one["total"]["orders"] for name, one in found.items()} == {"one": 2, "two": 0}
    assert "== two" in files.run(*every).out
