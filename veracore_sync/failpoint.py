"""Named points where a test can kill or stop the process.

``VERACORE_SYNC_TEST_FAILPOINT="intent committed:kill"`` sends the signal when that point is first
reached; ``kill`` and ``stop`` are known. Without the variable, a point costs one look-up.
"""

from __future__ import annotations

import os
import signal

_VARIABLE = "VERACORE_SYNC_TEST_FAILPOINT"
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def pass_failpoint(gap: str) -> None:
    """Send this process the signal that the environment asks for at the point `gap`, if any."""
    wanted = os.environ.get(_VARIABLE)
    if wanted is None:
        return
    name, _, how = wanted.partition(":")
    if name == gap:
        del os.environ[_VARIABLE]
        # Raised in this thread: os.kill() may deliver to another one while this thread continues
        # past the point.
        signal.raise_signal(_SIGNALS[how])
