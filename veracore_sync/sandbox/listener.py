"""A real HTTP/1.1 server that can deliver an answer badly: late, cut, byte by byte, or never.

What becomes of a connection after an answer is announced in that answer, as IIS does: clients that
keep connections send their next request on one that was closed without a word.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from veracore_sync.sandbox.exchange import Answer, Request, html_answer
from veracore_sync.sandbox.faults import CUT, DRIP, HANG, RESET, Outcome
from veracore_sync.sandbox.request_body import BadBody, read_body

Pause = Callable[[float], object]
Respond = Callable[[Request, Pause], tuple[Outcome, float]]
_CLOSING_SECONDS = 5.0
# What IIS waits for the rest of a request, and for the next one.
_PATIENCE_SECONDS = 120.0
_LINGER_SECONDS = 1.0
_PAGES = {
    400: "Bad Request",
    408: "Request Timed Out",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}


class Listener(ThreadingHTTPServer):
    """Listens from the moment it is made; `respond` answers each request.

    Args:
        address: Host and port; port 0 takes a free one.
        respond: Takes a request and a way to wait that ends with the listener; returns the outcome
            and the seconds between two bytes of a slow one.
        clock: The time in the header ``Date``, aware.
        name: The value of the header ``Server``.
        headers: Further headers of every answer.
        patience: Seconds to wait for a client's next bytes.

    Raises:
        OSError: The address cannot be taken.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        respond: Respond,
        clock: Callable[[], datetime],
        *,
        name: str,
        headers: Sequence[tuple[str, str]] = (),
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self.patience = patience
        self.respond = respond
        self.clock = clock
        self.name = name
        self.headers = headers
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._all_gone = threading.Condition()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def close_down(self) -> None:
        """Stop listening and cut every connection."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._all_gone:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._all_gone.wait_for(lambda: not self._connections, _CLOSING_SECONDS)

    def server_bind(self) -> None:
        """Bind as plain TCP does: HTTPServer would ask the name service for the host's name."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection and remember it."""
        with self._all_gone:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection and forget it."""
        super().shutdown_request(request)
        with self._all_gone:
            self._connections.discard(request)
            self._all_gone.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is not worth a word; anything else is a bug and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Listening:
    """What listens while it is entered; stopped and started again it keeps its port.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        listener: Makes the listener at an address.
    """

    def __init__(
        self, host: str, port: int, listener: Callable[[tuple[str, int]], Listener]
    ) -> None:
        self._address = (host, port)
        self._make = listener
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end; the port is known once it was started."""
        host, port = self._address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        """Listen, in a thread of its own.

        Raises:
            OSError: The address cannot be taken.
        """
        self._listener = self._make(self._address)
        self._address = (self._address[0], self._listener.port)

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._listener is not None:
            self._listener.close_down()
            self._listener = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    raw_requestline: bytes

    def setup(self) -> None:
        """Wait no longer than the server's patience for the bytes of a client."""
        super().setup()
        self.connection.settimeout(self.server.patience)

    def finish(self) -> None:
        """End the answer before the connection, so that unread bytes do not destroy it."""
        super().finish()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER_SECONDS)
            ends = time.monotonic() + _LINGER_SECONDS
            while self.connection.recv(65536) and time.monotonic() < ends:
                pass

    def parse_request(self) -> bool:
        """Read the head; blank lines before it are the end of an older client's last body."""
        if self.raw_requestline in (b"\r\n", b"\n"):
            self.raw_requestline = self.rfile.readline(65537)
        if not super().parse_request():
            return False
        wishes = {
            word.strip().lower()
            for line in self.headers.get_all("Connection", [])
            for word in line.split(",")
        }
        keeps = self._is_modern or "keep-alive" in wishes
        self.close_connection = "close" in wishes or not keeps
        return True

    @property
    def _is_modern(self) -> bool:
        return self.request_version not in ("HTTP/0.9", "HTTP/1.0")

    def handle_expect_100(self) -> bool:
        """Promise nothing yet: the length of the body decides."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request, and end the connection: where the next begins is unknown."""
        self.close_connection = True
        # Of a line that is no request nothing is known, also not that it is one of HTTP/0.9.
        self.request_version = self.protocol_version
        self._send(html_answer(code, _PAGES.get(code, message or "Error")))

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Do nothing: requests are in the request log."""

    def version_string(self) -> str:
        return self.server.name

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.clock().timestamp())

    def end_headers(self) -> None:
        for name, value in self.server.headers:
            self.send_header(name, value)
        super().end_headers()

    def _handle(self) -> None:
        try:
            body = self._body()
        except BadBody as refusal:
            self.send_error(refusal.status)
            return
        except TimeoutError:
            self.send_error(408)
            return
        target = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=target.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            query=target.query,
        )
        outcome, pause = self.server.respond(request, self.server.stopping.wait)
        self._deliver(outcome, pause)

    def _body(self) -> bytes:
        expected = self.headers.get("Expect", "").lower()
        if expected not in ("", "100-continue"):
            raise BadBody(417)

        def go_ahead() -> None:
            if expected and self._is_modern:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

        return read_body(self.rfile, self.headers, self.request_version, go_ahead)

    def _deliver(self, outcome: Outcome, pause: float) -> None:
        answer = outcome.answer
        if answer is None:
            self.close_connection = True
            self._leave_unanswered(outcome.manner)
        elif outcome.manner == CUT:
            self._send(answer, len(answer.body) // 2)
            self.close_connection = True
        elif outcome.manner == DRIP:
            self._send(answer, 0)
            self._drip(answer.body, pause)
        else:
            self._send(answer)

    def _leave_unanswered(self, manner: str) -> None:
        if manner == HANG:
            self._wait_for_the_client_to_leave()
        if manner == RESET:
            # Linger zero turns the close into a RST, once no file holds the socket.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.connection.close()

    def _send(self, answer: Answer, length: int | None = None) -> None:
        """Send the head of an answer, and its body as far as `length`."""
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        elif not self._is_modern:
            self.send_header("Connection", "keep-alive")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:length])

    def _drip(self, body: bytes, pause: float) -> None:
        for place in range(len(body)):
            if self.server.stopping.wait(pause):
                self.close_connection = True
                return
            self.wfile.write(body[place : place + 1])

    def _wait_for_the_client_to_leave(self) -> None:
        while not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if not readable:
                continue
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
            except ConnectionError:
                return
            self.server.stopping.wait(0.02)
