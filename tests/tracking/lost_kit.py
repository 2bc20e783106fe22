"""A shop's life (days_kit.py) whose ledger is lost at some hour, and rebuilt.

The books go on as if nothing had happened: whatever the old ledger sent is not sent again, whatever
it had not sent is sent, and every slip has its one fulfilment.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from days_books import Case
from days_kit import Life, Pace, life
from tracking_world import World

from veracore_sync.composition.container import Container
from veracore_sync.domain.errors import ConfigError, SyncError, UpstreamError
from veracore_sync.domain.held_orders import totals
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.rebuild.report import RebuildReport
from veracore_sync.jobs.rebuild.run import RebuildRun
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.ledger.opening import open_ledger, place_of
from veracore_sync.ledger.stores import SqlLedger

KNOWABLE = (
    "vendure id",
    "placed at",
    "state",
    "VeraCore id",
    "units held",
    "units cancelled there",
    "slips",
    "packages",
    "fulfilments of slips",
    "lines of slips",
    "tracking codes of slips",
    "completed there",
)
"""The fields in which a rebuilt ledger must be the old one."""
UNSENT = ("pending", "failed", "parked", "skipped", "in_doubt", "sending")
_STANDING = ("order.cancelled", "order.cancelled_in_shop", "order.passed_by", "order.conflict")
_FAULTS = ("http_503", "reset_before", "html_500")
_MOST = 200


class Place(Protocol):
    """Where ledgers are."""

    def fresh(self) -> dict[str, str]:
        """The environment of a ledger that does not exist yet."""


@dataclass
class Files(Place):
    """Ledgers in files."""

    folder: Path
    count: int = 0

    def fresh(self) -> dict[str, str]:
        self.count += 1
        return {"VERACORE_SYNC_LEDGER__PATH": str(self.folder / f"ledger-{self.count}.db")}


@dataclass
class Schemas(Place):
    """Ledgers in schemas of one PostgreSQL."""

    url: str
    new_name: Callable[[], str]

    def fresh(self) -> dict[str, str]:
        return {
            "VERACORE_SYNC_LEDGER__URL": self.url,
            "VERACORE_SYNC_LEDGER__SCHEMA_NAME": self.new_name(),
        }


def rebuilt(bed: World, lookups: int | None = None, **options: Any) -> RebuildReport:
    """One run of ``ledger rebuild --apply``, as another process makes it."""
    loaded = bed.loaded()
    container = Container(loaded, bed.clock, rebuilds=True)
    with closing(container):
        container.bind()
        context = container.context(RebuildReport())
        return RebuildRun(context, lookups=lookups, applies=True, **options).run()


@dataclass
class Loss:
    """Loses the ledger at some hour, in place of the days' troubles.

    Args:
        days: The life.
        place: Where the next ledger is.
        at: The day and the hour.
        dice: Decides how the rebuild goes.
        faults: How many of the requests fail meanwhile.
        lookups: How many look-ups a run may make.
        told_again: Alerts that stand an hour later and did not before, by kind.
    """

    days: Life
    place: Place
    at: tuple[int, int]
    dice: random.Random
    faults: float = 0.0
    lookups: tuple[int, ...] = (7, 20, 60)
    runs: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    told_again: Counter[str] = field(default_factory=Counter)
    _stood: set[tuple[str, str | None]] | None = None

    def befall(self, day: int, hour: int) -> None:
        """What that hour brings."""
        if hour in (3, 15):
            self._send_anew()
        if self._stood is not None:
            self._look_for_more_alerts(self._stood)
        if (day, hour) == self.at:
            self._lose()

    # ---- an order under a new id ----------------------------------------------------------------

    def _send_anew(self) -> None:
        """VeraCore cancelled an order, and a person sends it again under another id."""
        bed = self.days.bed
        for case in self.days.books.cases.values():
            if case.story != "cancelled there" or case.order.state != "PaymentSettled":
                continue
            if self.dice.random() < 0.5 and self._resolve(bed, case):
                case.story = "sent anew"
                self.days.told["sent anew"] += 1
                return

    def _resolve(self, bed: World, case: Case) -> bool:
        row = bed.parts.ledger.orders.get(case.order.code)
        if row is None or row.state != "cancelled":
            return False
        context = bed.parts.context(OrdersReport(), RunOptions())
        try:
            Resolver(context).new_id(case.order.code)
        except SyncError:
            return False
        return True

    # ---- the loss -------------------------------------------------------------------------------

    def _lose(self) -> None:
        bed, books = self.days.bed, self.days.books
        books.look_there()
        books.told |= {(code, kind) for code, kinds in books._alerts().items() for kind in kinds}
        lost = place_of(bed.parts.settings.ledger)
        there = {one.id for one in bed.sandbox.world.orders.values()}
        bed.reopen(**self.place.fresh())
        self._rebuild()
        assert {one.id for one in bed.sandbox.world.orders.values()} == there, "it sent something"
        with closing(open_ledger(lost, read_only=True, clock=bed.clock)) as old:
            self._compare(old, bed.parts.ledger)
            self._alerts(old, bed.parts.ledger)

    def _rebuild(self) -> None:
        bed = self.days.bed
        if self.faults:
            bed.control("faults", {"kinds": list(_FAULTS), "rate": self.faults, "seed": 2})
            bed.shop.add_faults(_FAULTS, rate=self.faults / 4, seed=2)
        ended = False
        while not ended:
            self.runs += 1
            assert self.runs < _MOST, "the rebuild does not end"
            try:
                ended = rebuilt(bed, self.dice.choice(self.lookups)).has_ended
            except UpstreamError:
                bed.clock.forward(minutes=5)
            if not ended:
                self._is_closed(bed)
        if self.faults:
            bed.control("faults", {"kinds": []})
            bed.shop.clear_faults()

    def _is_closed(self, bed: World) -> None:
        bed.close()
        try:
            _ = bed.parts
        except ConfigError as refusal:
            assert "ledger rebuild --apply" in (refusal.hint or "")
            bed.close()
        else:
            is_begun = bed.parts.ledger.meta.rebuilding
            assert not is_begun, "a command that writes could begin"
            bed.close()

    # ---- what both sides know -------------------------------------------------------------------

    def _compare(self, old: SqlLedger, new: SqlLedger) -> None:
        for code, case in self.days.books.cases.items():
            before, after = fields_of(old, code), fields_of(new, code)
            if before is None:
                self.unknown["orders that the old ledger did not know"] += 1
                assert after is None or after["state"] in ("pending", "skipped"), (code, after)
                continue
            assert after is not None, (code, case.story, before)
            self.states[str(after["state"])] += 1
            story = (code, case.story, case.order.state)
            if before["state"] in UNSENT:
                self._unsent(story, before, after)
                continue
            for name in KNOWABLE:
                if excuse := _excuse(name, before, after):
                    self.unknown[excuse] += 1
                    continue
                assert before[name] == after[name], (story, name, before, after)
                self.compared[name] += 1

    def _unsent(self, story: object, before: dict[str, Any], after: dict[str, Any]) -> None:
        """VeraCore may have got what was in doubt; all else it does not have."""
        if before["state"] in ("in_doubt", "sending"):
            assert after["state"] in ("pending", "synced", "skipped", "cancelled"), (story, after)
            self.unknown["how a doubt ended"] += 1
            return
        allowed = ("pending", "skipped", "cancelled")
        assert after["state"] in allowed, (story, before, after)
        if before["state"] != after["state"]:
            self.unknown[f"why it was not sent: {before['state']}, now {after['state']}"] += 1
        self.compared["state"] += before["state"] == after["state"]

    def _alerts(self, old: SqlLedger, new: SqlLedger) -> None:
        """What stood about an order stands again, where the two sides still show it."""
        standing = {(one.kind, one.code) for one in new.alerts.standing()}
        self._stood = {(one.kind, one.code) for one in old.alerts.standing()}
        rows = new.orders.held(list(self.days.books.cases))
        for one in old.alerts.standing():
            if one.kind not in _STANDING or one.code not in rows:
                continue
            row = rows[one.code]
            # Since the old ledger looked a person has done what it asked for.
            is_over = self.days.books.cases[row.code].is_ended
            if one.kind == "order.cancelled_in_shop":
                is_over = row.state != "synced"
            if row.state != "pending" and not is_over:
                assert (one.kind, one.code) in standing, (one.kind, one.code, rows[one.code])
                self.compared["standing alerts"] += 1

    def _look_for_more_alerts(self, stood: set[tuple[str, str | None]]) -> None:
        """An hour after the loss: what stands about orders that did not stand before."""
        self._stood = None
        for one in self.days.bed.parts.ledger.alerts.standing():
            if (one.kind, one.code) not in stood:
                self.told_again[one.kind] += 1


def fields_of(ledger: SqlLedger, code: str) -> dict[str, Any] | None:
    """What a ledger has of an order, as far as both sides can show it."""
    row = ledger.orders.get(code)
    if row is None:
        return None
    held = {one.code: one for one in ledger.holdings.of([code], None, processed_only=False)}
    mine = held.get(code)
    slips = [one for one in ledger.shipments.slips_of(code) if one.packages or one.fulfilment_id]
    tracked = ledger.shipments.tracked(row.veracore_id) if row.veracore_id else None
    return {
        "vendure id": row.vendure_id,
        "placed at": row.placed_at,
        "state": row.state,
        "VeraCore id": row.veracore_id,
        "units held": None if mine is None or mine.is_whole else +totals(mine.lines),
        "units cancelled there": None if mine is None else +totals(mine.cancelled),
        "slips": {one.slip: one.state for one in slips},
        "packages": {one.slip: one.packages for one in slips},
        "fulfilments of slips": {one.slip: one.fulfilment_id for one in slips},
        "lines of slips": {one.slip: dict(one.lines or {}) for one in slips},
        "tracking codes of slips": {one.slip: one.tracking_code for one in slips},
        "completed there": None if tracked is None else tracked.complete,
    }


def _excuse(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Why a field of two rows need not be equal; empty: it must."""
    if before[name] == after[name]:
        return ""
    if after["state"] == "cancelled" == before["state"] and name != "VeraCore id":
        return "slips and units of orders that VeraCore cancelled"
    if name == "state" and (before[name], after[name]) in (
        ("synced", "cancelled"),
        ("synced", "shipped"),
        ("synced", "conflict"),
    ):
        return f"what the old ledger had not seen yet: {before[name]}, now {after[name]}"
    if name == "state" and (before[name], after[name]) == ("shipped", "synced"):
        is_told_again = "handed" in before["slips"].values()
        return "goods that left although the shop cancelled them: told again" * is_told_again
    if name in ("units held", "units cancelled there", "completed there", "packages"):
        return f"{name}: the old ledger had not looked since"
    if name in ("slips", "fulfilments of slips", "lines of slips", "tracking codes of slips"):
        return _excuse_of_slips(name, before["slips"], after["slips"])
    return ""


def _excuse_of_slips(name: str, before: dict[str, str], after: dict[str, str]) -> str:
    if after.keys() - before.keys():
        return "slips that the old ledger had not seen yet"
    # What the old one had ended is ended: nothing of it may be fulfilled again.
    for slip, state in before.items():
        if state in ("done", "covered") and after.get(slip) not in ("done", "covered"):
            return ""
    return f"{name}: on its way, or covered by fulfilments that were made by hand"


@contextmanager
def losing(
    folder: Path,
    start: str,
    pace: Pace,
    seed: int,
    days: int,
    place: Place | None = None,
    faults: float = 0.0,
    **env: str,
) -> Iterator[tuple[Life, Loss]]:
    """A life whose ledger is lost at some hour of its `days`."""
    dice = random.Random(f"lost {seed}")
    where = place or Files(folder)
    with life(folder, start, pace, seed) as lived:
        lived.bed.reopen(**env, **where.fresh())
        at = (dice.randrange(days), dice.randrange(4, 24))
        loss = Loss(lived, where, at, dice, faults)
        lived.troubles = loss  # type: ignore[assignment]
        yield lived, loss
