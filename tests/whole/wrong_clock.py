"""The command on a machine whose clock is wrong by ``WRONG_CLOCK_SECONDS``.

Run as a program, with a command's arguments. Only the wall clock is wrong, as on a real machine.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from veracore_sync import clock
from veracore_sync.__main__ import main

VARIABLE = "WRONG_CLOCK_SECONDS"
_right = clock.SystemClock.now


def _wrong(self: clock.SystemClock) -> datetime:
    return _right(self) + timedelta(seconds=float(os.environ.get(VARIABLE, "0")))


def set_wrong() -> None:
    """Let this process's clock be wrong from now on."""
    clock.SystemClock.now = _wrong  # type: ignore[method-assign]


if __name__ == "__main__":
    set_wrong()
    main()
