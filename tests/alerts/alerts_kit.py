"""A shop's day as its operator sees it: the real commands, and an alert that has to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rig import Ended, HereRig

from veracore_sync.clock import SystemClock
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

FIRST, SECOND = "1Z999AA10123456784", "1Z999AA10123456785"
_COMMANDS = ("sync-orders", "sync-inventory", "sync-tracking")
_USAGE = 2


@dataclass
class Desk:
    """The commands, both sides, and a clock that goes on when it is told to."""

    rig: HereRig
    shop: SmallShop
    sandbox: Sandbox
    gone_on: timedelta = timedelta(0)
    notes: dict[str, Any] = field(default_factory=dict)
    commands: list[str] = field(default_factory=lambda: list(_COMMANDS))

    # ---- commands ------------------------------------------------------------------------------

    def run(self, *command: str) -> Ended:
        """A command, to its end."""
        return self.rig.run(*command)

    def round(self) -> list[int]:
        """What the timers start; the exit codes."""
        self.go_on(minutes=15)
        return [self.run(command).code for command in self.commands]

    def orders(self) -> Ended:
        return self.run("sync-orders", "--allow-first-run")

    def stock(self, *options: str) -> Ended:
        """A run that reads everything, as one does every few hours."""
        return self.run("sync-inventory", *(options or ("--full",)))

    def track(self, *options: str) -> Ended:
        return self.run("sync-tracking", *options)

    def is_green(self) -> bool:
        """Whether ``stats --check`` finds nothing to say."""
        ended = self.run("stats", "--check")
        assert ended.code in (0, 3), ended
        return ended.code == 0

    def alerts(self) -> dict[str, str]:
        """The open alerts: messages by kind."""
        return {one["kind"]: one["message"] for one in self.run("stats", "--json").json["alerts"]}

    def accept(self, name: str) -> None:
        """``resolve NAME --accept "..."``."""
        ended = self.run("resolve", name, "--accept", "the customer knows")
        assert ended.code == 0, ended

    # ---- time and settings ---------------------------------------------------------------------

    def go_on(self, **span: float) -> None:
        """So much time passes, for all clocks."""
        self.gone_on += timedelta(**span)

    def set(self, **settings: object) -> None:
        """Change settings, by their environment names without the prefix."""
        for name, value in settings.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self.rig.env[f"VERACORE_SYNC_{name}"] = text

    # ---- the shop ------------------------------------------------------------------------------

    def place(self, units: int = 2, **more: Any) -> Any:
        """A paid order of mugs, as the shop keeps it."""
        order = self.shop.state.place_order([("MUG", units)], **more)
        self.notes["order"] = order
        return order

    @property
    def order(self) -> Any:
        """The order in question."""
        return self.notes["order"]

    @property
    def code(self) -> str:
        """Its code."""
        return str(self.order.code)

    def fulfilments(self) -> list[Any]:
        """The order's live ones."""
        return [one for one in self.order.fulfilments if one.state != "Cancelled"]

    def cancel_fulfilment(self) -> None:
        """Staff cancel the newest fulfilment."""
        self.shop.state.transition_fulfilment(self.fulfilments()[-1], "Cancelled")

    # ---- the warehouse -------------------------------------------------------------------------

    def control(self, path: str, **body: Any) -> Any:
        return self.rig.control(path, body)

    def ship(self, units: int | None = None, tracking: str = FIRST, **more: Any) -> None:
        """The warehouse ships so many of the mugs, or all that are left."""
        if units is not None:
            more["lines"] = [{"sku": "MUG", "quantity": units}]
        package = {"tracking": tracking, "carrier": "UPS", "service": "UPS Ground"}
        package |= more.pop("package", {})
        self.control("ship", order=self.code, packages=[package], **more)

    def cancel_there(self, units: int | None = None) -> None:
        """The warehouse cancels so many, or all."""
        lines = [{"sku": "MUG", "quantity": units}] if units else None
        self.control("cancel", order=self.code, **({"lines": lines} if lines else {}))

    def fault(self, *kinds: str, **rule: Any) -> None:
        """The warehouse answers wrongly."""
        self.control("faults", kinds=list(kinds), **rule)

    def mend(self) -> None:
        """Whatever was wrong on either side is right again."""
        self.fault()
        self.shop.clear_faults()


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A desk, with a simulator and a small shop."""
    made: list[Desk] = []
    wall, monotonic = SystemClock.now, SystemClock.monotonic

    def gone_on() -> timedelta:
        return made[0].gone_on if made else timedelta(0)

    def now() -> datetime:
        return datetime.now(UTC) + gone_on()

    with (
        patch.object(SystemClock, "now", lambda self: wall(self) + gone_on()),
        patch.object(
            SystemClock, "monotonic", lambda self: monotonic(self) + gone_on().total_seconds()
        ),
        SmallShop(clock=now) as shop,
        Sandbox(clock=now) as sandbox,
    ):
        rig = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox)
        one = Desk(rig, shop, sandbox)
        made.append(one)
        one.set(TRACKING__SETTLE_MINUTES="0", RETRY__TRIES="1", ORDERS__GRACE_SECONDS="60")
        shop.state.add_variant("MUG", "Mug", 1000, on_hand=1000)
        one.control("stock", stock=[{"sku": "MUG", "on_hand": 1000}])
        one.orders()
        one.stock("--allow-mass-change")
        one.track()
        assert one.is_green()
        yield one


def give_code_again(one: Desk, earlier: Any) -> Any:
    """The shop was restored from a backup: another customer's order gets that order's code."""
    state = one.shop.state
    with state.lock:
        fresh = state.place_order([("MUG", 2)])
        del state.by_code[fresh.code], state.orders[earlier.id]
        # Like the shop, the restored stock knows nothing of the order that was lost.
        open_units = sum(units for _, units in state.open_lines(earlier))
        next(iter(state.stock("MUG").values())).allocated -= open_units
        fresh.code = earlier.code
        state.by_code[fresh.code] = fresh
    one.notes["order"] = fresh
    return fresh


Act = Callable[[Desk], object]


@dataclass(frozen=True)
class Walk:
    """How an alert comes, what its words tell to do, and how soon it has ended by that.

    Args:
        opens: The cause, and the commands that find it.
        says: What of its words (the message, or docs/troubleshoot.md) is obeyed.
        obey: What a person does.
        rounds: How often the timers start all jobs until it has ended.
        beside: Alerts that the same cause opens too.
    """

    opens: Act
    says: str
    obey: Act
    rounds: int = 1
    beside: tuple[AlertKind, ...] = ()


def walked(one: Desk, kind: AlertKind, walk: Walk, words: str) -> None:
    """Walk it: the alert opens, says what to do, and that ends it."""
    walk.opens(one)
    standing = one.alerts()
    assert set(standing) == {kind, *walk.beside}, standing
    assert walk.says in standing[kind] or walk.says in words, (walk.says, standing[kind], words)
    assert not one.is_green()
    walk.obey(one)
    for _ in range(walk.rounds):
        one.round()
    assert one.alerts() == {}, one.alerts()
    assert one.is_green()
    one.go_on(days=1)
    assert not any([*one.round(), *one.round()]), "nothing is news"
    assert one.alerts() == {}, "it has not come back"
    assert one.is_green()
