"""A real HTTP/1.1 server that can deliver an answer badly: late, cut, byte by byte, or never."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from veracore_sync.sandbox.exchange import Answer, Request
from veracore_sync.sandbox.faults import CUT, DRIP, HANG, RESET, Outcome

Pause = Callable[[float], object]
Respond = Callable[[Request, Pause], tuple[Outcome, float]]
_LARGEST_BODY = 64 * 1024 * 1024
_CLOSING_SECONDS = 5.0


class Listener(ThreadingHTTPServer):
    """Listens from the moment it is made; `respond` answers each request.

    Args:
        address: Host and port; port 0 takes a free one.
        respond: Takes a request and a way to wait that ends with the listener; returns the outcome
            and the seconds between two bytes of a slow one.
        clock: The time in the header ``Date``, aware.
        name: The value of the header ``Server``.
        headers: Further headers of every answer.

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
    ) -> None:
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
        body = self._body()
        if body is None:
            self.close_connection = True
            return
        request = Request(
            method=self.command,
            path=urlsplit(self.path).path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        outcome, pause = self.server.respond(request, self.server.stopping.wait)
        self._deliver(outcome, pause)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self.send_error(411)
            return None
        if int(length) > _LARGEST_BODY:
            self.send_error(413)
            return None
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def _deliver(self, outcome: Outcome, pause: float) -> None:
        answer = outcome.answer
        if answer is None:
            self.close_connection = True
            self._leave_unanswered(outcome.manner)
        elif outcome.manner == CUT:
            self.close_connection = True
            self._send(answer, answer.body[: len(answer.body) // 2])
        elif outcome.manner == DRIP:
            self._send(answer, b"")
            self._drip(answer.body, pause)
        else:
            self._send(answer, answer.body)

    def _leave_unanswered(self, manner: str) -> None:
        if manner == HANG:
            self._wait_for_the_client_to_leave()
        if manner == RESET:
            # Linger zero turns the close into a RST, once no file holds the socket.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.connection.close()

    def _send(self, answer: Answer, body: bytes) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

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
