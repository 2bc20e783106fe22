"""``serve-webhooks``: signed hints come in, and make polling's work sooner."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.cli.run_command import run_command
from veracore_sync.cli.serving import check_host, stop_on_signals, tell_address
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config import require
from veracore_sync.domain.hints import WORKER
from veracore_sync.webhooks.event_thread import EventThread
from veracore_sync.webhooks.hint_handler import HintJobs
from veracore_sync.webhooks.listener import Listener
from veracore_sync.webhooks.supervision import Health


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
    job = Job(WORKER, lock="webhooks")
    run_command(job, context.obj, as_json, lambda parts: _work(parts, host, port, quiet=as_json))


def _work(parts: Container, host: str | None, port: int | None, *, quiet: bool) -> CommandReport:
    require(parts.settings, "webhooks")
    parts.bind()
    address = host or parts.settings.webhooks.host
    check_host(address, "webhooks.host")
    jobs = HintJobs(parts.loaded, parts.clock)
    health = Health(parts.clock)
    events = EventThread(parts, health.part("events"))
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
    stop = stop_on_signals()
    tell_address(listener.server.url, quiet=quiet)
    try:
        with events:
            drained = listener.run(stop)
    finally:
        jobs.close()
    return CommandReport({"url": listener.server.url, "drained": drained})
