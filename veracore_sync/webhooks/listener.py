"""The listener as a whole: server, inbox and worker, from start to a drained end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from veracore_sync.clock import Clock, from_text
from veracore_sync.config import Settings
from veracore_sync.domain.errors import ConfigError, LedgerError
from veracore_sync.domain.hints import HINTS, Kind
from veracore_sync.jobs.metrics import exposition
from veracore_sync.ports.ledger import Ledger
from veracore_sync.transport.signature import Verifier
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.group_commit import GroupCommitWriter
from veracore_sync.webhooks.handler import PRIVATE, PUBLIC, WebhookHandler
from veracore_sync.webhooks.rate_limit import HintRateLimiter
from veracore_sync.webhooks.server import HookServer, Limits
from veracore_sync.webhooks.supervision import Health, SupervisedThread, watch_over
from veracore_sync.webhooks.worker import Handler, Worker

_PRIVATE_CONNECTIONS = 8
_KEEP_DAYS = 7
_PRUNE_SECONDS = 3600.0
WORKER_SECONDS = 60.0
"""How long the worker has for the hint at hand when it is stopped."""


class Listener:
    """Everything that ``serve-webhooks`` runs.

    Args:
        ledger: Where deliveries go.
        handlers: The handler of each kind of hint; ``None``: another process follows them.
        settings: All of them; ``webhooks`` must hold a secret.
        clock: The time.
        host: Overrides ``webhooks.host``.
        port: Overrides ``webhooks.port``.
        listening: A socket that listens already, in place of host and port.
        limits: For clients.
        health: Also has the parts of other threads beside the listener.
        others_live: Whether those threads are alive.

    Raises:
        ConfigError: The address cannot be bound, or a secret is malformed.
    """

    def __init__(
        self,
        ledger: Ledger,
        handlers: Mapping[Kind, Handler] | None,
        settings: Settings,
        clock: Clock,
        *,
        host: str | None = None,
        port: int | None = None,
        listening: socket.socket | None = None,
        limits: Limits | None = None,
        health: Health | None = None,
        others_live: Callable[[], bool] = lambda: True,
    ) -> None:
        wanted = settings.webhooks
        self._health = health or Health(clock)
        self._others_live = others_live
        self._clock = clock
        self._settings = settings
        self._ledger = ledger
        self._meter = Counters()
        self._worker = (
            None
            if handlers is None
            else hint_worker(ledger, handlers, settings, clock, self._health, self._meter)
        )
        # A worker prunes for itself; beside this process there may be none.
        self._pruning = self._health.part("prune")
        self._pruner = SupervisedThread(self._pruning, self._prune)
        self._writer = GroupCommitWriter(
            ledger.inbox,
            self._worker.wake if self._worker else lambda: None,
            part=self._health.part("store"),
        )
        self._verifier = _verifier(settings)
        self.server = HookServer(
            wanted.host if host is None else host,
            wanted.port if port is None else port,
            self._handler(PUBLIC if wanted.private_port else PUBLIC | PRIVATE),
            limits=limits,
            meter=self._meter,
            part=self._health.part("accept"),
            listening=listening,
        )
        if wanted.private_port:
            self.server.beside = self._private_server(limits or Limits())

    def _private_server(self, limits: Limits) -> HookServer:
        try:
            return HookServer(
                "127.0.0.1",
                self._settings.webhooks.private_port,
                self._handler(PRIVATE),
                limits=replace(limits, connections=_PRIVATE_CONNECTIONS),
                meter=self._meter,
                part=self._health.part("private"),
            )
        except ConfigError as error:
            self.server.server_close()
            hint = "set webhooks.private_port, or stop what listens there"
            raise ConfigError(error.message, hint=hint) from error

    def _handler(self, paths: Collection[str]) -> WebhookHandler:
        return WebhookHandler(
            self._verifier,
            self._writer,
            self._clock,
            self._meter,
            self.state,
            self._figures,
            paths,
        )

    def start(self) -> None:
        """Begin to listen and to work."""
        if self._worker:
            self._worker.start()
        else:
            self._pruner.start()
        self.server.start()

    def stop(self) -> bool:
        """Stop accepting, answer and store what has begun, finish the current hint.

        Returns:
            Whether everything ended in time; the rest is done after the next start.
        """
        self._pruner.ask_to_stop()
        drained = self.server.stop() and self._pruner.stop(WORKER_SECONDS)
        return (not self._worker or self._worker.stop(WORKER_SECONDS)) and drained

    def run(self, stop: threading.Event) -> bool:
        """Listen until `stop` is set; what `stop` returned.

        Raises:
            LedgerReplaced: Another file lies in the ledger's place.
            SyncError: A thread died; systemd restarts the process.
        """
        self.start()
        watch_over(stop, self._health, self._is_whole, self._ledger.upkeep.check_in_place)
        return self.stop()

    def _is_whole(self) -> bool:
        works = self._worker is None or self._worker.is_alive()
        return self.server.is_alive() and works and self._others_live()

    def _hints_are_followed(self) -> bool:
        """Whether a worker is at work, here or in a process of its own."""
        return self._worker.is_alive() if self._worker else self._ledger.runs.is_running(HINTS)

    def _prune(self) -> None:
        self._ledger.inbox.prune(self._clock.now() - _kept(self._settings))
        # At once: the turn itself ends an hour later.
        self._pruning.works()
        self._pruner.rest(_PRUNE_SECONDS)

    def state(self) -> dict[str, Any]:
        """What ``/readyz`` shows: whether every part works, and what waits."""
        self._writer.probe()
        troubles = self._health.troubles()
        try:
            found = self._ledger.inbox.summary()
            works = self._hints_are_followed()
        except LedgerError:
            return {"ready": False, "storing": False, "troubles": troubles}
        oldest = found["oldestWaiting"]
        age = (self._clock.now() - from_text(oldest)).total_seconds() if oldest else 0.0
        return {
            "ready": self._is_whole() and not troubles and not self.server.draining,
            "storing": not self._writer.failing,
            "troubles": troubles,
            "working": works,
            "connections": len(self.server.connections),
            "waiting": found["waiting"],
            "failing": found["failing"],
            "oldest_waiting_seconds": max(0.0, age),
        }

    def _figures(self) -> str:
        parts = self._health.exposition()
        try:
            return parts + exposition(self._ledger, self._clock.now(), self._settings)
        except LedgerError:
            return parts


def hint_worker(
    ledger: Ledger,
    handlers: Mapping[Kind, Handler],
    settings: Settings,
    clock: Clock,
    health: Health,
    meter: Counters,
) -> Worker:
    """The worker that follows the hints of this ledger."""
    return Worker(
        ledger.inbox,
        handlers,
        ledger.runs,
        clock,
        pace=HintRateLimiter(settings.veracore.rate_per_minute, clock),
        meter=meter,
        keep=_kept(settings),
        part=health.part("worker"),
    )


def _kept(settings: Settings) -> timedelta:
    """How long ids and covered hints are kept."""
    tolerance = timedelta(seconds=settings.webhooks.tolerance_seconds)
    return max(timedelta(days=_KEEP_DAYS), 3 * tolerance)


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
