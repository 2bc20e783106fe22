"""``serve-webhooks`` and ``serve-admin`` as processes beside the commands, on the same ledger.

What they promised must be in the ledger that everybody else sees: deliveries that were answered 2xx
(`Deliveries`), counts (`same_counts`), and the very files (`Orphans`).
"""

from __future__ import annotations

import json
import random
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen
from typing import Any

from fakes import make_settings
from rig import Rig
from whole_kit import SKUS, Whole, documented_codes

from veracore_sync.jobs.metrics import exposition
from veracore_sync.ledger import open_ledger
from veracore_sync.transport.signature import sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ACT_TOKEN = "act-token-9876543210-abcdefghijk"
SERVING = {"VERACORE_WEBHOOK_SECRET": SECRET, "VERACORE_SYNC_ADMIN__ACT_TOKEN": ACT_TOKEN}
"""The settings, by environment names, that the two services need."""

_NEWEST = 4
_COUNTED = re.compile(r"(?m)^veracore_sync_(?:orders|inbox_waiting|outbox_waiting|alerts_open)\b.*")


class Service:
    """A service that is started, ended and started again; the port is another each time.

    Args:
        rig: Starts it.
        command: ``serve-webhooks`` or ``serve-admin``.
    """

    def __init__(self, rig: Rig, command: str) -> None:
        self.command = command
        self._rig = rig
        self._process: Popen[str] | None = None
        self.port = 0

    @property
    def process(self) -> Popen[str]:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        return self.process.pid

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, **env: str) -> None:
        """Start it, and wait until it listens."""
        self.attach(self._rig.start(self.command, "--port", "0", **env))

    def attach(self, process: Popen[str]) -> None:
        """Take over a process that was just started, and wait until it listens."""
        self._process = process
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, (self.command, process.communicate())
        self.port = int(url.rpartition(":")[2])

    def attach_if_it_listens(self, process: Any) -> None:
        """Take over a process of whatever kind as soon as it listens; it may end before."""
        url = process.stdout.readline().strip()
        if url:
            self._process, self.port = process, int(url.rpartition(":")[2])

    def end(self, number: int) -> None:
        """End it with that signal: at once by SIGKILL, well by SIGTERM."""
        self.process.send_signal(number)
        _, told = self.process.communicate(timeout=300)
        assert "Traceback" not in told, (self.command, told)
        assert self.process.returncode in (0, -number), (self.command, told)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """GET, or POST `body`; status and body of the answer.

        Raises:
            OSError: It is not there.
            HTTPException: It is gone before it answered.
        """
        method = "GET" if body is None else "POST"
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def graphql(self, query: str) -> Any:
        """The document that the Admin API answers a query or mutation with."""
        status, answer = self.ask(
            "/admin-api",
            json.dumps({"query": query}).encode(),
            **{"content-type": "application/json", "authorization": f"Bearer {ACT_TOKEN}"},
        )
        document = json.loads(answer)
        assert (status, document.get("errors")) == (200, None), document
        return document["data"]


@contextmanager
def running(rig: Rig, command: str, **env: str) -> Iterator[Service]:
    """A service that is killed at the end, if it has not ended by then."""
    service = Service(rig, command)
    service.start(**env)
    try:
        yield service
    finally:
        if service.is_running():
            service.end(9)


# ---- deliveries ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Promise:
    """A delivery that the listener answered 2xx."""

    id: str
    kind: str
    name: str


@dataclass
class Deliveries:
    """Signed deliveries, and what became of those that were answered 2xx.

    Args:
        world: The shop whose orders and SKUs they name.
    """

    world: Whole
    promises: list[Promise] = field(default_factory=list)
    offset: float = 0.0
    """Seconds that the listener's clock is ahead of the true time; deliveries are signed by it."""
    pauses: tuple[float, float] = (0.01, 0.1)
    """Seconds between two deliveries of a client, at least and at most."""

    def subjects(self) -> list[tuple[str, str, str]]:
        """What deliveries may name: every SKU, and the newest orders."""
        orders = list(self.world.shop.state.orders.values())[-_NEWEST:]
        skus = [("inventory", "sku", sku) for sku in SKUS]
        return skus + [
            (kind, "orderCode", order.code) for order in orders for kind in ("order", "tracking")
        ]

    def deliver(self, service: Service, kind: str, word: str, name: str) -> bool:
        """Deliver once; whether it was answered 2xx.

        Raises:
            OSError: Nobody listens.
            HTTPException: The listener is gone before it answered.
        """
        body = json.dumps({word: name}).encode()
        number = f"msg_{secrets.token_hex(8)}"
        headers = sign(SECRET, number, int(time.time() + self.offset), body)
        status, _ = service.ask(f"/veracore-webhooks/{kind}-update", body, **headers)
        if status == 200:
            self.promises.append(Promise(number, kind, name))
        return status == 200

    @contextmanager
    def under_load(self, service: Service, clients: int, seed: float) -> Iterator[None]:
        """So many clients deliver without a rest, also to a listener that comes up again."""
        dice, stop = random.Random(seed), threading.Event()
        seeds = [dice.random() for _ in range(clients)]
        threads = [
            threading.Thread(
                target=self._load, args=(service, stop, random.Random(one)), daemon=True
            )
            for one in seeds
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(120)
                assert not thread.is_alive(), "a client has no answer"

    def _load(self, service: Service, stop: threading.Event, dice: random.Random) -> None:
        while not stop.wait(dice.uniform(*self.pauses)):
            try:
                self.deliver(service, *dice.choice(self.subjects()))
            except (OSError, HTTPException):
                continue

    # ---- what became of them --------------------------------------------------------------------

    def are_stored(self, since: int = 0) -> None:
        """Everybody who opens the ledger now finds what was answered 2xx, from number `since`."""
        promised = {(one.id, one.kind) for one in self.promises[since:]}
        with self.world.rig.ledger() as ledger:
            stored = {tuple(row) for row in ledger.database.rows("SELECT id, kind FROM inbox")}
        lost = promised - stored
        assert not lost, f"{len(lost)} of {len(promised)} deliveries answered 2xx are lost"

    def are_covered(self) -> None:
        """What was answered 2xx is stored, and its name was looked up since."""
        self.are_stored()
        with self.world.rig.ledger() as ledger:
            covered = {
                (row["kind"], row["name"]): row["covered"]
                for row in ledger.database.rows("SELECT * FROM hints WHERE due_at IS NULL")
            }
        for subject, count in Counter((one.kind, one.name) for one in self.promises).items():
            assert covered.get(subject, 0) >= count, (subject, count)

    def wait_until_followed(self, service: Service, within_seconds: float) -> None:
        """Let the listener follow every hint that it has."""
        deadline = time.monotonic() + within_seconds
        while self.hints_waiting():
            assert service.is_running(), f"{service.command} ended by itself"
            assert time.monotonic() < deadline, f"hints are left, due at {self._dues()}"
            time.sleep(0.1)

    def _dues(self) -> list[str]:
        """When the hints that wait may be looked up."""
        with self.world.rig.ledger() as ledger:
            rows = ledger.database.rows("SELECT due_at FROM hints WHERE due_at IS NOT NULL")
        return sorted(str(row[0]) for row in rows)

    def hints_waiting(self) -> int:
        """How many names are still to be looked up."""
        with self.world.rig.ledger() as ledger:
            return int(ledger.inbox.summary()["waiting"])


# ---- one ledger ---------------------------------------------------------------------------------


def orphans(pid: int, ledger: Path) -> list[str]:
    """The deleted files of that ledger that a process has open; none where all is well."""
    names = map(str, _descriptors(Path(f"/proc/{pid}/fd")))
    start = str(ledger.resolve())
    return [name for name in names if name.startswith(start) and name.endswith(" (deleted)")]


def _descriptors(folder: Path) -> Iterator[Path]:
    # A process may end, and close a file, between two of these calls.
    with suppress(OSError):
        for one in folder.iterdir():
            with suppress(OSError):
                yield one.readlink()


class Orphans:
    """Looks again and again whether a process works on files of the ledger that are deleted.

    Whoever closes a ledger last removes its log, and has its index open for a moment longer; so
    only what two looks have seen counts.

    Args:
        ledger: The file.
        pids: The processes to look at, asked for at each look.
    """

    def __init__(self, ledger: Path, pids: Callable[[], Sequence[int]]) -> None:
        self.looks = 0
        self.found: set[tuple[int, str]] = set()
        self._ledger = ledger
        self._pids = pids
        self._before: set[tuple[int, str]] = set()
        self._stop = threading.Event()

    @contextmanager
    def watched(self, every_seconds: float = 0.25) -> Iterator[Orphans]:
        """Look until the end."""

        def look_on() -> None:
            while not self._stop.wait(every_seconds):
                self.look()

        thread = threading.Thread(target=look_on, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def look(self) -> None:
        """Look once."""
        now = {(pid, name) for pid in self._pids() for name in orphans(pid, self._ledger)}
        self.found |= now & self._before
        self._before = now
        self.looks += 1

    def none(self) -> None:
        """Nobody was seen so."""
        assert not self.found, f"open though deleted: {sorted(self.found)}"


def same_counts(listener: Service, ledger: Path, within_seconds: float = 600) -> None:
    """The listener, which opened the ledger long ago, counts what others count who open it now."""
    deadline = time.monotonic() + within_seconds
    while True:
        mine = _counted(listener.ask("/metrics")[1].decode())
        opened = open_ledger(ledger, read_only=True)
        theirs = _counted(exposition(opened, opened.meta.created_at, make_settings()))
        opened.close()
        if mine == theirs:
            return
        # It goes on working between the two readings.
        assert time.monotonic() < deadline, (mine, theirs)
        time.sleep(0.1)


def _counted(metrics: str) -> list[str]:
    return sorted(_COUNTED.findall(metrics))


def is_whole(ledger: Path) -> None:
    """SQLite finds nothing to complain of, and no row points at what is not there."""
    opened = open_ledger(ledger, read_only=True)
    with closing(opened):
        assert opened.database.value("PRAGMA integrity_check") == "ok"
        assert opened.database.rows("PRAGMA foreign_key_check") == []


def well_ended(command: Iterable[str], code: int, told: str, *, signals: Sequence[int]) -> None:
    """A command came to a documented end, or to that of one of `signals`; never a ledger's."""
    # -2: an interpreter that was stopped while a dataclass was being made ends itself by SIGINT.
    ends = documented_codes() - {1, 2, 74} | {-number for number in signals} | {130, 143, -2}
    assert "Traceback" not in told, (command, told)
    assert code in ends, (command, code, told)
