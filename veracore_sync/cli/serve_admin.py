"""``serve-admin``: the Admin API and the status page, which run the commands' code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.actions import Actions
from veracore_sync.admin.door import Door
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.cli.run_command import names_a_folder, run_command, run_standalone
from veracore_sync.cli.serving import announce_address, check_host, stop_on_signals
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config.file import places
from veracore_sync.domain.advice import quoted
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.server import HookServer
from veracore_sync.webhooks.supervision import Health, watch_over

_ACT_SECONDS = 15.0
"""After a signal, for acts of the page that run: as long as requests have to end."""


def serve_admin(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to bind to, instead of admin.host.", metavar="HOST")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, instead of admin.port; 0: any.", metavar="PORT"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Serve the Admin API and the status page.

    Runs until stopped.
    """
    if names_a_folder(context.obj):
        # Only those who have several shops wait for this import.
        from veracore_sync.cli.serve_shops import serve_shops

        run_standalone(as_json, lambda: serve_shops(context.obj, host, port, quiet=as_json))
    job = Job("serve-admin", lock="admin", creates=True)
    run_command(
        job, context.obj, as_json, lambda container: _work(container, host, port, quiet=as_json)
    )


def _work(
    container: Container, host: str | None, port: int | None, *, quiet: bool
) -> CommandReport:
    container.require("admin")
    container.bind()
    wanted = container.settings.admin
    health = Health(container.clock, server="admin")
    address = host or wanted.host
    door = Door(container.clock, address, wanted.hosts, wanted.trusted_proxies)
    handler = AdminHandler([pages_of(container)], container.clock, health.troubles, door=door)
    return serve(
        handler,
        health,
        container.ledger.upkeep.check_in_place,
        host=address,
        port=wanted.port if port is None else port,
        quiet=quiet,
    )


def pages_of(container: Container) -> ShopPages:
    """The part of the server that answers for one shop."""
    wanted = container.settings.admin
    tokens = Tokens(wanted.read_token.get_secret_value(), wanted.act_token.get_secret_value())
    options = options_of(container.loaded.path)
    return ShopPages(
        Actions(container), tokens, container.clock, container.loaded.shop, options=options
    )


def options_of(path: Path | None) -> str:
    """What commands about the shop of that file need, for whoever reads the page."""
    # The copy that systemd gives the unit is nobody else's; the original is found without a name.
    copies = os.environ.get("CREDENTIALS_DIRECTORY")
    if path is None or path in places(os.environ) or (copies and path.is_relative_to(copies)):
        return ""
    return f"--config {quoted(str(path))}"


def serve(
    handler: AdminHandler,
    health: Health,
    check_ledgers: Callable[[], None],
    *,
    host: str,
    port: int,
    quiet: bool,
) -> CommandReport:
    """Serve until a signal stops it.

    Args:
        handler: Answers the requests.
        health: Of the server's parts.
        check_ledgers: Raises where another file lies in a ledger's place.
        host: The address to bind to.
        port: The port; 0 is any free one.
        quiet: Announce the address on stderr, because stdout is to contain one document.

    Raises:
        ConfigError: The address cannot be listened on.
        LedgerReplaced: As `check_ledgers` does.
    """
    check_host(host, "admin.host")
    server = HookServer(
        host,
        port,
        handler,
        meter=Counters(),
        section="admin",
        part=health.part("accept"),
    )
    stop = stop_on_signals()
    server.start()
    announce_address(server.url, quiet=quiet)
    watch_over(stop, health, server.is_alive, check_ledgers)
    drained = server.stop()
    return CommandReport({"url": server.url, "drained": handler.finish(_ACT_SECONDS) and drained})
