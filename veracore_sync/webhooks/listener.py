"""The listener as a whole: server, inbox and worker, from start to a drained end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from veracore_sync.clock import Clock, from_text
from veracore_sync.config import Settings
from veracore_sync.errors import ConfigError, LedgerError, SyncError
from veracore_sync.jobs.metrics import exposition
from veracore_sync.ledger import Ledger
from veracore_sync.ledger.inbox import Inbox, Kind, summary
from veracore_sync.webhooks.desk import HookDesk
from veracore_sync.webhooks.meter import Meter
from veracore_sync.webhooks.notify import notify, watchdog_seconds
from veracore_sync.webhooks.pace import Pace
from veracore_sync.webhooks.server import HookServer, Limits
from veracore_sync.webhooks.signature import Verifier
from veracore_sync.webhooks.worker import Handler, Worker
from veracore_sync.webhooks.writer import Writer

_KEEP_DAYS = 7
_BEAT_SECONDS = 5.0
_WORKER_SECONDS = 60.0


class Listener:
    """Everything that ``serve-webhooks`` runs.

    Args:
        ledger: Where deliveries go.
        handlers: How each kind of hint is followed.
        settings: All of them; ``webhooks`` must hold a secret.
        clock: The time.
        host: Overrides ``webhooks.host``.
        port: Overrides ``webhooks.port``.
        limits: What a client may take.

    Raises:
        ConfigError: The address cannot be taken, or a secret is malformed.
    """

    def __init__(
        self,
        ledger: Ledger,
        handlers: Mapping[Kind, Handler],
        settings: Settings,
        clock: Clock,
        *,
        host: str | None = None,
        port: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        wanted = settings.webhooks
        self._clock = clock
        self._settings = settings
        self._ledger = ledger
        self._meter = Meter()
        inbox = Inbox(ledger.database, clock)
        self._worker = Worker(
            inbox,
            handlers,
            ledger.runs,
            clock,
            pace=Pace(settings.veracore.rate_per_minute, clock),
            meter=self._meter,
            keep=max(timedelta(days=_KEEP_DAYS), 3 * timedelta(seconds=wanted.tolerance_seconds)),
        )
        self._writer = Writer(inbox, self._worker.wake)
        self.server = HookServer(
            wanted.host if host is None else host,
            wanted.port if port is None else port,
            HookDesk(
                _verifier(settings), self._writer, clock, self._meter, self.state, self._figures
            ),
            limits=limits,
            meter=self._meter,
        )

    def start(self) -> None:
        """Begin to listen and to work."""
        self._worker.start()
        self.server.start()

    def stop(self) -> bool:
        """Accept no more, answer and store what is under way, finish the hint at hand.

        Returns:
            Whether all of it was done in time; what was not is done after the next start.
        """
        drained = self.server.stop()
        return self._worker.stop(_WORKER_SECONDS) and drained

    def run(self, stop: threading.Event) -> bool:
        """Listen until `stop` is set; what `stop` returned.

        Raises:
            SyncError: A part died; the supervisor is to start it again.
        """
        self.start()
        notify("READY=1")
        watchdog = watchdog_seconds()
        beat = min(_BEAT_SECONDS, watchdog / 3) if watchdog else _BEAT_SECONDS
        while not stop.wait(beat):
            if not self._is_whole():
                raise SyncError("a part of the webhook listener died", hint="start it again")
            notify("WATCHDOG=1")
        notify("STOPPING=1")
        return self.stop()

    def _is_whole(self) -> bool:
        return self.server.is_alive() and self._worker.is_alive()

    def state(self) -> dict[str, Any]:
        """What ``/readyz`` shows: whether deliveries can be stored, and what waits."""
        try:
            found = summary(self._ledger.database)
        except LedgerError:
            return {"ready": False, "storing": False}
        oldest = found["oldestWaiting"]
        age = (self._clock.now() - from_text(oldest)).total_seconds() if oldest else 0.0
        whole, storing = self._is_whole(), not self._writer.failing
        return {
            "ready": whole and storing and not self.server.draining,
            "storing": storing,
            "connections": len(self.server.crowd),
            "waiting": found["waiting"],
            "failing": found["failing"],
            "oldest_waiting_seconds": max(0.0, age),
        }

    def _figures(self) -> str:
        try:
            return exposition(self._ledger, self._clock.now(), self._settings)
        except LedgerError:
            return ""


def _verifier(settings: Settings) -> Verifier:
    wanted = settings.webhooks
    try:
        return Verifier(
            [secret.get_secret_value() for secret in wanted.live_secrets],
            tolerance_seconds=wanted.tolerance_seconds,
            body_signature=wanted.body_signature,
        )
    except ValueError as error:
        raise ConfigError(f"webhooks.secret: {error}") from None
