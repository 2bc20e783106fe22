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

import json
import random
import re
import secrets
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen

from whole_kit import SKUS, Whole, documented_codes, whole

from veracore_sync.ledger.inbox import summary
from veracore_sync.webhooks.signature import sign

Sign = Callable[[], bool]

TURNS = (
    "sync-orders",
    "sync-inventory",
    "serve-webhooks",
    "sync-tracking",
    "retry",
    "ledger prune",
    "sync-orders",
    "sync-inventory",
    "serve-webhooks",
    "sync-tracking",
    "deliver",
    "ledger backup",
)
"""Who is killed in one round, in an order that is drawn anew each time."""

_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_ANSWER_MS = 40
_PATIENCE = 30.0
_OLD_EVENTS = 20_000
_BEGINNING = 400
_NEWEST = 4
_HOOK = """import json, sys, pathlib
event = sys.stdin.buffer.read()
json.loads(event)
with open(pathlib.Path(__file__).with_name("events.jsonl"), "ab") as file:
    file.write(event + b"\\n")
"""


@dataclass(frozen=True)
class Promise:
    """A delivery that the listener answered 2xx."""

    id: str
    kind: str
    name: str


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
    promises: list[Promise] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = self.world.dice
        self._folder = self.world.rig.folder
        self._events = self._folder / "events.jsonl"
        self._copy = self._folder / "backup.db"
        self._victims = {
            "sync-orders": Victim(
                ("sync-orders", "--allow-first-run"), self._orders, self._asks, 0.6
            ),
            "sync-inventory": Victim(
                ("sync-inventory", "--allow-mass-change"), self._counts, self._asks, 0.4
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
        for name in ("sync-inventory", "sync-orders", "sync-tracking"):
            assert self.world.run(*self._victims[name].command).code in (0, 3)

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
            orders, slips = ledger.orders.counts(), ledger.shipments.count()
            return Counter(
                {
                    "orders being sent": orders["sending"],
                    "orders in doubt": orders["in_doubt"],
                    "fulfilments intended": slips.get("intended", 0),
                    "fulfilments added": slips.get("added", 0),
                    "events waiting": ledger.outbox.summary()["waiting"],
                    "hints waiting": summary(ledger.database)["waiting"],
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
        partial = self._partial
        partial.unlink(missing_ok=True)
        return partial.exists

    @property
    def _partial(self) -> Path:
        return self._copy.with_name(self._copy.name + ".partial")

    def _answers(self) -> Sign:
        before = len(self.promises)
        return lambda: len(self.promises) > before

    # ---- deliveries -----------------------------------------------------------------------------

    @contextmanager
    def _senders(self, run: Popen[str], name: str) -> Iterator[None]:
        """While the listener is at work, two senders deliver to it; nothing for the others."""
        if name != "serve-webhooks":
            yield
            return
        port = _port_of(run)
        subjects = self._subjects()
        seeds = [self._dice.random() for _ in range(2)]
        threads = [
            threading.Thread(target=self._send, args=(port, subjects, seed)) for seed in seeds
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            run.kill()
            for thread in threads:
                thread.join()

    def _subjects(self) -> list[tuple[str, str, str]]:
        """What deliveries may name: every SKU, and the newest orders."""
        orders = list(self.world.shop.state.orders.values())[-_NEWEST:]
        skus = [("inventory", "sku", sku) for sku in SKUS]
        return skus + [
            (kind, "orderCode", order.code) for order in orders for kind in ("order", "tracking")
        ]

    def _send(self, port: int, subjects: list[tuple[str, str, str]], seed: float) -> None:
        """Deliver until the listener is gone; what it answered 2xx is a promise."""
        dice = random.Random(seed)
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            while True:
                kind, word, name = dice.choice(subjects)
                body = json.dumps({word: name}).encode()
                number = f"msg_{secrets.token_hex(8)}"
                try:
                    headers = sign(_SECRET, number, int(time.time()), body)
                    connection.request("POST", f"/veracore-webhooks/{kind}-update", body, headers)
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, HTTPException):
                    return
                if answer.status == 200:
                    self.promises.append(Promise(number, kind, name))
                time.sleep(dice.uniform(0.01, 0.1))

    # ---- the end --------------------------------------------------------------------------------

    def settle(self, within_seconds: float = 200) -> int:
        """Let everybody finish; all books balance then. How many rounds it took."""
        self.world.mend()
        self._follow_hints(within_seconds)
        rounds = self.world.come_to_rest(within_seconds)
        self.world.books_balance()
        self.world.events_agree()
        self._shipments_are_told()
        self._promises_are_kept()
        self._nothing_lies_about()
        return rounds

    def _follow_hints(self, within_seconds: float) -> None:
        deadline = time.monotonic() + within_seconds
        run = self.world.rig.start(*self._victims["serve-webhooks"].command)
        assert _port_of(run)
        while self._hints_waiting():
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline, "hints are left"
            time.sleep(0.1)
        run.terminate()
        _, told = run.communicate()
        assert run.returncode == 0, told

    def _hints_waiting(self) -> int:
        with self.world.rig.ledger() as ledger:
            return int(summary(ledger.database)["waiting"])

    def _shipments_are_told(self) -> None:
        """Every fulfilment that came of a shipment was told of."""
        told = [json.loads(line) for line in self._events.read_text().splitlines()]
        known = {one["data"].get("fulfillmentId") for one in told}
        for order in self.world.shop.state.orders.values():
            for one in order.fulfilments:
                assert one.id in known or one.tracking_code == "by hand", (order.code, one.id)

    def _promises_are_kept(self) -> None:
        """What was answered 2xx is in the inbox, and its name was looked up since."""
        with self.world.rig.ledger() as ledger:
            stored = {tuple(row) for row in ledger.database.rows("SELECT id, kind FROM inbox")}
            covered = {
                (row["kind"], row["name"]): row["covered"]
                for row in ledger.database.rows("SELECT * FROM hints WHERE due_at IS NULL")
            }
        assert stored >= {(one.id, one.kind) for one in self.promises}
        for subject, count in Counter((one.kind, one.name) for one in self.promises).items():
            assert covered.get(subject, 0) >= count, (subject, count)

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


_KNOWN = re.compile(r"ledger\.db(-wal|-shm|\.\w+\.lock)?|hook\.py|events\.jsonl")
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


def _port_of(run: Popen[str]) -> int:
    assert run.stdout is not None
    return int(run.stdout.readline().strip().rpartition(":")[2])


@contextmanager
def killing(folder: Path, dialect: str, seed: int) -> Iterator[Killing]:
    """A shop that has begun, and nothing left running at the end."""
    with whole(folder, dialect, seed) as world:
        world.rig.env |= {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "VERACORE_WEBHOOK_SECRET": _SECRET,
            # Few look-ups of what is merely open: most of a tracking run is then fulfilling.
            "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "3",
            "VERACORE_SYNC_HOOKS__COMMAND": json.dumps([sys.executable, str(folder / "hook.py")]),
        }
        (folder / "hook.py").write_text(_HOOK)
        try:
            made = Killing(world)
            made.begin()
            yield made
        finally:
            world.rig.end()
