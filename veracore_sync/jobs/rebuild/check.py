"""``ledger rebuild --check``: how far a ledger is from what both sides show; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.domain.held_orders import cancelled_units, same_units
from veracore_sync.domain.order_records import OrderRow, SentLines
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import UNSENT, OrderState, PickSlipState
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.orders.interpret_lookup import as_sent
from veracore_sync.jobs.rebuild.rebuilt import RebuiltOrder
from veracore_sync.jobs.rebuild.report import FieldDifference, RebuildReport
from veracore_sync.jobs.rebuild.scan import OutOfLookUps, Scan

_S = OrderState
_QUIET = timedelta(hours=1)
_AT_VERACORE = (_S.SYNCED, _S.SHIPPED, _S.CANCELLED)
_NOT_SENT = (*UNSENT, _S.SKIPPED)
NOT_KNOWN = (
    "the numbers of attempts and failures, and their times",
    "VeraCore's sequence numbers",
    "what a person accepted, skipped, or wanted cancelled",
    "why an order that VeraCore does not have was not sent",
    "alerts that have ended, events, runs, and receipts of returned goods",
)
"""What neither side shows: a lost ledger takes it along."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger has of an order; `fulfilments` are the shop's live ones."""

    row: OrderRow
    held: SentLines | None = None
    slips: Sequence[SlipRow] = ()
    fulfilments: frozenset[str] = frozenset()


def compare(known: Known | None, shown: RebuiltOrder, now: datetime) -> list[FieldDifference] | str:
    """The fields that differ; or, in a word, why nothing can be said; an empty list: none does."""
    if known is None:
        return _not_held(shown, now)
    row = known.row
    if shown.is_unanswered:
        return "VeraCore gave no usable answer"
    if row.state in (_S.SENDING, _S.IN_DOUBT):
        return "it is being sent, or in doubt"
    if shown.state is _S.CONFLICT or row.state is _S.CONFLICT:
        if row.state is shown.state:
            return []
        return "a person decides, or has decided, whose VeraCore's order is"
    if shown.state not in _AT_VERACORE:
        return _absent(row, shown)
    return list(_differences(known, shown))


def _not_held(shown: RebuiltOrder, now: datetime) -> list[FieldDifference] | str:
    if shown.state is _S.SKIPPED:
        return []
    if shown.placed_at is not None and now - shown.placed_at < _QUIET:
        return "it was placed a moment ago"
    return [
        FieldDifference(shown.code, "order", "not in the ledger", f"{shown.state}: {shown.why}")
    ]


def _absent(row: OrderRow, shown: RebuiltOrder) -> list[FieldDifference] | str:
    if row.state in _NOT_SENT:
        return []
    if shown.state is _S.SKIPPED and row.state in (_S.SHIPPED, _S.CANCELLED):
        return "VeraCore no longer shows it"
    return [FieldDifference(row.code, "state", row.state, f"{shown.state}: {shown.why}")]


def _differences(known: Known, shown: RebuiltOrder) -> Iterator[FieldDifference]:
    row, code = known.row, shown.code

    def differ(name: str, ledger: object, there: object) -> FieldDifference:
        return FieldDifference(code, name, str(ledger), str(there))

    if row.vendure_id != shown.vendure_id:
        yield differ("vendureOrderId", row.vendure_id, shown.vendure_id)
    if row.state is not shown.state:
        yield differ("state", row.state, shown.state)
    if (row.veracore_id or "").casefold() != (shown.veracore_id or "").casefold():
        yield differ("veracoreOrderId", row.veracore_id, shown.veracore_id)
    if shown.state is _S.CANCELLED or row.state is _S.CANCELLED:
        return
    there = held_of(shown)
    if there is not None and known.held is not None and not same_units(known.held, there):
        yield differ("units", _listed(known.held), _listed(there))
    yield from _slips(known, shown)


def held_of(shown: RebuiltOrder) -> SentLines | None:
    """Units that VeraCore's record has, without cancelled ones; ``None`` if it shows none."""
    record = shown.record
    if record is None or record.lines is None:
        return None
    gone = dict(cancelled_units(record))
    return tuple((sku, units - gone.pop(sku, 0)) for sku, units in as_sent(record.lines))


def _slips(known: Known, shown: RebuiltOrder) -> Iterator[FieldDifference]:
    """Slips whose fulfilment the shop does not have any more.

    A slip that the ledger has not worked on yet, or covers, is no difference: tracking does that.
    """
    for row in known.slips:
        ours = row.fulfilment_id
        if row.state is PickSlipState.DONE and ours is not None and ours not in known.fulfilments:
            yield FieldDifference(shown.code, "fulfilment", f"{ours} of slip {row.slip}", "none")


def _listed(lines: SentLines) -> str:
    return ", ".join(f"{units} x {sku}" for sku, units in sorted(lines)) or "none"


@dataclass(slots=True)
class CheckRun(JobRun[RebuildReport]):
    """Compares a ledger with both sides.

    Args:
        since: As in `Scan`.
        lookups: As in `Scan`.
    """

    since: datetime | None = None
    lookups: int | None = None
    _scan: Scan = field(init=False)

    def run(self) -> RebuildReport:
        """Run to the end, or until the look-ups are used up.

        Raises:
            SyncError: A side as a whole cannot be read.
        """
        taken = self.ledger.orders.id_sent_for
        self._scan = Scan(self.context, self.since, self.lookups, taken, has_found=True)
        self._scan.begin()
        for page in self._scan.pages():
            for done, order in enumerate(page):
                self.context.progress("looking orders up", self._compared, 0)
                try:
                    self._compare(order)
                except OutOfLookUps:
                    self.report.left += len(page) - done
                    break
        self.report.has_ended = not self.report.left
        return self.report

    @property
    def _compared(self) -> int:
        return self.report.equal + self.report.unknowable.total() + len(self.report.differences)

    def _compare(self, order: WholeOrder) -> None:
        # Read before and after the look-up: what a job changed meanwhile differs from neither side.
        before = self._known(order)
        shown = self._scan.plan(order)
        known = self._known(order)
        if before is not None and known is not None and before.row != known.row:
            found: list[FieldDifference] | str = "it was changed meanwhile"
        else:
            found = compare(known, shown, self.clock.now())
        if isinstance(found, str):
            self.report.unknowable[found] += 1
        elif found:
            self.report.differences += found
        else:
            self.report.equal += 1

    def _known(self, order: WholeOrder) -> Known | None:
        code = order.code
        row = self.ledger.orders.get(code)
        if row is None:
            return None
        return Known(
            row,
            self.ledger.holdings.known(code),
            self.ledger.shipments.slips_of(code),
            frozenset(one.id for one in order.fulfilments if one.is_live),
        )
