"""What of an order is blanked in VeraCore's own words: all that is not known to be harmless."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from veracore_kit import FULL, PAT, order

from veracore_sync.domain.personal import personal, quote
from veracore_sync.domain.warehouse import Party, WarehouseOrder

PARTIES = ("ordered_by", "ship_to", "bill_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterParty(Party):
    """A party as it may be one day."""

    doorbell: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterOrder(WarehouseOrder):
    """An order as it may be one day."""

    gift_message: str
    recipients: tuple[Party, ...]


def test_every_field_of_every_party_is_blanked() -> None:
    for party in PARTIES:
        for field in fields(Party):
            one = replace(Party(), **{field.name: "Zyx-mark"})
            hidden = personal(order(**{party: one}))
            assert quote("refused: zyx-MARK!", hidden) == "refused: …!", (party, field.name)


def test_the_comment_is_blanked_and_a_whole_name_as_one() -> None:
    hidden = personal(order(comment="ring twice"))
    assert quote("cannot store 'Ring Twice' of Pat Example", hidden) == "cannot store '…' of …"


def test_a_field_that_is_added_is_blanked_without_a_word_about_it() -> None:
    known: dict[str, Any] = {field.name: getattr(order(), field.name) for field in fields(order())}
    later = LaterOrder(
        **known | {"ship_to": LaterParty(doorbell="Zyx-bell")},
        gift_message="Zyx-gift",
        recipients=(Party(city="Zyx-city"),),
    )
    hidden = personal(later)
    assert quote("Zyx-bell, Zyx-gift and Zyx-city", hidden) == "…, … and …"


def test_what_a_person_needs_to_find_the_fault_stays() -> None:
    hidden = personal(order(**FULL | {"ordered_by": PAT}))
    words = "order WEB-100234 (WEB-100234-FULL, PO 100234): no MUG-BLUE, no freight U11, no SPRING"
    assert quote(words, hidden) == words
