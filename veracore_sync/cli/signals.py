"""The signals that stop a command: wherever one strikes, it ends the command as itself."""

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
    """Keep a signal that strikes meanwhile, for `catch` or `let_go` to deliver.

    A command's modules are imported before the command can say anything, and an import takes what
    a signal raises in its middle for an error of its own: pydantic wraps it.
    """
    before = {number: signal.signal(number, _hold) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def let_go() -> None:
    """Deliver what was held to whatever handles signals now."""
    if _HELD:
        signal.raise_signal(_HELD.pop())


def catch() -> None:
    """From here on SIGTERM ends the command as Ctrl-C does, and one that was held does so now.

    Raises:
        KeyboardInterrupt: With the signal's number.
    """
    _STRUCK.clear()
    signal.signal(signal.SIGTERM, _stop)
    let_go()


def struck() -> int | None:
    """The signal that stopped this command, if one did and it was caught here."""
    return _STRUCK[0] if _STRUCK else None


def _hold(number: int, _frame: FrameType | None) -> None:
    _HELD[:] = [number]


def _stop(number: int, _frame: FrameType | None) -> None:
    _STRUCK[:] = [number]
    # As Ctrl-C does: whatever takes failures for an answer must not take this for one.
    raise KeyboardInterrupt(number)
