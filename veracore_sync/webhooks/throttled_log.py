"""Log lines that anybody can cause: one a minute, so that a flood does not fill the disk."""

from __future__ import annotations

import logging
import threading
import time

_QUIET_SECONDS = 60.0


class ThrottledLogger:
    """Logs at most one message a minute, with the number left out; usable by several threads.

    Args:
        logger: The logger.
        level: Its level.
        server: Put before each message.
    """

    def __init__(self, logger: logging.Logger, level: int, server: str = "webhooks") -> None:
        self._server = server
        self._logger = logger
        self._level = level
        self._lock = threading.Lock()
        self._next = 0.0
        self._left_out = 0

    def say(self, message: str) -> None:
        """Log the message, or count it."""
        with self._lock:
            if time.monotonic() < self._next:
                self._left_out += 1
                return
            self._next = time.monotonic() + _QUIET_SECONDS
            left_out, self._left_out = self._left_out, 0
        more = f" ({left_out} more in between)" if left_out else ""
        self._logger.log(self._level, "%s: %s%s", self._server, message, more)
