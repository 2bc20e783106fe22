"""The memory that a client needs for answers that are made to fill it.

    python benchmarks/answer_memory.py

Each attack is answered by a server in a process of its own; printed are what it sent and how much
the client's peak of resident memory grew.
"""

from __future__ import annotations

import gzip
import multiprocessing
import resource
import socket
from collections.abc import Callable
from contextlib import suppress

from veracore_sync.domain.errors import SyncError
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.http import HttpClient, NoResponse
from veracore_sync.transport.json_body import UnreadableJson, read_json
from veracore_sync.veracore.oms.parse import AnswerReader, UnreadableXml

MIB = 1024**2
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n"
GZIP = CHUNKED + b"Content-Encoding: gzip\r\n\r\n"
TWICE = CHUNKED + b"Content-Encoding: gzip, gzip\r\n\r\n"
PLAIN = CHUNKED + b"\r\n"


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def _bomb(size: int) -> bytes:
    return gzip.compress(bytes(size), 9)


ATTACKS: dict[str, tuple[bytes, Callable[[], bytes], bytes, AnswerKind]] = {
    "endless body": (PLAIN, lambda: b"", _chunk(b" " * 65536), AnswerKind.PAGE),
    "gzip of 1 GiB": (GZIP, lambda: _chunk(_bomb(1024 * MIB)), b"", AnswerKind.PAGE),
    "gzip twice": (TWICE, lambda: _chunk(gzip.compress(_bomb(1024 * MIB))), b"", AnswerKind.PAGE),
    "JSON of empty objects": (
        PLAIN,
        lambda: _chunk(b"[") + _chunk(b"{}," * 10_000_000 + b"{}]") + b"0\r\n\r\n",
        b"",
        AnswerKind.PAGE,
    ),
    "unfinished comment": (
        PLAIN,
        lambda: _chunk(b"<a><!--"),
        _chunk(b"x" * 65536),
        AnswerKind.STREAM,
    ),
    "unfinished attribute": (
        PLAIN,
        lambda: _chunk(b'<a b="'),
        _chunk(b"x" * 65536),
        AnswerKind.STREAM,
    ),
}


def _serve(listener: socket.socket, head: bytes, first: bytes, again: bytes) -> None:
    peer, _ = listener.accept()
    with peer, suppress(OSError):
        peer.recv(65536)
        peer.sendall(head + first)
        while again:
            peer.sendall(again)


def _client(name: str, url: str, kind: AnswerKind, results: multiprocessing.Queue[str]) -> None:
    http = HttpClient("veracore", timeout_seconds=60)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = "read"
    try:
        if kind is AnswerKind.STREAM:
            with http.stream("GET", url, label="x", headers={}, kind=kind) as streamed:
                list(AnswerReader("Get", "Row").read(streamed.pieces()))
        else:
            answer = http.send("GET", url, label="x", headers={}, kind=kind)
            read_json(answer.body)
    except (NoResponse, SyncError, UnreadableXml, UnreadableJson) as error:
        said = str(error)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    results.put(f"{name:24} {grown / 1024:7.1f} MiB  {said}")


def main() -> None:
    """Run each attack."""
    for name, (head, first, again, kind) in ATTACKS.items():
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        results: multiprocessing.Queue[str] = multiprocessing.Queue()
        server = multiprocessing.Process(target=_serve, args=(listener, head, first(), again))
        asking = multiprocessing.Process(target=_client, args=(name, url, kind, results))
        server.start()
        asking.start()
        print(results.get(timeout=120))
        asking.join()
        server.kill()
        server.join()


if __name__ == "__main__":
    main()
