"""The simulator on a real socket: both dialects and the control surface on one port."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from veracore_sync.sandbox import soap
from veracore_sync.sandbox.control import PREFIX, Control
from veracore_sync.sandbox.exchange import Answer, Call, Request, html_answer
from veracore_sync.sandbox.faults import CUT, DRIP, HANG, RESET, Fault, Faults, Outcome, suffer
from veracore_sync.sandbox.rest import RestFace
from veracore_sync.sandbox.warehouse import World

ANNOUNCEMENT = ("X-VeraCore-Sandbox", "1")
_LARGEST_BODY = 64 * 1024 * 1024
_DRIP_SECONDS = 0.002
_CLOSING_SECONDS = 5.0


def _system_clock() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """A VeraCore simulator; a context manager that listens while it is entered.

    Stopped and started again it keeps its port and what it knows. Against it the user and client
    id are ``sandbox``, the secret ``sandbox``, the system ``SANDBOX``.

    Args:
        strict: Only SKUs put in through ``/_sandbox/stock`` exist.
        state_file: Where orders, stock and switches are kept after every change; read at once.
        clock: Returns the time, aware, UTC.
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        ValueError: The state file is not one.
        OSError: It cannot be read.
    """

    def __init__(
        self,
        strict: bool = False,
        state_file: Path | None = None,
        clock: Callable[[], datetime] = _system_clock,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.world = World(strict, state_file, clock)
        self.faults = Faults()
        self._rest = RestFace(self.world)
        self._control = Control(self.world, self.faults)
        self._address = (host, port)
        self._server: _Server | None = None

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
        self._server = _Server(self._address, self)
        self._address = (self._address[0], self._server.server_address[1])
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close_down()
            self._server = None

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

    # ---- one request ---------------------------------------------------------------------

    def respond(self, request: Request, pause: Callable[[float], object]) -> tuple[Outcome, float]:
        """Carry a request out; its outcome, and the seconds between two bytes of a slow one."""
        if request.path.startswith(PREFIX):
            return Outcome(self._control.answer(request)), 0.0
        call = self._read_call(request)
        if call is None:
            return Outcome(html_answer(404, "404 - File or directory not found.")), 0.0
        fault = self.faults.draw(call, self._knows(call))
        outcome = suffer(call, fault.kind)
        status = outcome.answer.status if outcome.answer else None
        self.world.record(call.dialect, call.operation, call.order, status)
        return outcome, _wait(fault, outcome, pause)

    def _read_call(self, request: Request) -> Call | None:
        namespace = soap.FACES.get(request.path.lower())
        if namespace is None:
            return self._rest.read_call(request)
        if request.method != "POST":
            return None
        return soap.read_call(self.world, namespace, request)

    def _knows(self, call: Call) -> bool:
        return call.order is not None and self.world.find(call.order) is not None


def _wait(fault: Fault, outcome: Outcome, pause: Callable[[float], object]) -> float:
    if outcome.manner == DRIP:
        return fault.delay or _DRIP_SECONDS
    if fault.delay:
        pause(fault.delay)
    return 0.0


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._all_gone = threading.Condition()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the name service for the name of the host.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._all_gone:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._all_gone:
            self._connections.discard(request)
            self._all_gone.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that leaves is not worth a word; anything else is a bug and is shown.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close_down(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._all_gone:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._all_gone.wait_for(lambda: not self._connections, _CLOSING_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "Microsoft-IIS/10.0"
    sys_version = ""

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: ``/_sandbox/requests`` tells it better."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.sandbox.world.now().timestamp())

    def end_headers(self) -> None:
        self.send_header(*ANNOUNCEMENT)
        super().end_headers()

    def _handle(self) -> None:
        body = self._body()
        if body is None:
            return
        request = Request(
            method=self.command,
            path=urlsplit(self.path).path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        outcome, pause = self.server.sandbox.respond(request, self.server.stopping.wait)
        self._deliver(outcome, pause)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self.close_connection = True
            self.send_error(411)
            return None
        if int(length) > _LARGEST_BODY:
            self.close_connection = True
            self.send_error(413)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _deliver(self, outcome: Outcome, pause: float) -> None:
        if outcome.manner == HANG:
            self._wait_for_the_client_to_leave()
        if outcome.manner == RESET:
            self._reset()
        if outcome.answer is None:
            self.close_connection = True
        elif outcome.manner == CUT:
            self.close_connection = True
            self._send(outcome.answer, outcome.answer.body[: len(outcome.answer.body) // 2])
        elif outcome.manner == DRIP:
            self._send(outcome.answer, b"")
            self._drip(outcome.answer.body, pause)
        else:
            self._send(outcome.answer, outcome.answer.body)

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

    def _reset(self) -> None:
        # Linger zero turns the close into a RST; the close is real once no file holds the socket.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.rfile.close()
        self.connection.close()


def serve(port: int, state_file: Path | None = None, strict: bool = False) -> None:
    """Run a sandbox on 127.0.0.1 until SIGTERM or SIGINT; prints its URL, a line, to stdout.

    Raises:
        OSError: The port is taken, or the state file cannot be read.
        ValueError: The state file is not one.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    with Sandbox(strict=strict, state_file=state_file, port=port) as sandbox:
        sys.stdout.write(f"{sandbox.url}\n")
        sys.stdout.flush()
        ended.wait()
