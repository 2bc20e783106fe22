"""``serve-webhooks``: signed hints that start a sync before the next poll."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.cli.run_command import run_command
from veracore_sync.cli.serving import announce_address, check_host, stop_on_signals
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
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
    """Receive signed webhooks and sync what they name.

    Runs until stopped. Webhooks only make syncs earlier; the timers sync everything without them.
    """
    job = Job(WORKER, lock="webhooks", one_shop=True)
    run_command(
        job, context.obj, as_json, lambda container: _work(container, host, port, quiet=as_json)
    )


def _work(
    container: Container, host: str | None, port: int | None, *, quiet: bool
) -> CommandReport:
    container.require("webhooks")
    container.bind()
    address = host or container.settings.webhooks.host
    check_host(address, "webhooks.host")
    jobs = HintJobs(container.loaded, container.clock)
    health = Health(container.clock)
    events = EventThread(container, health.part("events"))
    listener = Listener(
        container.ledger,
        jobs.handlers(),
        container.settings,
        container.clock,
        host=address,
        port=port,
        health=health,
        others_live=events.is_alive,
    )
    stop = stop_on_signals()
    announce_address(listener.server.url, quiet=quiet)
    try:
        with events:
            drained = listener.run(stop)
    finally:
        jobs.close()
    return CommandReport({"url": listener.server.url, "drained": drained})
