"""What is written into the shop fits every database, and is recognised when it was cut."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking_world import World, world

from veracore_sync.domain.shop_texts import (
    LONG,
    SHORT,
    code_text,
    is_code_of,
    is_shortened,
    note_text,
    short_text,
)
from veracore_sync.jobs.tracking import execute

UPS = [f"1Z999AA101234567{n:02}" for n in range(40)]
CASES = {
    "": "",
    "  1Z 999  ": "1Z 999",
    "1Z999\x00AA\t1\r\n": "1Z999 AA 1",
    "ÄÖ,123;☃": "ÄÖ,123;☃",
    "📦 12345678": "? 12345678",
    "\u202e12345678\u200f": "12345678",
    "\ud83d": "",
    ", ".join(UPS[:12]): ", ".join(UPS[:12]),
    ", ".join(UPS[:20]): ", ".join(UPS[:12]) + " +8 more",
    "x" * 255: "x" * 255,
    "x" * 256: "x" * 252 + "...",
    "x" * 300 + ", 12345678": "x" * 252 + "...",
    "é" * 255: "é" * 255,
}


@pytest.mark.parametrize("given_", CASES, ids=range(len(CASES)))
def test_a_code_as_the_shop_holds_it(given_: str) -> None:
    shown = code_text(given_)
    assert shown == CASES[given_]
    assert is_code_of(shown, given_)
    assert is_code_of(given_.strip(), given_.strip()), "as earlier versions wrote it"


@given(st.text(max_size=600))
def test_every_text_fits(text: str) -> None:
    for made, most in (
        (code_text(text), SHORT),
        (short_text(text), SHORT),
        (note_text(text), LONG),
    ):
        assert len(made) <= most
        assert len(made.encode()) <= 3 * most
        assert made == made.strip()
        assert made.isprintable()
        assert max(made, default="") <= "\uffff"
    assert code_text(code_text(text)) == code_text(text)
    assert note_text(note_text(text)) == note_text(text)


@given(st.lists(st.text("0123456789ABCDEF", min_size=8, max_size=40), min_size=1, max_size=60))
def test_only_whole_ids_are_named_and_all_are_counted(ids: list[str]) -> None:
    code = ", ".join(ids)
    shown = code_text(code)
    named, _, more = shown.partition(" +")
    assert ids[: len(named.split(", "))] == named.split(", ")
    count = re.fullmatch(r"(\d+) more", more)
    assert len(named.split(", ")) + (int(count.group(1)) if count else 0) == len(ids)
    assert is_shortened(code) == (len(code) > SHORT)


def test_a_long_note_keeps_its_end() -> None:
    text = note_text("x" * 70_000 + " [receipt 0123456789ab]")
    assert len(text) == LONG
    assert text.endswith("[receipt 0123456789ab]")


# ---- twenty packages ---------------------------------------------------------------------------


def notes(bed: World, order: object) -> list[str]:
    shop = bed.parts.shop
    return list(shop.fulfilments.notes(bed.order(order).id))


def test_twenty_packages_are_cut_with_a_note(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking=UPS[:20])
    bed.track()
    shown = ", ".join(UPS[:12]) + " +8 more"
    assert bed.fulfilments(order) == [("Shipped", shown, {"MUG": 2})]
    (note,) = notes(bed, order)
    assert all(number in note for number in UPS[:20])
    (updated,) = [data for kind, _, data in bed.events() if kind == "tracking.updated"]
    assert updated["trackingCode"] == ", ".join(UPS[:20]), "events have them all"
    for _ in range(3):
        bed.clock.forward(hours=1)
        bed.reopen()
        bed.track(order.code)
    assert not [kind for kind, _, _ in bed.events() if kind == "tracking.corrected"]
    assert len(notes(bed, order)) == 1


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("gap", ["fulfilment added", "fulfilment recorded", "fulfilment shipped"])
def test_one_that_was_cut_is_recognised_after_a_crash(tmp_path: Path, gap: str) -> None:
    with world(tmp_path) as bed:
        order = bed.place(("MUG", 2))
        bed.send()
        bed.ship(order, tracking=UPS[:20])

        def hit(name: str) -> None:
            if name == gap:
                raise Died

        with patch.object(execute, "pass_failpoint", hit), pytest.raises(Died):
            bed.track()
        bed.clock.forward(minutes=21)
        bed.reopen()
        bed.track()
        assert [state for state, _, _ in bed.fulfilments(order)] == ["Shipped"]
        assert len(notes(bed, order)) == 1
        (row,) = bed.parts.ledger.shipments.slips_of(order.code)
        assert row.tracking_code == ", ".join(UPS[:20])
        assert not [kind for kind, _, _ in bed.events() if kind == "tracking.corrected"]


def test_a_relabelled_package_that_the_shop_does_not_show_is_told(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking=UPS[:20])
    bed.track()
    bed.control("void", {"order": order.code, "tracking": UPS[15], "relabel": UPS[30]})
    bed.track(order.code)
    told = [data for kind, _, data in bed.events() if kind == "tracking.corrected"]
    assert len(told) == 1
    assert UPS[30] in told[0]["trackingCode"]
