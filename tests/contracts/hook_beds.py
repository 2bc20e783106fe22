"""The hooks that the contract suite runs against, and whoever stands behind them."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fakes import FakeHook

from veracore_sync.ports.hooks import Hook
from veracore_sync.transport.hooks import CommandHook, PostHook

_COMMAND = f"""#!{sys.executable}
import sys
from pathlib import Path
folder = Path(__file__).parent
body = sys.stdin.buffer.read()
if (folder / "refuses").exists():
    sys.exit(1)
(folder / f"taken-{{len(list(folder.glob('taken-*'))):03}}").write_bytes(body)
"""


class HookBed(ABC):
    """A hook under test, and whoever takes what it delivers."""

    hook: Hook

    @abstractmethod
    def taken(self) -> list[bytes]:
        """The events that were taken, in order."""

    @abstractmethod
    def refuse(self, *, refuses: bool) -> None:
        """From now on it says no, or yes again."""

    @abstractmethod
    def go_away(self) -> None:
        """From now on nobody is there."""


class Command(HookBed):
    """A program that gets each event on stdin."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.program = folder, folder / "hook"
        self.program.write_text(_COMMAND)
        self.program.chmod(0o700)
        self.hook = CommandHook([str(self.program)], 60)

    def taken(self) -> list[bytes]:
        return [one.read_bytes() for one in sorted(self.folder.glob("taken-*"))]

    def refuse(self, *, refuses: bool) -> None:
        sign = self.folder / "refuses"
        sign.touch() if refuses else sign.unlink()

    def go_away(self) -> None:
        self.program.unlink()


class Url(HookBed):
    """An address that gets each event as a signed POST."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.signed_for: list[str | None] = []
        self.status = 204
        bed = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if bed.status < 300:
                    bed.bodies.append(body)
                    bed.signed_for.append(self.headers["webhook-id"])
                self.send_response(bed.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is told."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.is_there = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"http://127.0.0.1:{self.server.server_port}/"
        self.hook = PostHook(address, lambda event_id, body: {"webhook-id": event_id}, 10)

    def taken(self) -> list[bytes]:
        return self.bodies

    def refuse(self, *, refuses: bool) -> None:
        self.status = 400 if refuses else 204

    def go_away(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.is_there = False


class Fake(HookBed):
    """The fake that the tests of the delivery run over."""

    def __init__(self) -> None:
        self.hook = self.fake = FakeHook()

    def taken(self) -> list[bytes]:
        return self.fake.bodies

    def refuse(self, *, refuses: bool) -> None:
        self.fake.mood = "refuses" if refuses else "takes"

    def go_away(self) -> None:
        self.fake.mood = "is away"


@contextmanager
def command(folder: Path) -> Iterator[HookBed]:
    yield Command(folder)


@contextmanager
def url(folder: Path) -> Iterator[HookBed]:
    bed = Url()
    try:
        yield bed
    finally:
        if bed.is_there:
            bed.go_away()


@contextmanager
def fake(folder: Path) -> Iterator[HookBed]:
    yield Fake()


BEDS: dict[str, Callable[[Path], AbstractContextManager[HookBed]]] = {
    "command": command,
    "url": url,
    "fake": fake,
}
