"""Both sides, order by order: the shop's orders in pages, VeraCore's shipments and look-ups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.failures import (
    ANOTHER_RECORD_TELLS,
    ENDS_THE_RUN,
    MAY_BE_AN_ORDERS,
    NOT_ASKED,
    ONLY_THIS_OPERATION,
)
from veracore_sync.domain.pick_slips import Rows
from veracore_sync.domain.warehouse import UnreadableShipment
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import look_ups_must_work, read_apart
from veracore_sync.jobs.orders.change_detection import passed_states
from veracore_sync.jobs.orders.plan import WAITING_STATES
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.jobs.progress import LISTING, counted
from veracore_sync.jobs.rebuild.plan import (
    BothSides,
    RebuildRules,
    ids_of,
    is_never_ours,
    next_id,
    plan_order,
)
from veracore_sync.jobs.rebuild.rebuilt import RebuiltOrder
from veracore_sync.jobs.rebuild.report import RebuildReport
from veracore_sync.jobs.tracking.days import Days
from veracore_sync.jobs.tracking.rules import rules_of
from veracore_sync.jobs.tracking.window import Listed, by_order, readable, unreadable_rows
from veracore_sync.ports.shop import Unlisted
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, Present

_TOGETHER = 50
_DEFAULT = timedelta(days=90)
_ENDED_THERE = ("Shipped", "Delivered")


class OutOfLookUps(Exception):
    """The look-ups of this run are used up."""


@dataclass(slots=True)
class Scan(RunPart[RebuildReport]):
    """Reads both sides.

    Args:
        since: Orders of the shop placed since then; ``None``: since go-live, at most 90 days.
        lookups: How many look-ups this run may make; ``None``: as many as it takes.
        is_taken: Whether an order other than the second argument has a VeraCore id.
        has_found: Whether look-ups have found an order of the shop before.
    """

    since: datetime | None
    lookups: int | None
    is_taken: Callable[[str, str], bool]
    has_found: bool = False
    _since: datetime = field(init=False)
    _rules: RebuildRules = field(init=False)
    _listed: dict[str, Listed] = field(default_factory=dict)
    _by_code: dict[str, list[str]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _doubtful: SyncError | None = None
    _has_tried: bool = False

    def begin(self) -> None:
        """List what shipped; nothing was read of the shop's orders yet.

        Raises:
            SyncError: VeraCore, or the shop, as a whole cannot be read.
        """
        now, settings = self.clock.now(), self.settings
        usual = now - _DEFAULT
        self._since = self.since or max(usual, settings.orders.not_before or usual)
        self.report.since = self._since
        capabilities = self.warehouse.capabilities
        self.report.by_content = capabilities.tells_content
        self.warehouse.check_connection(None)
        self.context.check_warehouse()
        poll = self.shop.poll(
            trigger_states=(), moved_since=None, passed_states=(), passed_since=None
        )
        self._rules = RebuildRules(
            orders=settings.orders,
            renderer=Renderer(settings.orders, settings.skus),
            tracking=rules_of(settings),
            types=settings.orders.sent_types(poll.channel_code),
            hash_key=self.ledger.meta.hash_key,
            id_taken=self.is_taken,
            tells_content=capabilities.tells_content,
        )
        if capabilities.lists_shipped:
            self._list()

    def _list(self) -> None:
        zone = self.settings.tracking_zone
        last = self.clock.now().astimezone(zone).date() + timedelta(days=2)
        days = Days(min(self._since.astimezone(zone).date(), last - timedelta(days=2)), last)
        bad: list[UnreadableShipment] = []
        self.context.progress(LISTING, 0, 0)
        try:
            rows = (row for part in days.parts() for row in self.warehouse.shipped(*part))
            one_by_one = counted(rows, self.context.progress, LISTING)
            self._listed = by_order(readable(one_by_one, bad), zone)
        except SyncError as error:
            if error not in ONLY_THIS_OPERATION:
                raise
            self.report.notify(
                f"shipments cannot be listed ({error.message}): orders under ids that this program "
                "did not choose are not found"
            )
            return
        if bad:
            self.report.notify(unreadable_rows(bad))
        for one in self._listed.values():
            if one.reference:
                self._by_code.setdefault(one.reference, []).append(one.veracore_id)

    # ---- the shop's orders ---------------------------------------------------------------------

    def pages(self) -> Iterator[list[WholeOrder]]:
        """Every order in scope, once: placed since then, open, or listed as shipped.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        for page in self.shop.audit.placed(self._since):
            yield self._fresh(page)
        triggers = self.settings.orders.trigger_states
        live = [one for one in passed_states(triggers) if one not in _ENDED_THERE]
        poll = self.shop.poll(
            trigger_states=(*triggers, *sorted(WAITING_STATES), *live),
            moved_since=None,
            passed_states=(),
            passed_since=None,
        )
        for bad in poll.unlisted:
            self._note(bad)
        older = [stub.code for stub in poll.waiting if stub.placed_at is not None]
        codes = dict.fromkeys(code for code in (*older, *self._by_code) if code not in self._seen)
        waiting = list(codes)
        for start in range(0, len(waiting), _TOGETHER):
            part = waiting[start : start + _TOGETHER]
            found = read_apart(
                self.shop.audit.named, part, self.ledger.meta.probe_id, self._not_read
            )
            yield self._fresh(list(found))

    def _fresh(self, page: Sequence[WholeOrder | Unlisted]) -> list[WholeOrder]:
        orders: list[WholeOrder] = []
        for one in page:
            if isinstance(one, Unlisted):
                self._note(one)
            elif one.code not in self._seen:
                self._seen.add(one.code)
                orders.append(one)
        return orders

    def _note(self, bad: Unlisted) -> None:
        self.report.unread.append(bad.name)
        if bad.code is not None:
            self._seen.add(bad.code)

    def _not_read(self, code: str, error: SyncError) -> None:
        if error not in MAY_BE_AN_ORDERS:
            raise error
        self.report.unread.append(code)
        self._seen.add(code)

    def strangers(self) -> Iterator[Listed]:
        """Listed orders that are none of the shop's."""
        for one in self._listed.values():
            if one.reference and one.reference not in self._seen:
                yield one

    # ---- VeraCore -------------------------------------------------------------------------------

    @property
    def unproven(self) -> SyncError | None:
        """Why no absence of this run proves anything, if no order was found either."""
        return None if self.has_found else self._doubtful

    def plan(self, order: WholeOrder) -> RebuiltOrder:
        """Look an order up, and plan its row.

        Raises:
            OutOfLookUps: The run has none left; nothing is known of this order.
            SyncError: VeraCore as a whole cannot be asked.
        """
        rules = self._rules
        if is_never_ours(order, rules) is not None:
            return plan_order(BothSides(order, (), {}, {}), rules, self.clock.now())
        ids = ids_of(order, self._by_code.get(order.code, ()), rules)
        seen: dict[str, LookUp] = {}
        rows: Mapping[str, Rows] = {
            one.casefold(): self._listed[one.casefold()].rows
            for one in ids
            if one.casefold() in self._listed
        }
        found = BothSides(order, ids, seen, rows)
        if self.lookups is not None and self.report.lookups >= self.lookups:
            raise OutOfLookUps
        while (wanted := next_id(found, rules)) is not None:
            seen[wanted] = self._look_up(wanted)
        return plan_order(found, rules, self.clock.now())

    def _look_up(self, veracore_id: str) -> LookUp:
        found = self.warehouse.look_up(veracore_id)
        self.report.lookups += 1
        if isinstance(found, Present):
            self.has_found = True
        elif isinstance(found, Absent) and found.unless is not None:
            self._doubtful = self._doubtful or found.unless
            self._try_a_listed_one()
        elif isinstance(found, LookUpFailed):
            self._must_answer(found.error)
        return found

    def _try_a_listed_one(self) -> None:
        """Find out, once, whether look-ups find an order that VeraCore has for certain."""
        if self.has_found or self._has_tried or not self._listed:
            return
        self._has_tried = True
        newest = max(self._listed.values(), key=lambda one: max(one.rows.values(), default=""))
        self._look_up(newest.veracore_id)

    def _must_answer(self, error: SyncError) -> None:
        """One record that VeraCore cannot show must not keep the others from being rebuilt.

        Raises:
            SyncError: It answers about no other either.
        """
        if error in ENDS_THE_RUN or error in NOT_ASKED:
            raise error
        if error in ANOTHER_RECORD_TELLS:
            look_ups_must_work(self.warehouse, self.ledger)
