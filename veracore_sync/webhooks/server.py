"""The hardened HTTP server; a `RequestHandler` answers the requests.

Plain http.server needs 44 ms per request because of Nagle's algorithm, treats chunked bodies as a
second request, accepts ambiguous lengths, waits for ever for slow clients, starts a thread for each
connection and discloses its version. Here the head is read strictly, every request has an absolute
deadline, and connections are limited. TLS is left to a proxy in front.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import re
import socket
import socketserver
import string
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import quote

from veracore_sync.clock import SystemClock
from veracore_sync.describe import describe
from veracore_sync.domain.errors import ConfigError, LedgerError
from veracore_sync.webhooks.connections import ConnectionLimiter
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.request_head import END, RequestHead, RequestRefused
from veracore_sync.webhooks.request_reader import Closed, RequestReader
from veracore_sync.webhooks.supervision import Part, SupervisedThread
from veracore_sync.webhooks.throttled_log import ThrottledLogger

_HEADER = re.compile(r"[\x20-\x7e]*")
_LOG = logging.getLogger(__name__)
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for clients. Times in seconds.

    Args:
        connections: Open at once; idle ones are closed for new ones.
        body_bytes: The longest body.
        first_byte_seconds: For a new connection to begin its request.
        idle_seconds: Between two requests on one connection.
        request_seconds: From the first byte of a request to its last; absolute.
        answer_seconds: To receive an answer.
        drain_seconds: After SIGTERM, for requests that have begun.
        connection_requests: Answered on one connection, which is then closed.
        connection_seconds: After which a connection is closed behind its next answer.
    """

    connections: int = 64
    body_bytes: int = 64 * 1024
    first_byte_seconds: float = 10.0
    idle_seconds: float = 75.0
    request_seconds: float = 10.0
    answer_seconds: float = 10.0
    drain_seconds: float = 15.0
    connection_requests: int = 1000
    connection_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Response:
    """A response: JSON, or a text of the given media type."""

    status: int
    document: dict[str, Any] = field(default_factory=dict)
    text: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/plain; version=0.0.4; charset=utf-8"


class RequestHandler(Protocol):
    """Answers the server's requests."""

    def check(self, head: RequestHead) -> None:
        """Refuse a request by its head, before its body is read.

        Raises:
            RequestRefused: There is no such path, or not with that method.
        """

    def answer(self, head: RequestHead, body: bytes, peer: str) -> Response:
        """Answer a whole request from the address `peer`; `RequestRefused` as well."""


class HookServer(ThreadingHTTPServer):
    """Listens, in a thread of its own once started.

    Args:
        host: An address, or a name of this machine.
        port: 0 picks a free one.
        handler: Answers requests.
        limits: For clients.
        meter: Counters.
        section: The section of the settings that has the address.
        part: Records whether connections can be accepted.
        listening: A socket that listens already, in place of `host` and `port`.

    Raises:
        ConfigError: The address cannot be bound.
    """

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False
    timeout = 0.1

    def __init__(
        self,
        host: str,
        port: int,
        handler: RequestHandler,
        *,
        meter: Counters,
        limits: Limits | None = None,
        section: str = "webhooks",
        part: Part | None = None,
        listening: socket.socket | None = None,
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.meter = meter
        self.connections = ConnectionLimiter(self.limits.connections)
        self.draining = False
        # Another server that starts, lives and ends with this one.
        self.beside: HookServer | None = None
        self._trouble = ThrottledLogger(_LOG, logging.ERROR, section)
        self._used_up: Exception | None = None
        part = part or Part("accept", SystemClock(), server=section)
        self._thread = SupervisedThread(part, self._accept, first_pause=0.05, longest_pause=1.0)
        if listening is not None:
            super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
            self.socket.close()
            self.socket = listening
            return
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host} port {port}: {error.strerror or error}",
                hint=f"set {section}.host and {section}.port, or stop what listens there",
            ) from error

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{shown}:{port}"

    def server_bind(self) -> None:
        """Bind the socket."""
        # Not HTTPServer's, which asks DNS for this host's name and may block the start for seconds.
        socketserver.TCPServer.server_bind(self)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()
        if self.beside is not None:
            self.beside.start()

    def is_alive(self) -> bool:
        """Whether it accepts."""
        return self._thread.is_alive() and (self.beside is None or self.beside.is_alive())

    def stop(self) -> bool:
        """Stop accepting and answer what has begun; returns whether that ended in time."""
        self.draining = True
        self._thread.stop(_ACCEPT_SECONDS)
        self.server_close()
        drained = self.connections.drain(self.limits.drain_seconds)
        return (self.beside is None or self.beside.stop()) and drained

    def _accept(self) -> None:
        """Accept one connection, if one comes soon.

        Raises:
            OSError: There is no descriptor left for a connection.
            RuntimeError: There is no thread left for one.
        """
        self.handle_request()
        used_up, self._used_up = self._used_up, None
        if used_up is not None:
            raise used_up

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; if no file descriptor is left, the idlest connection is closed."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _USED_UP:
                self._used_up = error
                self.connections.give_way()
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve the connection in a thread, if there is room."""
        if self.connections.admit(request):
            try:
                super().process_request(request, client_address)
            except RuntimeError as error:
                # Python's "can't start new thread".
                self._used_up = error
            else:
                return
        self.meter.count("turned_away")
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(render(_BUSY, closing=True))
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Release its place, and close it."""
        self.connections.leave(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error in one line."""
        # Not OSError: clients may leave at any time, and would fill the log.
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.log_failure(error)

    def log_failure(self, error: BaseException) -> None:
        """Record that a request failed through an error of ours."""
        self.meter.count("failed_requests")
        self._trouble.say(f"a request failed: {describe(error)}")


_ACCEPT_SECONDS = 5.0
_FAILED = Response(500, {"error": "internal"})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_LEDGER = Response(503, {"error": "try again"}, headers=(("Retry-After", "5"),))
_BUSY = Response(503, {"error": "busy"}, headers=(("Retry-After", "2"),))


class _Handler(BaseHTTPRequestHandler):
    server: HookServer
    disable_nagle_algorithm = True
    _shows_body = True

    def handle(self) -> None:
        request_reader = RequestReader(self.connection, self.server.limits.request_seconds)
        answered = False
        with contextlib.suppress(Closed):
            while self._serve_one(request_reader, answered=answered):
                answered = True

    def _serve_one(self, request_reader: RequestReader, *, answered: bool) -> bool:
        """Serve a request; whether there may be another."""
        limits, connections = self.server.limits, self.server.connections
        connections.reads(self.connection, answered=answered)
        request_reader.wait(limits.idle_seconds if answered else limits.first_byte_seconds)
        connections.begins(self.connection)
        self._shows_body = True
        try:
            head, body = self._read(request_reader)
            if not connections.works(self.connection):
                return False
            answer = self._answer(head, body)
        except RequestRefused as error:
            self._send(_refusal(error), closing=True)
            request_reader.linger(1.0)
            return False
        enough = connections.has_had_enough(
            self.connection, limits.connection_requests, limits.connection_seconds
        )
        closing = answer.status >= 400 or not head.keeps_alive or self.server.draining or enough
        self._send(answer, closing=closing)
        if enough:
            # What it has sent meanwhile must not make it lose the answer.
            request_reader.linger(1.0)
        return not closing

    def _answer(self, head: RequestHead, body: bytes) -> Response:
        handler, peer = self.server.handler, str(self.client_address[0])
        return self._try(lambda: handler.answer(head, body, peer)) or _FAILED

    def _read(self, request_reader: RequestReader) -> tuple[RequestHead, bytes]:
        """A whole request.

        Raises:
            RequestRefused: It is answered with an error.
            Closed: The client has gone.
        """
        handler, most = self.server.handler, self.server.limits.body_bytes
        head = request_reader.head()
        self._shows_body = head.method != "HEAD"
        if not self._shows_body:
            # The answer to GET without its body: handlers need not know of it.
            head = replace(head, method="GET")
        length = head.body_length(most)
        failed = self._try(lambda: handler.check(head))
        if failed is not None:
            raise RequestRefused(failed.status, failed.document["error"], failed.headers)
        # RFC 9110, 10.1.1: without a body, or when some of it has come, nobody waits.
        if head.expects_continue and length != 0 and not request_reader.has_more:
            self.connection.settimeout(self.server.limits.answer_seconds)
            self.connection.sendall(_CONTINUE)
        if length is None:
            return head, request_reader.chunked_body(most)
        return head, request_reader.body(length)

    def _try(self, ask: Callable[[], Response | None]) -> Response | None:
        """What the handler says; a fault of ours is an answer too.

        Raises:
            RequestRefused: The handler refuses.
        """
        try:
            return ask()
        except RequestRefused:
            raise
        except Exception as error:  # noqa: BLE001 - the client must learn that it failed
            self.server.log_failure(error)
            return _NO_LEDGER if isinstance(error, LedgerError) else _FAILED

    def _send(self, answer: Response, *, closing: bool) -> None:
        self.server.meter.answered(answer.status)
        self.server.connections.sends(self.connection)
        self.connection.settimeout(self.server.limits.answer_seconds)
        whole = render(answer, closing=closing)
        if not self._shows_body:
            whole = whole[: whole.index(END) + len(END)]
        self.connection.sendall(whole)


def _refusal(error: RequestRefused) -> Response:
    return Response(error.status, {"error": error.reason}, headers=error.headers)


def _one_header(value: str) -> str:
    """A header's value as one header, whatever it was made of."""
    if _HEADER.fullmatch(value):
        return value
    return quote(value, safe=string.punctuation + " ", errors="replace")


def render(answer: Response, *, closing: bool) -> bytes:
    """The bytes of a response, sent in one piece; neither program nor version is named."""
    if answer.text is None:
        kind, body = "application/json", json.dumps(answer.document).encode() + b"\n"
    else:
        kind, body = answer.kind, answer.text.encode()
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *(f"{name}: {_one_header(value)}" for name, value in answer.headers),
        *(["Connection: close"] if closing else []),
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
