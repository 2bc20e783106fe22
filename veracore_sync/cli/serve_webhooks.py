"""``serve-webhooks``: signed hints come in, and make polling's work sooner."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, warn

if TYPE_CHECKING:
    from veracore_sync.cli.perform import Report
    from veracore_sync.clock import Clock
    from veracore_sync.composition.container import Container
    from veracore_sync.config import Loaded
    from veracore_sync.domain.hints import Kind
    from veracore_sync.webhooks.worker import Handler

_LOG = logging.getLogger(__name__)


@app.command("serve-webhooks")
def serve_webhooks(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to bind to, instead of webhooks.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, instead of webhooks.port; 0: any.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Listen for signed hints, store them, and look up what they name, until stopped."""
    from veracore_sync.cli.perform import Job, perform
    from veracore_sync.ledger.inbox import WORKER

    job = Job(WORKER, lock="webhooks")
    perform(job, context.obj, as_json, lambda parts: _work(parts, host, port, quiet=as_json))


def _work(parts: Container, host: str | None, port: int | None, *, quiet: bool) -> Report:
    import signal
    import threading

    from veracore_sync.cli.deliver import Delivering
    from veracore_sync.cli.perform import Report
    from veracore_sync.config import require
    from veracore_sync.webhooks.listener import Listener
    from veracore_sync.webhooks.supervise import Health

    require(parts.settings, "webhooks")
    parts.bind()
    address = host or parts.settings.webhooks.host
    check_host(address, "webhooks.host")
    jobs = HintJobs(parts.loaded, parts.clock)
    health = Health(parts.clock)
    events = Delivering(parts, health.part("events"))
    listener = Listener(
        parts.ledger,
        jobs.handlers(),
        parts.settings,
        parts.clock,
        host=address,
        port=port,
        health=health,
        others_live=events.is_alive,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    tell_address(listener.server.url, quiet=quiet)
    try:
        with events:
            drained = listener.run(stop)
    finally:
        jobs.close()
    return Report({"url": listener.server.url, "drained": drained})


def tell_address(url: str, *, quiet: bool) -> None:
    """Where it listens, on stdout; on stderr where stdout is to hold one document.

    A full disk behind either is no reason not to listen.
    """
    with suppress(OSError):
        (warn if quiet else say)(url)
        sys.stdout.flush()


def check_host(host: str, setting: str) -> None:
    """A name is for this machine alone: what it means elsewhere can change without a word here.

    Raises:
        ConfigError: A name that does not mean this machine.
    """
    import ipaddress

    from veracore_sync.errors import ConfigError

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost":
            return
        raise ConfigError(
            f"{setting} {host}: neither an address nor localhost",
            hint="write the address itself to listen beyond this machine",
        ) from None
    if not address.is_loopback:
        warn(f"veracore-sync: listening beyond this machine on {host}, without TLS of its own")
        warn("  let a proxy in front end TLS and pass on what is meant for outside alone")


class HintJobs:
    """Runs the jobs for single names, with parts of its own for each job.

    They are kept from hint to hint, and made anew after a failure: what failed may be the login.

    Args:
        loaded: The configuration.
        clock: The time.
    """

    def __init__(self, loaded: Loaded, clock: Clock) -> None:
        self._loaded = loaded
        self._clock = clock
        self._kept: dict[str, Container] = {}

    def handlers(self) -> dict[Kind, Handler]:
        """How each kind of hint is followed."""
        from veracore_sync.webhooks.worker import Handler

        return {
            "inventory": Handler("inventory", self._with("inventory", _inventory)),
            "order": Handler("orders", self._with("orders", _order), requests=4),
            "tracking": Handler("tracking", self._with("tracking", _tracking)),
        }

    def _with(self, job: str, work: Callable[[Container, str], None]) -> Callable[[str], None]:
        return lambda name: self._follow(job, work, name)

    def _follow(self, job: str, work: Callable[[Container, str], None], name: str) -> None:
        from veracore_sync.composition.container import Container
        from veracore_sync.errors import SyncError

        if job not in self._kept:
            self._kept[job] = Container(self._loaded, self._clock, family=job)
        parts = self._kept[job]
        try:
            with parts.run_of(job):
                parts.bind()
                work(parts, name)
        except SyncError as error:
            parts.learn(error)
            self._kept.pop(job).close()
            raise
        parts.learn(None)

    def close(self) -> None:
        """Close what was kept."""
        for parts in self._kept.values():
            parts.close()


def _order(parts: Container, name: str) -> None:
    from veracore_sync.domain.hints import Delivery
    from veracore_sync.webhooks.hint_handler import OrderHints

    OrderHints(
        parts.shop,
        parts.warehouse,
        parts.ledger,
        parts.settings,
        parts.clock,
        shipped=lambda code: parts.ledger.inbox.store([Delivery(None, "tracking", (code,))]),
    ).follow(name)


def _tracking(parts: Container, name: str) -> None:
    from veracore_sync.cli.sync_tracking import recount
    from veracore_sync.jobs.kernel import RunOptions
    from veracore_sync.jobs.tracking.report import TrackingReport
    from veracore_sync.jobs.tracking.run import TrackingRun

    row = parts.ledger.orders.find(name)
    if row is None:
        # Polling finds the shipments of orders that this ledger did not send.
        return
    run = TrackingRun(parts.context(TrackingReport(), RunOptions(only=(row.code,))))
    try:
        run.run()
        recount(parts, run.report)
    finally:
        _tell(run.report.needs_person)


def _inventory(parts: Container, sku: str) -> None:
    from veracore_sync.jobs.inventory.report import InventoryReport
    from veracore_sync.jobs.inventory.run import InventoryRun
    from veracore_sync.jobs.kernel import RunOptions

    run = InventoryRun(parts.context(InventoryReport(), RunOptions(only=(sku,))))
    try:
        run.run()
    finally:
        _tell(run.report.needs_person)


def _tell(news: Sequence[str]) -> None:
    for sentence in news:
        _LOG.warning("webhooks: %s", sentence)
