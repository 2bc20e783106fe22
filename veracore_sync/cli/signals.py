"""Signals that stop a command, also while its modules are imported."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_NOHUP = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
STOPPING = (signal.SIGTERM, signal.SIGINT, *(() if _NOHUP else (signal.SIGHUP,)))
_HELD: list[int] = []
_STRUCK: list[int] = []
_ON_INTERRUPT: list[Callable[[], None]] = []


class Stopped(KeyboardInterrupt):
    """Ends the command; of the signal with that number, or of Ctrl-C without one."""

    # A plain KeyboardInterrupt that passes through source that is compiled on the way, as that of
    # a dataclass is, has `python -m` end itself by SIGINT at its exit, whatever caught it.


@contextmanager
def held() -> Iterator[None]:
    """Hold back signals until `catch` or `let_go` delivers them."""
    # Raised inside an import, KeyboardInterrupt is wrapped by pydantic in an error of its own, and
    # the command would end with a traceback.
    before = {number: signal.signal(number, _hold) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def let_go() -> None:
    """Deliver a signal that was held back."""
    if _HELD:
        signal.raise_signal(_HELD.pop())


def catch() -> None:
    """Make each of `STOPPING` end the command as Ctrl-C does, and deliver one that was held back.

    A second Ctrl-C ends the process at once.

    Raises:
        Stopped: With the signal's number; Ctrl-C has none.
    """
    _STRUCK.clear()
    for number in STOPPING:
        signal.signal(number, _interrupt if number == signal.SIGINT else _stop)
    let_go()


def struck() -> int | None:
    """The signal that stopped this command, if `catch` handled one."""
    return _STRUCK[0] if _STRUCK else None


@contextmanager
def telling(tell: Callable[[], None]) -> Iterator[None]:
    """Within it, the first Ctrl-C calls `tell`, which says at once what happens now."""
    _ON_INTERRUPT.append(tell)
    try:
        yield
    finally:
        _ON_INTERRUPT.remove(tell)


def end_at_once(number: int) -> None:
    """End the process without another step of its work, as if it had been killed."""
    # Not sys.exit: the interpreter would wait for threads whose requests are in flight. What they
    # do was made so that it may end anywhere (docs/guarantees.md).
    with suppress(OSError):
        os.write(2, b"\r\x1b[Kveracore-sync: ended at once\n" if os.isatty(2) else b"")
    os._exit(128 + number)


def _hold(number: int, _frame: FrameType | None) -> None:
    _HELD[:] = [number]


def _stop(_number: int, _frame: FrameType | None) -> None:
    _STRUCK[:] = [signal.SIGTERM]
    # Not an Exception: code that turns failures into results must not catch this.
    raise Stopped(signal.SIGTERM)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _STRUCK:
        end_at_once(number)
    _STRUCK[:] = [number]
    for tell in _ON_INTERRUPT:
        tell()
    raise Stopped
