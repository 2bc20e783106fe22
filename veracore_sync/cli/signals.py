"""Signals that stop a command, also while its modules are imported."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGTERM, signal.SIGINT)
_HELD: list[int] = []
_STRUCK: list[int] = []


@contextmanager
def held() -> Iterator[None]:
    """Hold back signals until `catch` or `let_go` delivers them."""
    # Raised inside an import, KeyboardInterrupt is wrapped by pydantic in an error of its own, and
    # the command would end with a traceback.
    before = {number: signal.signal(number, _hold) for number in _STOPPING}
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
    """Make SIGTERM end the command as Ctrl-C does, and deliver a signal that was held back.

    Raises:
        KeyboardInterrupt: With the signal's number.
    """
    _STRUCK.clear()
    signal.signal(signal.SIGTERM, _stop)
    let_go()


def struck() -> int | None:
    """The signal that stopped this command, if `catch` handled one."""
    return _STRUCK[0] if _STRUCK else None


def _hold(number: int, _frame: FrameType | None) -> None:
    _HELD[:] = [number]


def _stop(number: int, _frame: FrameType | None) -> None:
    _STRUCK[:] = [number]
    # Not an Exception: code that turns failures into results must not catch this.
    raise KeyboardInterrupt(number)
