"""The order hooks, in one process of their own for all orders of a run.

A process, because only a process can be ended whatever it does: a thread cannot be stopped at all,
and a signal reaches only Python's main thread, and not while it is in a library of C. What a hook
takes down with it (memory, a crash, what it prints, a loop without end) is that process alone; the
next order gets a new one.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from veracore_sync.child_environment import for_child
from veracore_sync.config.order_hooks import InstalledHook, identity, installed
from veracore_sync.domain.errors import HooksUnusable
from veracore_sync.domain.orders import Order
from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking.codec import WrongType, decode, encode
from veracore_sync.ports.order_hooks import HookFailed, HookRefused, HookSilent

_START_SECONDS = 30.0
_LARGEST = 4 * 1024 * 1024
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from veracore_sync.hooking.child import main; main()"
)


class _NoAnswer(Exception):
    """The process did not answer; `why` is the end of a sentence about the hook."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class HookProcess:
    """The hooks of these names; usable by several threads, which wait for each other.

    Args:
        names: ``orders.hooks``.
        seconds: ``orders.hook_seconds``: the longest that a hook may take for one order.
    """

    def __init__(self, names: Sequence[str], seconds: float) -> None:
        self.names = tuple(names)
        self._seconds = seconds
        self._child: _Child | None = None
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

    def _ready(self) -> _Child:
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
            except _NoAnswer as silence:
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


def _started(hooks: Sequence[InstalledHook]) -> _Child:
    try:
        child = _Child()
    except OSError as error:
        raise HooksUnusable(
            f"the process of the order hooks cannot be started: {error.strerror}",
            hint="see the limits of processes and memory on this machine",
        ) from None
    try:
        targets = {one.name: one.target for one in hooks}
        answer = child.ask({"hooks": targets, "seconds": _START_SECONDS}, _START_SECONDS)
    except _NoAnswer as silence:
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


class _Child:
    """The process, and its two pipes."""

    def __init__(self) -> None:
        path = json.dumps([one for one in sys.path if one])
        # Sets are in the same sequence in every process: a hook should give the same each time.
        environment = for_child(os.environ) | {"PYTHONHASHSEED": "0"}
        requests, self._in = os.pipe()
        self._out, answers = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-c", _BOOT, path],
                stdin=requests,
                stdout=answers,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._in)
            os.close(self._out)
            raise
        finally:
            os.close(requests)
            os.close(answers)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Its answer.

        Raises:
            _NoAnswer: None came in time, or the process has ended.
        """
        left = memoryview(json.dumps(request).encode() + b"\n")
        answer = b""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._in, selectors.EVENT_WRITE)
            selector.register(self._out, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                ready = selector.select(max(0.0, until - time.monotonic()))
                if not ready:
                    raise _NoAnswer(f"gave no answer in {seconds:g} s")
                for key, _ in ready:
                    try:
                        if key.fd == self._in:
                            left = left[os.write(self._in, left) :]
                            if not left:
                                selector.unregister(self._in)
                        else:
                            part = os.read(self._out, 65536)
                            if not part:
                                raise _NoAnswer("ended its process")
                            answer += part
                    except BrokenPipeError:
                        raise _NoAnswer("ended its process") from None
                if len(answer) > _LARGEST:
                    raise _NoAnswer("gave an answer that is too large")
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise _NoAnswer("gave an answer that is none")
        return found

    def end(self) -> None:
        """Kill it and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
