"""SIGKILL for every command that writes, and for the listener, while a shop's life goes on.

A kill counts where work was under way: a sign of the work was seen from outside, and the process
had not come to its end when the signal struck (its exit status is the signal). The signs:

- the three syncs, and ``retry``: the shop or the warehouse got a request from it;
- ``deliver``: the hook took an event;
- ``serve-webhooks``: a delivery was answered 2xx; others come in until it is dead;
- ``ledger prune``: another writer is refused the ledger, which nobody else holds;
- ``ledger backup``: the unfinished copy lies on the disk.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from service_kit import SERVING, Deliveries, Service, running
from whole_kit import SKUS, Whole, documented_codes, slip_counts, whole

Sign = Callable[[], bool]

TURNS = (
    "sync-orders",
    "sync-inventory",
    "serve-webhooks",
    "sync-tracking",
    "retry",
    "ledger prune",
    "sync-orders",
    "sync-inventory --full",
    "serve-webhooks",
    "sync-tracking",
    "deliver",
    "ledger backup",
)
"""Who is killed in one round, in an order that is drawn anew each time."""

_ANSWER_MS = 40
_PATIENCE = 600.0
_OLD_EVENTS = 20_000
_BEGINNING = 400


@dataclass(frozen=True)
class Victim:
    """A command that is killed: what it is given to do, how its work shows, how long it may live.

    Args:
        command: As typed.
        prepare: Makes work for it.
        watch: Called before it starts; what it returns says whether its work is under way.
        life: The longest time, in seconds, from the sign of its work to the kill.
    """

    command: tuple[str, ...]
    prepare: Callable[[], None]
    watch: Callable[[], Sign]
    life: float


@dataclass
class Killing:
    """Starts one command after the other, kills it at its work, and looks at what is left.

    Args:
        world: The shop, the simulator and the commands.

    `kills` and `spared` (those that ended first) count by command, `left` says how many lives left
    more of an unfinished work in the ledger than they had found.
    """

    world: Whole
    kills: Counter[str] = field(default_factory=Counter)
    spared: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dice = self.world.dice
        self.deliveries = Deliveries(self.world)
        self._folder = self.world.rig.folder
        self._events = self._folder / "events.jsonl"
        self._copy = self._folder / "backup.db"
        self._victims = {
            "sync-orders": Victim(
                ("sync-orders", "--allow-first-run"), self._orders, self._asks, 0.6
            ),
            "sync-inventory": Victim(("sync-inventory",), self._changes, self._asks, 0.4),
            "sync-inventory --full": Victim(
                ("sync-inventory", "--full"), self._counts, self._asks, 0.4
            ),
            "sync-tracking": Victim(("sync-tracking",), self._shipments, self._asks, 1.5),
            "retry": Victim(("retry", "--all"), self._doubts, self._asks, 0.5),
            "deliver": Victim(("deliver", "--force"), self._news, self._tells, 0.2),
            "ledger prune": Victim(("ledger", "prune"), self._past, self._holds, 0.12),
            "ledger backup": Victim(
                ("ledger", "backup", str(self._copy)), self._past, self._copies, 0.04
            ),
            "serve-webhooks": Victim(
                ("serve-webhooks", "--port", "0"), self._everything, self._answers, 1.0
            ),
        }

    # ---- killing --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Plenty of stock, known to the shop, and a first complete run of each sync."""
        for sku in SKUS:
            self.world.stock(sku, _BEGINNING)
        first = ("sync-inventory", "--allow-mass-change")
        for command in (first, ("sync-orders", "--allow-first-run"), ("sync-tracking",)):
            assert self.world.run(*command).code in (0, 3)

    def kill(self, times: int) -> None:
        """Kill so many in all, round after round."""
        while True:
            for name in self._dice.sample(TURNS, len(TURNS)):
                if self.kills.total() >= times:
                    return
                self._one_life(name)
                self.world.never_more_for_sale_than_there_is()

    def _one_life(self, name: str) -> None:
        victim = self._victims[name]
        self.world.something_happens()
        victim.prepare()
        self._slow()
        before, is_under_way = self._unfinished(), victim.watch()
        run = self.world.rig.start(*victim.command)
        try:
            with self._senders(run, name):
                self._wait_for_work(run, is_under_way)
                time.sleep(self._dice.uniform(0, victim.life))
        finally:
            run.kill()
            _, told = run.communicate()
        self._count(name, run, told)
        self._look(before)
        # What the dead had asked for is still being done at the other end.
        time.sleep(2 * _ANSWER_MS / 1000)
        self.world.mend()

    def _slow(self) -> None:
        self.world.rig.control("faults", {"delay_ms": _ANSWER_MS})
        self.world.shop.add_faults(delay_ms=_ANSWER_MS)

    def _wait_for_work(self, run: Popen[str], is_under_way: Sign) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not is_under_way() and run.poll() is None:
            assert time.monotonic() < deadline, "it never began"
            time.sleep(0.001)

    def _count(self, name: str, run: Popen[str], told: str) -> None:
        assert "Traceback" not in told, (name, told)
        if run.returncode == -9:
            self.kills[name] += 1
        else:
            assert run.returncode in documented_codes() - {1, 2}, (name, run.returncode, told)
            self.spared[name] += 1
        self._look_at_the_copy()

    def _look(self, before: Counter[str]) -> None:
        """What is unfinished that was not, or more of it than there was."""
        self.left.update((self._unfinished() - before).keys())

    def _unfinished(self) -> Counter[str]:
        with self.world.rig.ledger() as ledger:
            orders, slips = ledger.orders.counts(), slip_counts(ledger)
            return Counter(
                {
                    "orders being sent": orders["sending"],
                    "orders in doubt": orders["in_doubt"],
                    "fulfilments intended": slips.get("intended", 0),
                    "fulfilments added": slips.get("added", 0),
                    "events waiting": ledger.outbox.summary()["waiting"],
                    "hints waiting": ledger.inbox.summary()["waiting"],
                }
            )

    def _look_at_the_copy(self) -> None:
        """Under its name a backup is whole, or it is not there."""
        if self._copy.exists():
            with closing(sqlite3.connect(self._copy)) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            self._copy.unlink()

    # ---- work for them --------------------------------------------------------------------------

    def _orders(self) -> None:
        for _ in range(self._dice.randint(2, 4)):
            self.world.place()

    def _counts(self) -> None:
        for _ in range(2):
            self.world.restock()
            self.world.place()

    def _changes(self) -> None:
        """The same, after a run that the next one builds on: it reads what changed."""
        if not self._has_baseline():
            # Who was killed while it wrote everything left nothing to build on.
            assert self.world.run("sync-inventory").code in (0, 3)
            assert self._has_baseline()
        self._counts()

    def _has_baseline(self) -> bool:
        with self.world.rig.ledger() as ledger:
            return ledger.stock.baseline() is not None

    def _shipments(self) -> None:
        self._hand_over()
        for _ in range(self._dice.randint(3, 6)):
            self.world.ship()

    def _everything(self) -> None:
        self._shipments()
        self._orders()
        self._counts()

    def _doubts(self) -> None:
        """Orders of which nobody knows whether they arrived: nothing about orders is answered."""
        self._orders()
        self.world.rig.control(
            "faults",
            {
                "kinds": ["reset_after", "html_500"],
                "operations": ["AddOrder", "create", "GetOrderInfo", "status"],
                "seed": self._dice.randrange(1000),
            },
        )
        self.world.run("sync-orders", "--allow-first-run")
        self.world.mend()
        self.world.run("breaker", "reset")

    def _news(self) -> None:
        """Events that no hook has taken yet."""
        self._orders()
        self._hand_over(VERACORE_SYNC_HOOKS__COMMAND='["false"]')

    def _hand_over(self, **env: str) -> None:
        ended = self.world.rig.run("sync-orders", "--allow-first-run", **env)
        assert ended.code in (0, 3), ended

    def _past(self) -> None:
        """Events of years ago, all taken: a file with something to copy, and to forget."""
        with closing(sqlite3.connect(self.world.rig.ledger_path)) as ledger:
            ledger.executescript(_PAST.format(count=_OLD_EVENTS))

    # ---- signs of their work --------------------------------------------------------------------

    def _asks(self) -> Sign:
        before = self._requests()
        return lambda: self._requests() > before

    def _requests(self) -> int:
        return len(self.world.sandbox.world.requests) + len(self.world.shop.requests)

    def _tells(self) -> Sign:
        before = self._told()
        return lambda: self._told() > before

    def _told(self) -> int:
        return self._events.stat().st_size if self._events.exists() else 0

    def _holds(self) -> Sign:
        return lambda: is_held(self.world.rig.ledger_path)

    def _copies(self) -> Sign:
        before = self._partials()
        return lambda: bool(self._partials() - before)

    def _partials(self) -> set[Path]:
        return set(self._folder.glob(f"{self._copy.name}.partial-*"))

    def _answers(self) -> Sign:
        promises = self.deliveries.promises
        before = len(promises)
        return lambda: len(promises) > before

    # ---- deliveries -----------------------------------------------------------------------------

    @contextmanager
    def _senders(self, run: Popen[str], name: str) -> Iterator[None]:
        """While the listener is at work, two senders deliver to it; nothing for the others."""
        if name != "serve-webhooks":
            yield
            return
        listener = Service(self.world.rig, name)
        listener.attach(run)
        with self.deliveries.under_load(listener, 2, self._dice.random()):
            yield

    # ---- the end --------------------------------------------------------------------------------

    def settle(self, within_seconds: float = 600) -> int:
        """Let everybody finish; all books balance then. How many rounds it took."""
        self.world.mend()
        with running(self.world.rig, "serve-webhooks") as listener:
            self.deliveries.wait_until_followed(listener, within_seconds)
            listener.end(signal.SIGTERM)
        rounds = self.world.come_to_rest(within_seconds)
        self.world.books_balance()
        self.world.events_agree()
        self.world.shipments_are_told()
        self.deliveries.are_covered()
        self._nothing_lies_about()
        return rounds

    def _nothing_lies_about(self) -> None:
        """The ledger is sound, a backup comes about, and no file is there that nobody knows."""
        for command in (("ledger", "check"), ("ledger", "prune"), self._backup):
            ended = self.world.run(*command)
            assert ended.code == 0, (command, ended)
        self._look_at_the_copy()
        found = {path.name for path in self._folder.iterdir()}
        unknown = {name for name in found if not _KNOWN.fullmatch(name)}
        assert unknown == set()

    @property
    def _backup(self) -> tuple[str, ...]:
        return self._victims["ledger backup"].command


_KNOWN = re.compile(
    r"ledger\.db(-wal|-shm|\.\w+\.lock)?|hook\.py|events\.jsonl"
    # Of a backup that was killed: the next to the same file removes it, after a day.
    r"|backup\.db\.partial-[0-9a-f]{8}(-journal)?"
)
_PAST = """
PRAGMA busy_timeout = 10000;
BEGIN IMMEDIATE;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
INSERT OR IGNORE INTO events (seq, id, type, at, data)
SELECT -i, 'evt_' || i, 'alert.opened', '2020-01-01T00:00:00.000Z', '{{}}' FROM n;
INSERT OR IGNORE INTO deliveries (seq, hook, done_at)
SELECT seq, 'command', at FROM events WHERE seq < 0;
COMMIT;
"""


def is_held(ledger: Path) -> bool:
    """Whether somebody is in the middle of a write to that file."""
    with closing(sqlite3.connect(ledger, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise
            return True
        connection.execute("ROLLBACK")
    return False


@contextmanager
def killing(folder: Path, dialect: str, seed: int) -> Iterator[Killing]:
    """A shop that has begun, and nothing left running at the end."""
    with whole(folder, dialect, seed) as world:
        world.rig.env |= SERVING | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            # Few look-ups of what is merely open: most of a tracking run is then fulfilling.
            "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "3",
        }
        try:
            made = Killing(world)
            made.begin()
            yield made
        finally:
            world.rig.end()
