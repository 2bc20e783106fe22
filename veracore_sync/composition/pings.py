"""Pings of a run to `hooks.ping_url`: that it began, and how it ended.

The monitor raises the alarm when a ping does not come, so a ping that is lost is logged and not
repeated. The run never waits for one: the first is sent beside it, the last after its
report was written, its lock is free and its record is stored, and for some seconds at most.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from uuid import uuid4

from veracore_sync.config import HookSettings
from veracore_sync.describe import describe
from veracore_sync.domain.errors import SyncError
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.transport.deadline import within
from veracore_sync.transport.ping import Pinger
from veracore_sync.transport.ways import upstream_of

_LOG = logging.getLogger(__name__)
SECONDS = 5.0
"""How long a ping may take, and how long the end of a run waits for its pings at most."""
_TAKEN = 75
_WORKED = (0, 3)
"""Exit codes of a run that did its work: 3 says that something needs a person, who learns of it
by an alert, and not that the job does not run."""


@dataclass(slots=True)
class Ping:
    """The pings of one run.

    Args:
        url: The address of the job's check.
        settings: The way there.
        seconds: The time limit of each ping, and of the wait at the end.
    """

    url: str = field(repr=False)
    settings: HookSettings = field(repr=False)
    seconds: float = field(default_factory=lambda: SECONDS)
    _run: str = field(default_factory=lambda: str(uuid4()))
    _first: threading.Thread | None = None

    def start(self) -> None:
        """Tell that the run has begun, beside it."""
        self._first = threading.Thread(target=self._send, args=("start",), daemon=True)
        self._first.start()

    def end(self, exit_code: int) -> None:
        """Tell how the run ended; nothing if another run did its work."""
        if exit_code == _TAKEN:
            return
        signal = "" if exit_code in _WORKED else str(exit_code)
        try:
            within(self.seconds, lambda: self._last(signal))
        except TimeoutError:
            _LOG.debug("ping: no end in %g s", self.seconds)

    def _last(self, signal: str) -> None:
        # A start that came after the end would begin a run that never ends.
        if self._first is not None:
            self._first.join()
        self._send(signal)

    def _send(self, signal: str) -> None:
        try:
            pinger = Pinger(
                self.url,
                self._run,
                self.seconds,
                upstream_of("hooks", self.url, self.settings),
            )
            try:
                pinger.send(signal)
            finally:
                pinger.close()
        except NotTaken as lost:
            # The monitor tells of a host that is away, and cron would mail it for each run.
            level = logging.DEBUG if lost.unreachable else logging.WARNING
            _LOG.log(level, "hooks.ping_url was not taken: %s", lost.message)
        except SyncError as error:
            _LOG.warning("hooks.ping_url cannot be called: %s", describe(error))
        except Exception as error:  # noqa: BLE001 - a ping must not end the run
            # By its class alone: the address is a secret.
            _LOG.warning("hooks.ping_url cannot be called: %s", type(error).__name__)
