"""``probe``: it reads only, tells no value, and no bad answer keeps it from the others."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from probe_kit import ADDRESS, LONG, PERSON, SECRET, SKU, TRACKING, VOIDED, Bed, bed_of

from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.behaviour import Behaviour
from veracore_sync.sandbox.server import Sandbox

READS = {
    "wsdl",
    "GetOrderInfo",
    "GetProductAvailabilities",
    "GetShippingCharge",
    "GetShippingActivity",
    "GetProductReturns",
    "GetOffers",
    "GetProduct",
    "GetProducts",
    "Login",
    "CheckToken",
    "GetOrders",
    "GetPackages",
    "GetInventory",
    # A route that the simulator does not have: the description of the REST API.
    "unreadable",
}


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    with bed_of(tmp_path) as made:
        yield made


# ---- what it does --------------------------------------------------------------------------------


def test_it_creates_and_changes_nothing(bed: Bed) -> None:
    orders, seen = bed.control("orders"), len(bed.requests())
    shown = bed.probe()
    assert {one["operation"] for one in bed.requests()[seen:]} <= READS
    assert bed.control("orders") == orders
    assert shown["operations"]["AddOrder"] == {"called": False, "described": True}
    assert shown["operations"]["CancelOrder"] == {"called": False}
    assert shown["notShown"]["operations.CancelOrder"] == "a probe never calls it"


def test_the_file_is_its_owners_and_whole(bed: Bed) -> None:
    file = bed.folder / "tenant.json"
    file.write_text("what was there before")
    bed.probe()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in bed.folder.iterdir() if "tenant.json" in one.name] == [file.name]


def test_without_a_file_the_document_is_printed(bed: Bed) -> None:
    plain, document = bed.run("probe"), bed.run("probe", "--json")
    assert (plain.code, document.code) == (0, 0)
    assert plain.json == document.json == bed.probe()
    assert (plain.json["format"], plain.json["face"]) == (1, "oms")


def test_a_ledger_is_not_created(tmp_path: Path) -> None:
    with bed_of(tmp_path) as bed:
        bed.env["VERACORE_SYNC_LEDGER__PATH"] = str(tmp_path / "none.db")
        shown = bed.probe()
        assert not (tmp_path / "none.db").exists()
    assert shown["notShown"]["reference"] == "no order of the ledger was looked up"
    assert shown["behaviour"]["unknown_order"] == "empty"


def test_every_switch_is_shown_or_has_a_reason(bed: Bed) -> None:
    shown = bed.probe()
    switches = {one.name for one in fields(Behaviour)} - {"secret"}
    assert set(shown["behaviour"]) | set(shown["notShown"]) >= switches
    assert not set(shown["behaviour"]) & set(shown["notShown"])


def test_what_it_sees_of_the_orders(bed: Bed) -> None:
    shown = bed.probe()
    length = len(bed.codes[1])
    assert shown["reference"] == {"sent": length, "returned": length, "element": True}
    assert shown["times"] == {"hoursAhead": 0.0, "asInOurSettings": True}
    assert shown["window"] == {"endListed": True, "wholeLastDayListed": False}
    assert shown["idLengths"] == [16, 20]
    kinds = {one["path"]: one["kinds"] for one in shown["shapes"]["GetOrderInfo"]["elements"]}
    package = "GetOrderInfoResult/ShippingOrders/PickPackType/Packages/PackagesType"
    assert kinds[f"{package}/DateVoided"] == ["no time", "time"]
    assert kinds[f"{package}/TrackingId"] == ["text"]
    assert len(shown["shapes"]["GetShippingCharge"]["elements"]) == 66


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2026-02-03T00:00:00", "no order has a time"),
        ("2026-02-03T09:14:00Z", "no order has a time"),
        ("2001-02-03T09:14:00", "is none of its acceptance"),
        ("soon", "no order has a time"),
    ],
)
def test_a_time_that_shows_no_zone(bed: Bed, written: str, why: str) -> None:
    fault = {"kinds": ["rewrite"], "rate": 1, "operations": ["GetOrderInfo"]}
    pattern, replacement = "<UploadDate>[^<]*</UploadDate>", f"<UploadDate>{written}</UploadDate>"
    bed.control("faults", fault | {"pattern": pattern, "replacement": replacement})
    shown = bed.probe()
    assert "timezone" not in shown["behaviour"]
    assert why in shown["notShown"]["timezone"]


# ---- what it never tells -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"unknown_order": "fault", "unknown_text": "sandbox of zyx@marker.example: no {order}"},
        {"denied": ["GetShippingCharge", "GetOffers"]}
        | {"denied_text": "user sandbox of https://erp.zyx.example/a, phone 555-1234567: no"},
        {"denied": ["GetOrderInfo", "GetInventory", "Login"], "fault_text": "short"},
    ],
    ids=["all", "unknown", "denied", "little"],
)
def test_no_secret_and_no_marked_data_is_in_the_file(bed: Bed, switches: dict[str, Any]) -> None:
    bed.control("behaviour", {"secret": SECRET, **switches})
    bed.env["VERACORE_CLIENT_SECRET"] = SECRET
    bed.probe()
    printed = bed.run("probe", "--json", "--log-level", "debug")
    text = (bed.folder / "tenant.json").read_text() + printed.out + printed.err
    with bed.ledger() as ledger:
        text += ledger.meta.get("probe.last") or ""
        probe_id = ledger.meta.probe_id
    marks = [SECRET, "sandbox", "zyx", "555-", "127.0.0.1", "LONGREFERENCE", "eyJ", probe_id]
    marks += [*PERSON.values(), *ADDRESS.values(), SKU, TRACKING, VOIDED, LONG, *bed.codes]
    for mark in marks:
        assert mark.casefold() not in text.casefold(), mark


# ---- what goes wrong -----------------------------------------------------------------------------

BROKEN = [
    ("wsdl", "descriptions.oms"),
    ("GetShippingCharge", "shapes.GetShippingCharge"),
    ("GetShippingActivity", "operations.GetShippingActivity"),
    ("GetProductReturns", "operations.GetProductReturns"),
    ("GetOffers", "operations.GetOffers"),
    ("GetOrderInfo", "unknown_order"),
    ("CheckToken", "rest.CheckToken"),
    ("Login", "rest.Login"),
]


@pytest.mark.parametrize("kind", ["html_500", "truncate", "reset_before"])
@pytest.mark.parametrize(("operation", "piece"), BROKEN)
def test_one_bad_piece_stops_no_other(bed: Bed, operation: str, piece: str, kind: str) -> None:
    bed.control("faults", {"kinds": [kind], "rate": 1, "operations": [operation]})
    shown = bed.probe(VERACORE_SYNC_RETRY__TRIES="1")
    assert piece in shown["notShown"], shown["notShown"]
    assert shown["behaviour"]["soap"] is None
    assert shown["behaviour"]["fault_text"] == "stack"
    others = {"GetProduct", "GetProducts", "GetProductAvailabilities"}
    assert {one for one in others if shown["operations"][one]["allowed"]} == others


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("<OrdHead>.*</OrdHead>", ""),
        ("<UploadDate>[^<]*</UploadDate>", "<UploadDate>soon</UploadDate>"),
        ("<soap:Body>.*</soap:Body>", "<soap:Body />"),
        ("<OrderId>", '<OrderId xmlns="urn:other">'),
        ("<GetOrderInfoResult>", "<GetOrderInfoResult>" + "<a>" * 60 + "</a>" * 60),
    ],
)
def test_an_odd_order_stops_nothing(bed: Bed, pattern: str, replacement: str) -> None:
    fault = {"kinds": ["rewrite"], "rate": 1, "operations": ["GetOrderInfo"]}
    bed.control("faults", fault | {"pattern": pattern, "replacement": replacement})
    shown = bed.probe()
    assert shown["operations"]["GetShippingCharge"]["allowed"]
    assert "reference" in shown["behaviour"] or "reference" in shown["notShown"]
    assert shown["behaviour"]["soap"] is None


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"VERACORE_CLIENT_SECRET": "wrong"}, 77),
        ({"VERACORE_API_URL": "http://127.0.0.1:9"}, 69),
        ({"VERACORE_SYNC_VERACORE__API": "rest"}, 78),
    ],
)
def test_no_file_is_written_without_an_answer(bed: Bed, env: dict[str, str], code: int) -> None:
    ended = bed.run("probe", "--out", "tenant.json", "--json", **env)
    assert ended.code == code, ended
    assert ended.json["error"]["exitCode"] == code
    assert not (bed.folder / "tenant.json").exists()


def test_a_folder_that_is_not_there(bed: Bed) -> None:
    ended = bed.run("probe", "--out", "nowhere/tenant.json")
    assert (ended.code, "nowhere is no folder" in ended.err) == (2, True)


# ---- the simulator reads it ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("not json", "is not JSON"),
        ([], "no JSON object"),
        ({"format": 2}, "format: 1 is the one"),
        ({"behaviour": None}, "behaviour: an object"),
        ({"notShown": {"cancel": 1}}, "notShown: an object"),
        ({"behaviour": {"unknown_order": "perhaps"}}, "behaviour.unknown_order: one of 'empty'"),
        ({"behaviour": {"colour": "red"}}, "behaviour.colour: unknown"),
        ({"behaviour": {"denied": ["Dance"]}}, "behaviour.denied: Dance is none of"),
        ({"behaviour": {"secret": "x"}}, "behaviour.secret: a probe's file has no secret"),
    ],
)
def test_a_broken_file_is_named_by_its_key(bed: Bed, change: Any, words: str) -> None:
    good = {"format": 1, "behaviour": {}, "notShown": {}}
    file = bed.folder / "tenant.json"
    document = good | change if isinstance(change, dict) else change
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    ended = bed.run("sandbox", "--port", "0", "--like", str(file))
    assert (ended.code, ended.out) == (78, "")
    assert words in ended.err
    assert "veracore-sync probe --out" in ended.err


def test_a_file_that_is_not_there(bed: Bed) -> None:
    ended = bed.run("sandbox", "--port", "0", "--like", "none.json")
    assert (ended.code, "none.json cannot be read" in ended.err) == (78, True)


# ---- doctor --------------------------------------------------------------------------------------


def assumption(bed: Bed) -> str:
    ended = bed.run("doctor", "--json")
    assert ended.code == 0, ended.err
    [found] = [one for one in ended.json["findings"] if one["name"] == "not shown"]
    assert found["level"] == "ok"
    return str(found["message"])


def test_doctor_says_what_was_not_shown_yet(bed: Bed) -> None:
    before = assumption(bed)
    assert "never probed: `veracore-sync probe`" in before
    assert "whether the reference comes back whole" in before
    bed.probe()
    after = assumption(bed)
    assert "last probe 2" in after
    assert "whether the reference comes back whole" not in after
    for words in ("its words for a used id", "its words for a refused login", "to CancelOrder"):
        assert words in after


def test_the_ledger_of_another_veracore_is_told_nothing(bed: Bed) -> None:
    with Sandbox() as other:
        bed.probe(VERACORE_API_URL=other.url)
    assert "never probed" in assumption(bed)


def test_a_ledger_that_cannot_be_written_costs_no_document(bed: Bed) -> None:
    ledger = open_ledger(bed.ledger_path)
    with ledger.unit_of_work():
        ended = bed.run("probe", "--out", "tenant.json", "--json")
    ledger.close()
    assert ended.code == 74
    assert ended.json["behaviour"]["unknown_order"] == "empty"
    assert json.loads((bed.folder / "tenant.json").read_text())["format"] == 1
