"""A person's decision about one order, as the commands and the admin carry it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.orders import order_canceller, order_resolver
from veracore_sync.domain.errors import SyncError, UsageError
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.resolve import Resolution
from veracore_sync.jobs.stats import order_document

Choice = Literal["adopt", "new-id", "skip", "accept"]
"""What ``resolve`` may be asked for."""
NOTHING_CANCELLED: dict[str, Any] = {"orders": []}


def resolve(
    container: Container,
    name: str,
    choice: Choice,
    *,
    veracore_id: str | None = None,
    reason: str = "",
    show: Callable[[Resolution], None] | None = None,
) -> CommandReport:
    """``resolve``.

    Args:
        container: What runs it.
        name: The order; with ``accept`` also the kind of an alert that concerns no order.
        choice: What was decided.
        veracore_id: With ``adopt``: the order's id at VeraCore, if it is another than it was sent
            with. With ``new-id`` and ``skip``: an id there that is another order's.
        reason: With ``accept``: the person's.
        show: Prints what was done.

    Raises:
        SyncError: It was not done.
    """
    container.bind()
    report = OrdersReport()
    resolver = order_resolver(container, report)
    if choice == "adopt":
        done = resolver.adopt(name, veracore_id)
    elif choice == "new-id":
        done = resolver.new_id(name, veracore_id)
    elif choice == "accept":
        done = resolver.accept(name, reason)
    else:
        done = resolver.skip(name, veracore_id)
    row = container.ledger.orders.get(done.code)
    return CommandReport(
        document={"order": order_document(row) if row is not None else None},
        news=report.needs_person,
        show=lambda: show(done) if show is not None else None,
        asked_for=True,
        sentences=[f"{done.code}: {done.sentence}"],
    )


def cancel(
    container: Container,
    names: Sequence[str],
    show: Callable[[Sequence[str]], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """``cancel``; the report has a sentence for each order, and what ended it early.

    Args:
        container: What runs it.
        names: The orders.
        show: Prints the sentences.
        progress: Called as the work advances.

    Raises:
        UsageError: The ledger does not know one of the orders; nothing was done.
    """
    container.bind()
    report = OrdersReport()
    work = order_canceller(container, report, progress)
    codes: list[str] = []
    error: SyncError | None = None
    try:
        codes = work.execute(names)
    except UsageError:
        raise
    except SyncError as failure:
        error = failure
        codes = list(work.sentences)
    lines = [*report.notices, *(f"{code}: {work.sentences[code]}" for code in codes)]
    return CommandReport(
        work.document(codes),
        summary={"cancelled": len(codes)},
        news=report.needs_person,
        error=error,
        show=lambda: show(lines) if show is not None and lines else None,
        asked_for=True,
        sentences=lines,
    )
