"""A server on a raw socket that answers, drips or keeps silent, at each stage of a request."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from unittest.mock import patch

from veracore_sync.clock import SystemClock

PAUSE = 0.02
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 100000000\r\n\r\n"
LONG = b"x" * 65536

MANNERS = ("silent", "interim", "head", "body", "late body")


class Dripper:
    """Spoils each answer in one manner.

    silent: reads the request and never answers. interim: sends ``100 Continue`` again and again.
    head: sends a header a byte at a time. body: sends the head, then the body a byte at a time.
    late body: the same after 64 KiB. unread: does not even read the request. steady: sends 64 KiB
    again and again.

    `monotonic` is a clock that stands still until the server has read a request: so a time limit
    is used up by the server alone, however slow this machine is.
    """

    def __init__(self, manner: str) -> None:
        self.manner = manner
        self.start = b" "
        self.requests = 0
        self._began, self._first_at = time.monotonic(), 0.0
        self._over = threading.Event()
        self._listener = socket.socket()
        # Small, so that a request that is not read does not vanish in the kernel.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def monotonic(self) -> float:
        now = time.monotonic()
        if self.manner == "unread":
            return now
        return self._began + (now - self._first_at if self._first_at else 0.0)

    def has_read(self) -> bool:
        """Whether a request came; what was sent is read late where this machine is slow."""
        until = time.monotonic() + 600
        while not self.requests and time.monotonic() < until:
            time.sleep(0.005)
        return self.requests == 1

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            while not self._over.is_set():
                if self.manner == "unread":
                    self._count()
                    self._over.wait()
                    return
                head = _request(peer)
                if head is None:
                    return
                self._count()
                self._spoil(peer, b"application/json" if b"/api/" in head else b"text/xml")

    def _count(self) -> None:
        self._first_at = self._first_at or time.monotonic()
        self.requests += 1

    def _spoil(self, peer: socket.socket, kind: bytes) -> None:
        if self.manner == "silent":
            self._over.wait()
        elif self.manner == "interim":
            self._drip(peer, b"HTTP/1.1 100 Continue\r\n\r\n")
        elif self.manner == "head":
            peer.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            self._drip(peer, b"x")
        elif self.manner == "late body":
            peer.sendall(HEAD % kind + self.start + b" " * 65536)
            self._drip(peer, b" ")
        elif self.manner == "steady":
            peer.sendall(HEAD % kind)
            self._drip(peer, LONG)
        else:
            peer.sendall(HEAD % kind + self.start)
            self._drip(peer, b" ")

    def _drip(self, peer: socket.socket, drop: bytes) -> None:
        while not self._over.wait(PAUSE):
            peer.sendall(drop)


def _request(peer: socket.socket) -> bytes | None:
    """The head of a request whose body was read, too."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = peer.recv(65536)
        if not piece:
            return None
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *(\d+)", head)
    missing = int(found[1]) - len(body) if found else 0
    while missing > 0:
        missing -= len(peer.recv(65536))
    return head


@contextmanager
def dripping(manner: str) -> Iterator[Dripper]:
    server = Dripper(manner)
    try:
        with patch.object(SystemClock, "monotonic", lambda _clock: server.monotonic()):
            yield server
    finally:
        server.close()


@contextmanager
def soon(seconds: float = 60.0) -> Iterator[None]:
    """The block ends, which a server that drips would never let it."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds
