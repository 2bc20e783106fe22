"""The contract of the port `Ledger`: the audit trail."""

from __future__ import annotations

from fakes import START
from ledger_beds import MINUTE, LedgerBed

from veracore_sync.clock import to_text
from veracore_sync.domain.audit import Actor, AuditEntry
from veracore_sync.ports.ledger import Ledger

ACTOR = Actor("act_token 01234567", "page", "2001:db8::1")


def test_an_action_is_there_before_it_ends(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    audit = ledger.audit
    assert audit.latest(9) == []
    first = audit.begin(ACTOR, "retry", "A1")
    second = audit.begin(ACTOR, "sync-tracking", None)
    assert second != first
    begun = AuditEntry(to_text(START), ACTOR, "retry", "A1", None, None)
    assert audit.latest(9)[1] == begun
    audit.end(first, success=True)
    # The first word about it counts.
    audit.end(first, success=False)
    audit.end(second, success=False)
    newest, oldest = audit.latest(9)
    assert (newest.action, newest.target, newest.outcome) == ("sync-tracking", None, "failed")
    assert (oldest.outcome, oldest.ended_at) == ("done", to_text(START))
    assert audit.latest(1) == [newest]
    assert ledger.reporting.acts_on("A1") == [oldest]
    assert ledger.reporting.acts_on("A2") == []


def test_what_is_old_is_forgotten(ledger: Ledger) -> None:
    for number in range(3):
        ledger.audit.begin(ACTOR, "retry", f"A{number}")
    assert ledger.upkeep.prune(START)["audit"] == 0
    assert ledger.upkeep.prune(START + MINUTE)["audit"] == 3
    assert ledger.audit.latest(9) == []


def test_a_name_that_was_typed_is_cut(ledger: Ledger) -> None:
    ledger.audit.begin(ACTOR, "sync-inventory", "x" * 5000)
    (entry,) = ledger.audit.latest(1)
    assert entry.target == "x" * 200
