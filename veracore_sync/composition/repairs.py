"""How ``reconcile --apply`` repairs each type of differences: by the runs that the commands use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from veracore_sync.composition.container import Container
from veracore_sync.composition.inventory import inventory_run
from veracore_sync.composition.orders import (
    doubt_resolver,
    may_begin,
    order_canceller,
    orders_run,
)
from veracore_sync.composition.tracking import recount, tracking_run
from veracore_sync.domain.advice import about, command
from veracore_sync.domain.differences import DIFFERENCES, Difference, DifferenceType
from veracore_sync.domain.errors import NeedsPerson
from veracore_sync.domain.states import HANDED_OVER, CancelState, OrderState
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.reconcile.adopt import Adopter
from veracore_sync.jobs.reconcile.apply import Repair, RepairResult
from veracore_sync.jobs.report import RunReport
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.jobs.retry import execute, plan

_T = DifferenceType
_SENT = ("submitted", "adopted")
_TRACKED = ("fulfilled", "corrected", "shipped", "closed")
_UNDECIDED = (OrderState.CONFLICT, OrderState.CANCELLED)


def repairs(container: Container) -> Mapping[DifferenceType, Repair]:
    """The repair of each type that has one."""

    def by(lock: str, would: str, act: Callable[[Container, Difference], RepairResult]) -> Repair:
        return Repair(lambda _: lock, would, partial(act, container))

    return {
        _T.CANCELLED_HERE_LIVE_THERE: by("orders", "VeraCore would be asked to cancel it", _cancel),
        _T.SENT_NOT_IN_LEDGER: by("orders", "it would be adopted", _adopt),
        _T.CANCELLED_THERE_OPEN_HERE: Repair(
            partial(_lock_to_record, container),
            "the ledger would record that VeraCore cancelled it",
            partial(_record_cancelled, container),
        ),
        _T.PAID_NOT_SENT: by("orders", "it would be sent", _send),
        _T.SHIPPED_NOT_FULFILLED: by("tracking", "it would be fulfilled in the shop", _track),
        _T.TRACKING_DIFFERS: by("tracking", "its tracking would be reported", _track),
        _T.STOCK_DIFFERS: by("inventory", "its stock would be written", _restock),
    }


# ---- orders -----------------------------------------------------------------------------------


def _send(container: Container, difference: Difference) -> RepairResult:
    """As ``retry`` and ``sync-orders --order`` do."""
    code, ledger = difference.name, container.ledger
    report = OrdersReport()
    row = ledger.orders.get(code)
    if row is not None:
        retried = plan(ledger, [code], every=False, error_class=None)
        for _, why in retried.refused:
            if row.state in _UNDECIDED:
                raise NeedsPerson(
                    why, hint=f"{command('stats --order CODE', CODE=code)} shows its history"
                )
        doubts = doubt_resolver(container, report) if retried.look_up else None
        # What it says of an order that waits is no news: it is sent below.
        execute(retried, ledger, OrdersReport() if retried.refused else report, doubts)
    # Otherwise a backlog would be sent that `orders.max_first_run` holds back.
    if not may_begin(container):
        raise NeedsPerson(
            "this ledger has never sent an order, and many are waiting",
            hint="`veracore-sync sync-orders --dry-run` lists them, "
            "`veracore-sync sync-orders --allow-first-run` sends them",
        )
    run = orders_run(container, RunOptions(only=(code,)))
    run.report.outcomes |= report.outcomes
    run.run()
    outcome = run.report.outcomes.get(code, "")
    return _deed(
        container,
        difference,
        run.report,
        _of_order(container, code, outcome),
        is_certain=outcome in _SENT,
    )


def _of_order(container: Container, code: str, outcome: str) -> str:
    row = container.ledger.orders.get(code)
    if row is None:
        return "it was not sent"
    if row.state in HANDED_OVER:
        done = "adopted" if outcome == "adopted" else "sent"
        return f"{done}, VeraCore has it as {row.veracore_id}"
    return f"it is {row.state}: {row.error_message}" if row.error_message else f"it is {row.state}"


def _adopt(container: Container, difference: Difference) -> RepairResult:
    report = OrdersReport()
    adopter = Adopter(container.context(report))
    sentence = adopter.adopt(difference.name, difference.veracore_id)
    return _deed(
        container, difference, report, sentence, is_certain=_is_handed_over(container, difference)
    )


def _cancel(container: Container, difference: Difference) -> RepairResult:
    """As ``cancel`` does: the intent comes first, and look-ups alone decide."""
    code = difference.name
    if container.settings.orders.cancel == "off":
        raise NeedsPerson(
            "orders.cancel is off, so VeraCore is not asked",
            hint=f"cancel it at VeraCore by hand, or run {command('cancel CODE', CODE=code)}",
        )
    if container.ledger.orders.get(code) is None:
        raise NeedsPerson(
            "the ledger does not hold the order, so it cannot have it cancelled",
            hint="cancel it at VeraCore by hand",
        )
    report = OrdersReport()
    work = order_canceller(container, report)
    work.execute([code])
    wish = container.ledger.cancellations.get(code)
    is_done = wish is not None and wish.state is CancelState.CANCELLED
    return _deed(container, difference, report, work.sentences[code], is_certain=is_done)


# ---- what VeraCore cancelled ------------------------------------------------------------------


def _lock_to_record(container: Container, difference: Difference) -> str:
    return "tracking" if _is_handed_over(container, difference) else "orders"


def _is_handed_over(container: Container, difference: Difference) -> bool:
    row = container.ledger.orders.get(difference.name)
    return row is not None and row.state in HANDED_OVER


def _record_cancelled(container: Container, difference: Difference) -> RepairResult:
    """Record in the ledger what VeraCore shows, so that alert and stock follow.

    Raises:
        NeedsPerson: The ledger has it already, or does not hold the order.
    """
    code = difference.name
    by_hand = about(DIFFERENCES[_T.CANCELLED_THERE_OPEN_HERE].by_hand, NAME=code)
    row = container.ledger.orders.get(code)
    if row is None or row.state is OrderState.CANCELLED:
        has = "does not hold it" if row is None else "has it as cancelled"
        raise NeedsPerson(f"the ledger {has}, and the shop is a person's", hint=by_hand)
    if _is_handed_over(container, difference):
        deed = _track(container, difference)
    else:
        report = OrdersReport()
        Resolver(container.context(report)).adopt(code, difference.veracore_id or None)
        deed = _deed(container, difference, report, "")
    now = container.ledger.orders.get(code)
    if now is None or now.state is not OrderState.CANCELLED:
        return deed
    return RepairResult(f"the ledger has it as cancelled now; {by_hand}", needs_person=True)


# ---- shipments and stock ----------------------------------------------------------------------


def _track(container: Container, difference: Difference) -> RepairResult:
    """As ``sync-tracking --order CODE --force`` does."""
    run = tracking_run(container, RunOptions(only=(difference.name,), force=True))
    run.run()
    recount(container, run.report)
    outcomes = run.report.outcomes
    said = [" ".join(filter(None, (one.what, one.slip, one.detail))) for one in outcomes]
    return _deed(
        container,
        difference,
        run.report,
        "; ".join(dict.fromkeys(said)) or "nothing was to be fulfilled",
        is_certain=bool(outcomes) and all(one.what in _TRACKED for one in outcomes),
    )


def _restock(container: Container, difference: Difference) -> RepairResult:
    """As ``sync-inventory --sku`` does; its guards stay in force."""
    run = inventory_run(container, RunOptions(only=(difference.name,)))
    run.run()
    report = run.report
    if report.guard is not None:
        writes = command("sync-inventory --sku SKU --allow-mass-change", SKU=difference.name)
        withheld = f"the guard {report.guard!r} withheld it: {writes} writes it"
        return _deed(container, difference, report, withheld)
    refused = report.refused.get(difference.name)
    if refused is not None:
        return _deed(container, difference, report, f"Vendure refused the level: {refused}")
    if not report.updated:
        return _deed(container, difference, report, "nothing was to write")
    return _deed(container, difference, report, "its levels were written", is_certain=True)


def _deed(
    container: Container,
    difference: Difference,
    report: RunReport,
    sentence: str,
    *,
    is_certain: bool = False,
) -> RepairResult:
    def is_of_another(said: str) -> bool:
        about, _, rest = said.partition(": ")
        is_named = about != difference.name and bool(rest)
        return is_named and container.ledger.orders.get(about) is not None

    # The run of one order also reports what it finds of others, which is no part of this repair.
    news = tuple(filter(is_of_another, report.needs_person))
    own = [one for one in report.needs_person if one not in news]
    return RepairResult(
        "; ".join(dict.fromkeys(filter(None, (sentence, *own, *report.notices)))),
        is_certain=is_certain,
        needs_person=bool(own),
        news=news,
    )
