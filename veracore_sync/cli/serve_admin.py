"""``serve-admin``: the Admin API and the status page, which run the commands' code."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.actions import Actions
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.cli.run_command import run_command
from veracore_sync.cli.serving import announce_address, check_host, stop_on_signals
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config import require
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.server import HookServer
from veracore_sync.webhooks.supervision import Health, watch_over


def serve_admin(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to bind to, instead of admin.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, instead of admin.port; 0: any.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Serve the Admin API and the status page.

    Runs until stopped.
    """
    job = Job("serve-admin", lock="admin")
    run_command(
        job, context.obj, as_json, lambda container: _work(container, host, port, quiet=as_json)
    )


def _work(
    container: Container, host: str | None, port: int | None, *, quiet: bool
) -> CommandReport:
    require(container.settings, "admin")
    container.bind()
    wanted = container.settings.admin
    address = host or wanted.host
    check_host(address, "admin.host")
    tokens = Tokens(wanted.read_token.get_secret_value(), wanted.act_token.get_secret_value())
    health = Health(container.clock, server="admin")
    handler = AdminHandler(Actions(container), tokens, container.clock, health.troubles)
    server = HookServer(
        address,
        wanted.port if port is None else port,
        handler,
        meter=Counters(),
        section="admin",
        part=health.part("accept"),
    )
    stop = stop_on_signals()
    server.start()
    announce_address(server.url, quiet=quiet)
    watch_over(stop, health, server.is_alive, container.ledger.upkeep.check_in_place)
    return CommandReport({"url": server.url, "drained": server.stop()})
