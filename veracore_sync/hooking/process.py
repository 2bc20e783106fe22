"""The order hooks, in one process of their own for all orders of a run.

A process, because only a process can be ended whatever it does: a thread cannot be stopped at all,
and a signal reaches only Python's main thread, and not while it is in a library of C. What a hook
takes down with it (memory, a crash, what it prints, a loop without end) is that process alone; the
next order gets a new one.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from functools import cached_property

from veracore_sync.child_environment import for_child
from veracore_sync.child_process import ChildProcess, NoAnswer
from veracore_sync.config.order_hooks import InstalledHook, identity, installed
from veracore_sync.domain.errors import HooksUnusable
from veracore_sync.domain.orders import Order
from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking.codec import WrongType, decode, encode
from veracore_sync.ports.order_hooks import HookFailed, HookRefused, HookSilent

_START_SECONDS = 30.0


class HookProcess:
    """The hooks of these names; usable by several threads, which wait for each other.

    Args:
        names: ``orders.hooks``.
        seconds: ``orders.hook_seconds``: the longest that a hook may take for one order.
    """

    def __init__(self, names: Sequence[str], seconds: float) -> None:
        self.names = tuple(names)
        self._seconds = seconds
        self._child: ChildProcess | None = None
        self._lock = threading.Lock()

    @cached_property
    def identity(self) -> tuple[str, ...]:
        """The name and the version of each; see the port."""
        return identity(self.names)

    def start(self) -> None:
        """Import them all; see the port."""
        with self._lock:
            if self.names:
                self._ready()

    def _ready(self) -> ChildProcess:
        if self._child is None:
            self._child = _started(installed(self.names))
        return self._child

    def apply(self, name: str, order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        """What the hook makes of the order; see the port."""
        try:
            request = {
                "hook": name,
                "seconds": self._seconds,
                "order": encode(order, Order, "order"),
                "rendered": encode(rendered, WarehouseOrder, "rendered"),
            }
        except WrongType as wrong:
            raise HookFailed(str(wrong)) from None
        with self._lock:
            child = self._ready()
            try:
                answer = child.ask(request, self._seconds)
            except NoAnswer as silence:
                self._end()
                raise HookSilent(silence.why) from None
            except BaseException:
                # Else its answer, which nobody has read, would be taken for the next order's.
                self._end()
                raise
        if "refused" in answer:
            raise HookRefused(str(answer["refused"]))
        if "made" not in answer:
            raise HookFailed(one_line(str(answer.get("failed"))))
        try:
            return decode(answer["made"], WarehouseOrder, "its order")
        except WrongType as wrong:
            raise HookFailed(str(wrong)) from None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


def _started(hooks: Sequence[InstalledHook]) -> ChildProcess:
    try:
        # Sets are in the same sequence in every process: a hook should give the same each time.
        environment = for_child(os.environ) | {"PYTHONHASHSEED": "0"}
        child = ChildProcess("veracore_sync.hooking.child", environment)
    except OSError as error:
        raise HooksUnusable(
            f"the process of the order hooks cannot be started: {error.strerror}",
            hint="see the limits of processes and memory on this machine",
        ) from None
    try:
        targets = {one.name: one.target for one in hooks}
        answer = child.ask({"hooks": targets, "seconds": _START_SECONDS}, _START_SECONDS)
    except NoAnswer as silence:
        child.end()
        names = ", ".join(one.name for one in hooks)
        raise HooksUnusable(
            f"the order hooks cannot be imported ({names}): their process {silence.why}",
            hint=_how_to_see(hooks[0]),
        ) from None
    except BaseException:
        child.end()
        raise
    if "broken" in answer:
        child.end()
        (broken,) = (one for one in hooks if one.name == answer["broken"])
        raise HooksUnusable(
            f"the order hook {broken} cannot be imported: {one_line(str(answer['what']))}",
            hint=_how_to_see(broken),
        )
    return child


def _how_to_see(hook: InstalledHook) -> str:
    module = hook.target.partition(":")[0]
    return (
        f'see the whole error with `{sys.executable} -c "import {module}"`; '
        "or take the hook out of orders.hooks"
    )
