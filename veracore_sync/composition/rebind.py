"""``ledger rebind``: a shop or a warehouse with another address, which its orders prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from veracore_sync.composition.container import UPSTREAMS, Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.config.address import is_same_tenant
from veracore_sync.config.orders import DEFAULT_CHANNEL
from veracore_sync.domain.errors import ConfigError, SyncError
from veracore_sync.domain.identity import CHANNEL_UNSET, in_another_channel, is_another
from veracore_sync.domain.states import HANDED_OVER, OrderState
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.orders.bad_records import read_apart
from veracore_sync.jobs.orders.interpret_lookup import Conflict, interpret_record
from veracore_sync.jobs.progress import Progress
from veracore_sync.ledger.opening import every_job, place_of
from veracore_sync.ports.warehouse import Absent, LookUpFailed

COMMAND = "ledger rebind"
_IN_SHOP = 100
_LOOKED_UP = 20


@dataclass(slots=True)
class MovedSide:
    """A side with another address, and which of the ledger's newest orders are missing there, by
    code, or differ there, in words."""

    side: str
    bound: str
    wanted: str
    compared: int = 0
    missing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    @property
    def found(self) -> int:
        """How many of the orders are there, and the same."""
        return self.compared - len(self.missing) - len(self.differing)

    @property
    def is_channel(self) -> bool:
        """Whether only the channel's token differs."""
        return self.side == "shop" and in_another_channel(self.bound, self.wanted)

    def refusal(self, *, may_miss: bool) -> ConfigError | None:
        """Why this is not known to be the same shop or warehouse; ``None``: it is the same."""
        newest, hint = f"of the ledger's {self.compared} newest orders", ""
        where = f"at the {self.side} {self.wanted}"
        if not self.compared:
            why = f"the ledger holds no order that could be looked for {where}"
        elif self.differing:
            why = f"differing {where}: {len(self.differing)} {newest}; {self.differing[0]}"
        elif not self.found:
            why = f"none {newest} is {where}"
            if self.side == "warehouse":
                hint = "an account that may not look orders up finds none either: look with "
                hint += "`veracore-sync doctor`; "
        elif self.missing and not may_miss:
            why = f"missing {where}: {len(self.missing)} {newest}, such as {self.missing[0]}"
            hint = "a copy lacks the newest orders; if this is no copy, run "
            if self.is_channel:
                hint = "they may be in another channel; if the token is that of the same one, run "
            hint += "`veracore-sync ledger rebind --apply --allow-missing`; "
        else:
            return None
        # Of a channel only a digest of its token is known, which nobody can set.
        bound = "another vendure.channel_token, or none" if self.is_channel else self.bound
        hint += f"the ledger belongs to {bound}: set that, or another ledger.path "
        hint += "or ledger.schema_name"
        return ConfigError(f"{why}; nothing was changed", hint=hint)


def rebind(
    container: Container,
    show: Callable[[Sequence[MovedSide]], None],
    progress: Progress,
    *,
    applies: bool,
    may_miss: bool,
) -> CommandReport:
    """Bind the ledger to what the settings name, or show whether that is the same.

    Raises:
        ConfigError: A setting is missing, or a channel's ledger would send all channels' orders.
        LockHeld: A job or a listener is at work on this ledger.
        SyncError: A side cannot be read; nothing was changed.
    """
    container.require("vendure", "veracore")
    ledger, place = container.ledger, place_of(container.settings.ledger)
    with every_job(ledger, place, COMMAND, "rebound") if applies else ExitStack():
        pair = (container.shop_identity, container.warehouse_identity)
        apart = ledger.meta.apart(*pair, is_same=is_same_tenant)
        sides = [MovedSide(side, *both) for side, both in apart.items()]
        for one in sides:
            (_in_shop if one.side == "shop" else _at_warehouse)(container, one, progress)
        refusals = (one.refusal(may_miss=may_miss) for one in sides)
        error = next((one for one in refusals if one is not None), None)
        pass_failpoint("rebind proven")
        applied = applies and bool(sides) and error is None
        if applied:
            moves = {one.side: f"{one.bound} -> {one.wanted}" for one in sides}
            with ledger.unit_of_work():
                ledger.meta.rebind({one.side: one.wanted for one in sides})
                ledger.runs.end(ledger.runs.begin(COMMAND), 0, moves)
                for one in sides:
                    # What failed at the old address says nothing about the new one.
                    ledger.breakers.reset(UPSTREAMS[one.side])
                pass_failpoint("rebind written")
            pass_failpoint("rebind done")
    return CommandReport(
        {"applied": applied, "sides": [asdict(one) for one in sides]},
        error=error,
        show=lambda: show(sides),
        asked_for=True,
    )


def _in_shop(container: Container, side: MovedSide, progress: Progress) -> None:
    progress("reading orders", 0, 0)
    _must_not_widen(container, side)
    ledger, unread = container.ledger, dict[str, SyncError]()
    newest = ledger.orders.latest(tuple(OrderState), _IN_SHOP)
    codes = [row.code for row in newest if not row.is_set_aside]
    probe = ledger.meta.probe_id
    found = read_apart(container.shop.contents, codes, probe, unread.__setitem__)
    there = {one.code: one for one in found}
    rows = [row for row in newest if row.code in codes and row.code not in unread]
    side.compared = len(rows)
    for row in rows:
        one = there.get(row.code)
        if one is None:
            side.missing.append(row.code)
        elif is_another(row, one.id, one.placed_at):
            side.differing.append(
                f"{row.code} has the id {one.id} there, placed at {one.placed_at}, and in the "
                f"ledger the id {row.vendure_id}, placed at {row.placed_at}"
            )


def _must_not_widen(container: Container, side: MovedSide) -> None:
    """A channel's orders are in the default channel too, with those that others send."""
    shop, channel = container.shop, side.bound.partition(" ")[2]
    if container.settings.orders.channels or channel in (
        CHANNEL_UNSET,
        side.wanted.partition(" ")[2],
    ):
        return
    poll = shop.poll(trigger_states=(), moved_since=None, passed_states=(), passed_since=None)
    if poll.channel_code == DEFAULT_CHANNEL and shop.has_several_channels():
        raise ConfigError(
            "the ledger belongs to another vendure.channel_token, and what is set now is the "
            "default channel, which lists the orders of all channels: unless it was that channel's "
            "own token, those of others would be sent from here; nothing was changed",
            hint="set the token of that channel (Settings > Channels in Vendure); to send from the "
            "default channel, also where the ledger always did, name the channels whose orders are "
            "sent here in orders.channels",
        )


def _at_warehouse(container: Container, side: MovedSide, progress: Progress) -> None:
    ledger = container.ledger
    rows = [row for row in ledger.orders.latest(HANDED_OVER, _LOOKED_UP) if row.veracore_id]
    side.compared = len(rows)
    for done, row in enumerate(rows):
        progress("looking orders up", done, len(rows))
        found = container.warehouse.look_up(row.veracore_id or "")
        if isinstance(found, LookUpFailed):
            raise found.error
        if isinstance(found, Absent):
            side.missing.append(row.code)
            continue
        sent = [one.lines for one in ledger.orders.attempts(row.code)]
        held = ledger.holdings.known(row.code)
        # What somebody changed at VeraCore, and a look-up has seen since, is the same order.
        units = [held, *sent] if sent and held is not None else sent
        verdict = interpret_record(row.reference, found.record, units)
        if isinstance(verdict, Conflict):
            side.differing.append(f"{row.code}: {verdict.trouble.message}")
