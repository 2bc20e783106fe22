"""A progress bar for a person, on work that takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from veracore_sync.cli.output import shows_extras

if TYPE_CHECKING:
    from rich.progress import Progress

_PATIENCE = 1.0


@contextmanager
def shown(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A function that shows progress: the activity, items done, items in all (0: unknown).

    Args:
        quiet: Show nothing, as without a terminal.
    """
    if quiet or not (shows_extras() and sys.stderr.isatty()):
        yield lambda what, done, of: None
        return
    bar = _Bar()
    try:
        yield bar.update
    finally:
        bar.stop()


class _Bar:
    def __init__(self) -> None:
        self._began = time.monotonic()
        self._progress: Progress | None = None

    def update(self, what: str, done: int, of: int) -> None:
        if self._progress is None:
            if time.monotonic() - self._began < _PATIENCE:
                return
            self._progress = _started()
        task = self._progress.task_ids[0]
        self._progress.update(task, description=what, completed=done, total=of or None)

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _started() -> Progress:
    # Imported here, so that runs shorter than a second do not wait for it.
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    progress.add_task("", total=None)
    progress.start()
    return progress
