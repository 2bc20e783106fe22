"""One live line for a person, on work that takes longer than a second."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TextIO

from veracore_sync.cli import messages
from veracore_sync.cli.output import shows_extras
from veracore_sync.domain.readable import span

_PATIENCE = 1.0
_INTERVAL = 0.2
_MIN_SECONDS = 2.0
_CLEAR = "\r\x1b[K"


@contextmanager
def shown(*, quiet: bool, results_go_elsewhere: bool = False) -> Iterator[Callable[..., None]]:
    """A function that shows progress: the activity, items done, items in all (0: unknown).

    Args:
        quiet: Show nothing, as without a terminal.
        results_go_elsewhere: The output goes to a file or another program, with a person waiting
            at the terminal.
    """
    is_wanted = not quiet and shows_extras(results_go_elsewhere=results_go_elsewhere)
    if messages.is_json() or not (is_wanted and sys.stderr.isatty()):
        yield lambda what, done, of: None
        return
    line = LiveLine(sys.stderr)
    handlers = logging.getLogger("veracore_sync").handlers[:]
    for handler in handlers:
        handler.addFilter(line.make_room)
    try:
        line.start()
        yield line.update
    finally:
        line.stop()
        for handler in handlers:
            handler.removeFilter(line.make_room)


class LiveLine:
    """A line on a terminal that is written again and again in its place.

    Args:
        stream: The terminal.
        monotonic: The time in seconds.
    """

    current: LiveLine | None = None
    """The line that is shown now, for what must be written in spite of it."""

    def __init__(self, stream: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._monotonic = monotonic
        self._what, self._done, self._of, self._first = "starting", 0, 0, 0
        self._since = monotonic()
        self._is_drawn = False
        # Entered again by a signal's handler, which interrupts whoever holds it.
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def start(self) -> None:
        """Show the line once the work has taken a second."""
        LiveLine.current = self
        self._ticker.start()

    def update(self, what: str, done: int, of: int) -> None:
        """Say how far the work is."""
        with self._lock:
            if what != self._what or done < self._done:
                self._since, self._first = self._monotonic(), done
            self._what, self._done, self._of = what, done, of

    def stop(self) -> None:
        """Remove the line, for good."""
        LiveLine.current = None
        self._ended.set()
        self.make_room()

    def make_room(self, _record: object = None) -> bool:
        """Remove the line until it is written next; always true, as a filter of log records."""
        with self._lock:
            if self._is_drawn:
                self._write(_CLEAR)
            self._is_drawn = False
        return True

    def text(self) -> str:
        """The line as it would be written now."""
        with self._lock:
            seconds = self._monotonic() - self._since
            return line_of(self._what, self._done, self._of, self._done - self._first, seconds)

    def _tick(self) -> None:
        self._ended.wait(_PATIENCE)
        while not self._ended.is_set():
            with self._lock:
                if not self._ended.is_set():
                    self._is_drawn = True
                    self._write(f"{_CLEAR}{self.text()[: self._columns() - 1]}")
            self._ended.wait(_INTERVAL)

    def _columns(self) -> int:
        with suppress(OSError, ValueError):
            if found := os.get_terminal_size(self._stream.fileno()).columns:
                return found
        return shutil.get_terminal_size().columns

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def line_of(what: str, done: int, of: int, recent: int, seconds: float) -> str:
    """An activity, how far it is, how fast it goes, and how long the rest takes.

    Args:
        what: The activity.
        done: Items that are done.
        of: Items in all; 0: unknown.
        recent: Those done within `seconds`.
        seconds: Since the activity began.
    """
    parts = [what]
    if of:
        parts.append(f"{done:,} of {of:,}")
    elif done:
        parts.append(f"{done:,}")
    if recent > 0 and seconds >= _MIN_SECONDS:
        rate = recent / seconds
        parts.append(f"{rate:,.1f}/s" if rate >= 1 else f"{rate * 60:,.1f}/min")
        if of > done:
            parts.append(f"about {span(timedelta(seconds=(of - done) / rate))} left")
    elif seconds >= 1:
        parts.append(span(timedelta(seconds=seconds)))
    return "  ".join(parts)
