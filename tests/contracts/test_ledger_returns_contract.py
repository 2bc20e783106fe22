"""The contract of the port `Ledger`: receipts of returned goods, and their notes."""

from __future__ import annotations

import pytest
from fakes import START
from ledger_beds import MINUTE, LedgerBed

from veracore_sync.domain.errors import LedgerError
from veracore_sync.domain.returns import Receipt, ReturnedRow
from veracore_sync.domain.states import Applied, NoteState
from veracore_sync.ports.ledger import Ledger

ROW = ReturnedRow("A", "A", "601", "MUG", 2, START, disposition="Scrap")


def receipt(key: str = "key", *, details: str = "", note: bool = False) -> Receipt:
    return Receipt(ROW, key, details, "2026-01-01", note)


def test_receipts_are_counted_by_their_key(ledger: Ledger) -> None:
    store = ledger.receipts
    assert store.known(["key", "other"]) == {}
    with ledger.unit_of_work():
        for details in ("a", "b", "a"):
            store.record(receipt(details=details))
        store.record(receipt("other"))
    assert store.known(["key", "nothing"]) == {"key": ["a", "b", "a"]}
    assert store.known([f"{number}" for number in range(1200)] + ["other"]) == {"other": [""]}
    assert store.summary() == {"totalReceived": 4, "notesWaiting": 0}


def test_nothing_of_a_unit_of_work_that_fails_is_stored(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.unit_of_work():
        ledger.receipts.record(receipt())
        raise ZeroDivisionError
    assert ledger.receipts.known(["key"]) == {}


def test_a_note_from_the_wish_to_its_end(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    store = ledger.receipts
    store.record(receipt())
    assert store.open_notes(9) == []
    store.record(receipt("one", note=True))
    store.record(receipt("two", note=True))
    first, second = store.open_notes(9)
    assert (first.veracore_id, first.slip, first.product, first.quantity) == ("A", "601", "MUG", 2)
    assert (first.day, first.disposition, first.asked_at) == ("2026-01-01", "Scrap", None)
    assert store.ask(first, START + MINUTE) is Applied.DONE
    # The least tried comes first.
    assert [one.id for one in store.open_notes(9)] == [second.id, first.id]
    asked = store.open_notes(9)[1]
    assert (asked.note, asked.tries, asked.asked_at) == (NoteState.ASKED, 1, START + MINUTE)
    assert store.not_asked(asked) is Applied.DONE
    assert store.open_notes(9)[1].note is NoteState.WANTED
    store.ask(asked, START + MINUTE)
    assert store.unanswered(asked) is Applied.DONE
    assert store.open_notes(9)[1].asked_at == START
    assert store.written(asked) is Applied.DONE
    assert store.written(asked) is Applied.LOST
    assert store.drop(second) is Applied.DONE
    assert store.open_notes(9) == []
    assert store.summary() == {"totalReceived": 3, "notesWaiting": 0}


def test_a_ledger_that_was_opened_to_be_read_stores_none(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    if ledger_bed.place is None:
        return
    reader = ledger_bed.open(read_only=True)
    with pytest.raises(LedgerError):
        reader.receipts.record(receipt())
    reader.close()
