"""``retry`` says what came of each order, and what the look-up found at VeraCore."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bench import Bench
from fakes import START, make_order

from veracore_sync.domain.errors import Category, Unavailable
from veracore_sync.domain.order_records import Failure
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.interpret_lookup import (
    AdoptOrder,
    CancelledThere,
    Conflict,
    LookAgain,
    Resend,
    Unknown,
    Verdict,
    WasRefused,
    found_words,
)
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.reasons import Reason
from veracore_sync.jobs.retry import execute, explain, plan

RECORD = WarehouseRecord("A-R2", "A", None, "open")
FAILURE = Failure(Category.CONFLICT, "VeraCore has another order under the id A")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (AdoptOrder(RECORD), "VeraCore has it as A-R2: it is not sent again"),
        (AdoptOrder(RECORD, outdated=True), "as it was before it was changed in the shop"),
        (Conflict(FAILURE), "another order under the id A"),
        (CancelledThere("the order A was cancelled at VeraCore"), "was cancelled at VeraCore"),
        (LookAgain(START, first=True), "looked up again after 2026-03-01 12:00 UTC"),
        (LookAgain(START, first=False), "does not have it so far"),
        (Resend(), "it is sent again"),
        (WasRefused(Failure(Category.VALIDATION, "no city")), "does not have it: no city"),
        (Unknown(Unavailable("503", upstream="veracore")), "no usable answer about it: 503"),
    ],
)
def test_every_look_up_has_its_words(verdict: Verdict, words: str) -> None:
    assert words in found_words(verdict)


def retried(bench: Bench, *names: str, dry_run: bool = False) -> dict[str, Reason]:
    report = OrdersReport()
    chosen = plan(bench.ledger, names, every=not names, error_class=None)
    if not dry_run:
        execute(chosen, bench.ledger, report, DoubtResolver(bench.context(report)))
    explain(chosen, bench.ledger, report, dry_run=dry_run)
    return {one.names[0]: one for one in report.reasons}


def in_doubt(bench: Bench, word: str) -> None:
    """Two orders at VeraCore, of which one has no answer, nor have its first look-ups."""
    bench.shop.add(make_order("OLD"))
    bench.run()
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append(word)
    bench.warehouse.lies = 9
    bench.run()
    bench.warehouse.lies = 0
    assert bench.state("A") == "in_doubt"


def test_one_that_arrived_is_told_so(bench: Bench) -> None:
    in_doubt(bench, "lost after")
    found = retried(bench, "A")["A"]
    assert (found.what, found.reason) == (
        "looked up, now at VeraCore",
        "VeraCore has it as A: it is not sent again",
    )


def test_one_that_never_arrived_is_told_when_that_is_certain(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    found = retried(bench, "A")["A"]
    assert found.what == "looked up, still in doubt"
    assert "VeraCore does not have it so far" in found.reason
    bench.clock.forward(hours=1)
    found = retried(bench, "A")["A"]
    assert found.what == "looked up, now waiting"
    assert found.next.endswith("`veracore-sync sync-orders --order A`")


def test_the_others_say_what_they_were(bench: Bench) -> None:
    bench.warehouse.script.append("refused")
    bench.shop.add(make_order("P"))
    bench.run()
    assert retried(bench, "P", dry_run=True)["P"].what == "would be queued again"
    found = retried(bench)["P"]
    assert found.what == "queued again"
    assert found.reason.startswith("it was parked: VeraCore refused it (Invalid Source)")
    bench.clock.forward(minutes=1)
    bench.run()
    assert bench.state("P") == "synced"
    assert "would ship it twice" in retried(bench, "P")["P"].reason


def test_a_dry_run_looks_nothing_up(bench: Bench) -> None:
    in_doubt(bench, "lost after")
    asked = len(bench.warehouse.looked_up)
    assert retried(bench, dry_run=True)["A"].what == "would be looked up at VeraCore"
    assert len(bench.warehouse.looked_up) == asked


def test_a_run_says_what_its_look_ups_found(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    bench.clock.forward(minutes=10)
    report = bench.run()
    [found] = [one for one in report.reasons if "A" in one.names]
    assert found.what == "in doubt"
    assert "looked up again after" in found.reason
    assert found.at is not None
    assert found.at - bench.clock.now() <= timedelta(hours=1)
