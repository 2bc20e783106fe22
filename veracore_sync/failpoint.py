"""Named gaps where a test may stop the process for good or for a while.

``VERACORE_SYNC_TEST_FAILPOINT="intent committed:kill"`` sends the signal at the first passage of
that gap; ``kill`` and ``stop`` are known. Without the variable a passage costs one look-up.
"""

from __future__ import annotations

import os
import signal

_VARIABLE = "VERACORE_SYNC_TEST_FAILPOINT"
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def pass_failpoint(gap: str) -> None:
    """Pass the gap named `gap`, or be stopped in it."""
    wanted = os.environ.get(_VARIABLE)
    if wanted is None:
        return
    name, _, how = wanted.partition(":")
    if name == gap:
        del os.environ[_VARIABLE]
        # To this very thread: sent to the process, another one may take it, and this one runs on.
        signal.raise_signal(_SIGNALS[how])
