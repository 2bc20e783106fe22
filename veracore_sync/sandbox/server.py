"""The simulator on a real socket: both dialects and the control surface on one port."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from veracore_sync.sandbox import adjustment, soap
from veracore_sync.sandbox.control import PREFIX, Control
from veracore_sync.sandbox.exchange import Call, Request, html_answer
from veracore_sync.sandbox.faults import DRIP, Fault, Faults, Outcome, answer_with_fault
from veracore_sync.sandbox.listener import Listener, Listening
from veracore_sync.sandbox.public_api import PublicApi
from veracore_sync.sandbox.rest import RestFace
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_to_try import SECONDS_BETWEEN_ORDERS, open_shop, someone_buys
from veracore_sync.sandbox.warehouse import World

ANNOUNCEMENT = ("X-VeraCore-Sandbox", "1")
_SERVER = "Microsoft-IIS/10.0"
_DRIP_SECONDS = 0.002


def _system_clock() -> datetime:
    return datetime.now(UTC)


class Sandbox(Listening):
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
        self._public = PublicApi(self.world)
        self._control = Control(self.world, self.faults)

        def listener(address: tuple[str, int]) -> Listener:
            return Listener(
                address, self.respond, self.world.now, name=_SERVER, headers=(ANNOUNCEMENT,)
            )

        super().__init__(host, port, listener)

    # ---- one request ---------------------------------------------------------------------

    def respond(self, request: Request, pause: Callable[[float], object]) -> tuple[Outcome, float]:
        """Carry a request out; its outcome, and the seconds between two bytes of a slow one."""
        if request.path.startswith(PREFIX):
            return Outcome(self._control.answer(request)), 0.0
        call = self._read_call(request)
        if call is None:
            return Outcome(html_answer(404, "404 - File or directory not found.")), 0.0
        fault = self.faults.draw(call, self._knows(call))
        outcome = answer_with_fault(call, fault)
        status = outcome.answer.status if outcome.answer else None
        self.world.record(call.dialect, call.operation, call.order, status)
        return outcome, _wait(fault, outcome, pause)

    def _read_call(self, request: Request) -> Call | None:
        if adjustment.is_for(request):
            return adjustment.read_call(self.world, request)
        namespace = soap.FACES.get(request.path.lower())
        if namespace is None:
            return self._public.read_call(request) or self._rest.read_call(request)
        return soap.read_call(self.world, namespace, request)

    def _knows(self, call: Call) -> bool:
        return call.order is not None and self.world.find(call.order) is not None


def _wait(fault: Fault, outcome: Outcome, pause: Callable[[float], object]) -> float:
    if outcome.manner == DRIP:
        return fault.delay or _DRIP_SECONDS
    if fault.delay:
        pause(fault.delay)
    return 0.0


def serve(
    port: int,
    state_file: Path | None = None,
    strict: bool = False,
    behaviour: Mapping[str, Any] | None = None,
    shop_port: int | None = None,
    ready: Callable[[str, SmallShop], None] = lambda url, shop: None,
) -> None:
    """Run a sandbox on 127.0.0.1 until SIGTERM or SIGINT; prints its URL, a line, to stdout.

    Args:
        port: The port; 0 takes a free one.
        state_file: See `Sandbox`.
        strict: See `Sandbox`.
        behaviour: Switches to set at the start, whatever the state file has.
        shop_port: The port of a small shop with customers; 0 takes a free one, ``None``: no shop.
            The address of its Admin API is a second line.
        ready: Called with the simulator's address and that shop once both listen.

    Raises:
        OSError: A port is taken, or the state file cannot be read.
        ValueError: The state file is not one.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    sandbox = Sandbox(strict=strict, state_file=state_file, port=port)
    sandbox.world.behave(behaviour or {})
    with sandbox, ExitStack() as stack:
        sys.stdout.write(f"{sandbox.url}\n")
        sys.stdout.flush()
        if shop_port is not None:
            shop = stack.enter_context(open_shop(sandbox.world, shop_port))
            sys.stdout.write(f"{shop.admin_url}\n")
            sys.stdout.flush()
            ready(sandbox.url, shop)
            while not ended.is_set():
                someone_buys(shop)
                ended.wait(SECONDS_BETWEEN_ORDERS)
        ended.wait()
