"""Wrong tokens: who sends many waits, longer each time, and the log says so once a burst."""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from veracore_sync.backoff import Backoff
from veracore_sync.clock import Clock
from veracore_sync.webhooks.request_head import RequestRefused

_LOG = logging.getLogger(__name__)
FREE = 5
"""Wrong tokens before the first wait: people mistype, and clients come with a token replaced."""
LONGEST = 60.0
FORGOTTEN = 15 * 60.0
MOST = 4096
_QUIET = 60.0
# Without jitter: the answer says how long it is.
_WAITS = Backoff(timedelta(seconds=1), timedelta(seconds=LONGEST), least=1.0)


class TooManyAttempts(RequestRefused):
    """Who asks has to wait; its token was not looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(429, f"too many wrong tokens; try again in {seconds} s")
        self.seconds = seconds


@dataclass(slots=True)
class _Caller:
    wrong: int = 0
    seen: float = 0.0
    until: float = 0.0


class WrongTokens:
    """Counts wrong tokens by who sent them.

    Nothing of this waits: a request that comes too early is refused, so it holds no connection.

    Args:
        clock: The time to measure by.
        most: How many callers are remembered; then the one that failed longest ago is forgotten.
    """

    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._quiet_until = -math.inf
        self._left_out = 0

    def check(self, caller: str) -> None:
        """Refuse a caller that has to wait, before its token is compared.

        Raises:
            TooManyAttempts: It does.
        """
        now = self._clock.monotonic()
        with self._lock:
            found = self._callers.get(caller)
            if found is None or now >= found.until:
                return
            self._left_out += 1
        raise TooManyAttempts(math.ceil(found.until - now))

    def wrong(self, caller: str) -> None:
        """The caller has sent a wrong token."""
        now = self._clock.monotonic()
        with self._lock:
            found = self._callers.pop(caller, None)
            if found is None or now - found.seen > FORGOTTEN:
                found = _Caller()
            found.wrong += 1
            found.seen = now
            beyond = found.wrong - FREE
            if beyond >= 0:
                found.until = now + _WAITS.wait(beyond + 1).total_seconds()
            self._callers[caller] = found
            while len(self._callers) > self._most:
                self._callers.popitem(last=False)
            message = self._message(caller, found, now)
        if message:
            _LOG.warning("%s", message)

    def _message(self, caller: str, found: _Caller, now: float) -> str | None:
        if found.wrong < FREE:
            return None
        if now < self._quiet_until:
            self._left_out += 1
            return None
        self._quiet_until = now + _QUIET
        left_out, self._left_out = self._left_out, 0
        more = f" ({left_out} more refused in between)" if left_out else ""
        return f"admin: {found.wrong} wrong tokens from {caller}; it has to wait now{more}"

    def __len__(self) -> int:
        return len(self._callers)
