"""``serve-webhooks``: signed hints that start a sync before the next poll.

One process does both halves, or two processes share them: what parses the bytes of strangers then
holds no login.
"""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from veracore_sync.cli.run_command import run_command, run_standalone
from veracore_sync.cli.serving import announce_address, check_host, stop_on_signals
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.hints import HINTS, RECEIVER, WORKER
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.event_thread import EventThread
from veracore_sync.webhooks.hint_handler import HintJobs
from veracore_sync.webhooks.listener import WORKER_SECONDS, Listener, hint_worker
from veracore_sync.webhooks.supervision import Health, watch_over
from veracore_sync.webhooks.systemd_listen import handed_over

RECEIVER_SECRETS = frozenset({"webhooks.secret", "webhooks.secrets", "ledger.password"})
"""What a process that only receives may hold."""


def serve_webhooks(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to bind to, instead of webhooks.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, instead of webhooks.port; 0: any.")
    ] = None,
    receive_only: Annotated[
        bool,
        typer.Option(
            "--receive-only", help="Only receive and store; hold no login of shop or warehouse."
        ),
    ] = False,
    work_only: Annotated[
        bool, typer.Option("--work-only", help="Only look up what was stored; do not listen.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Receive signed webhooks and sync what they name.

    Runs until stopped. Webhooks only make syncs earlier; the timers sync everything without them.
    """
    if work_only and (receive_only or host is not None or port is not None):
        run_standalone(as_json, _refuse)
    if work_only:
        run_command(
            Job(WORKER, lock=HINTS, one_shop=True, creates=True), context.obj, as_json, _follow
        )
    job = Job(
        WORKER,
        lock=RECEIVER,
        one_shop=True,
        creates=True,
        secrets_used=RECEIVER_SECRETS if receive_only else None,
    )
    receive = _receive if receive_only else _receive_and_follow
    run_command(
        job, context.obj, as_json, lambda container: receive(container, host, port, quiet=as_json)
    )


def _refuse() -> CommandReport:
    raise UsageError(
        "--work-only does not listen",
        hint="give --receive-only, --host and --port to the process that receives",
    )


def _receive_and_follow(
    container: Container, host: str | None, port: int | None, *, quiet: bool
) -> CommandReport:
    container.require("webhooks")
    container.bind()
    jobs = HintJobs(container.loaded, container.clock)
    health = Health(container.clock)
    events = EventThread(container, health.part("events"))
    listening = handed_over()
    with container.ledger.runs.lock(HINTS, WORKER):
        listener = Listener(
            container.ledger,
            jobs.handlers(),
            container.settings,
            container.clock,
            host=_address(container, host, listening),
            port=port,
            listening=listening,
            health=health,
            others_live=events.is_alive,
        )
        try:
            with events:
                return _run(listener, quiet=quiet)
        finally:
            jobs.close()


def _receive(
    container: Container, host: str | None, port: int | None, *, quiet: bool
) -> CommandReport:
    container.require("webhooks")
    container.bind(logs_in=False)
    listening = handed_over()
    listener = Listener(
        container.ledger,
        None,
        container.settings,
        container.clock,
        host=_address(container, host, listening),
        port=port,
        listening=listening,
    )
    return _run(listener, quiet=quiet)


def _address(container: Container, host: str | None, listening: socket.socket | None) -> str:
    address = host or container.settings.webhooks.host
    if listening is not None:
        address = str(listening.getsockname()[0])
    check_host(address, "webhooks.host")
    return address


def _run(listener: Listener, *, quiet: bool) -> CommandReport:
    stop = stop_on_signals()
    announce_address(listener.server.url, quiet=quiet)
    return CommandReport({"url": listener.server.url, "drained": listener.run(stop)})


def _follow(container: Container) -> CommandReport:
    container.bind()
    ledger, clock = container.ledger, container.clock
    jobs = HintJobs(container.loaded, clock)
    health = Health(clock)
    events = EventThread(container, health.part("events"))
    worker = hint_worker(ledger, jobs.handlers(), container.settings, clock, health, Counters())
    stop = stop_on_signals()
    try:
        with events:
            worker.start()
            watch_over(
                stop,
                health,
                lambda: worker.is_alive() and events.is_alive(),
                ledger.upkeep.check_in_place,
            )
            drained = worker.stop(WORKER_SECONDS)
    finally:
        jobs.close()
    return CommandReport({"drained": drained})
