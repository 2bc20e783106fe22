"""``serve-webhooks``: signed hints come in, and make polling's work sooner."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, warn

if TYPE_CHECKING:
    from veracore_sync.cli.parts import Parts
    from veracore_sync.cli.perform import Report
    from veracore_sync.ledger.inbox import Kind
    from veracore_sync.webhooks.worker import Handler


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
    perform(job, context.obj, as_json, lambda parts: _work(parts, host, port))


def _work(parts: Parts, host: str | None, port: int | None) -> Report:
    import signal
    import sys
    import threading

    from veracore_sync.cli.perform import Report
    from veracore_sync.config import require
    from veracore_sync.webhooks.listener import Listener

    require(parts.settings, "webhooks")
    parts.bind()
    address = host or parts.settings.webhooks.host
    _check_host(address)
    listener = Listener(
        parts.ledger, handlers(parts), parts.settings, parts.clock, host=address, port=port
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    say(listener.server.url)
    sys.stdout.flush()
    drained = listener.run(stop)
    return Report({"drained": drained})


def _check_host(host: str) -> None:
    """A name is for this machine alone: what it means elsewhere can change without a word here.

    Raises:
        ConfigError: A name that does not mean this machine.
    """
    from veracore_sync.errors import ConfigError

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost":
            return
        raise ConfigError(
            f"webhooks.host {host}: neither an address nor localhost",
            hint="write the address itself to listen beyond this machine",
        ) from None
    if not address.is_loopback:
        warn(f"veracore-sync: listening beyond this machine on {host}, without TLS of its own")
        warn("  let a proxy in front end TLS and pass /veracore-webhooks/ alone (docs/webhooks.md)")


def handlers(parts: Parts) -> dict[Kind, Handler]:
    """How each kind of hint is followed: by the jobs' own code."""
    from veracore_sync.webhooks.follow import OrderHints
    from veracore_sync.webhooks.worker import Handler

    orders = OrderHints(parts.shop, parts.warehouse, parts.ledger, parts.settings, parts.clock)
    return {"order": Handler("orders", orders.follow, requests=3)}
