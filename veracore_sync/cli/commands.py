"""Every command of the program, by name: a line each, as ``--help`` lists them.

The module of a command is imported when it is the one that was typed, and no other: starting is
most of what a short command costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer

from veracore_sync.cli import signals


@dataclass(frozen=True, slots=True)
class Entry:
    """One command.

    Args:
        target: ``module:name`` in this package: the function, or the group that holds several.
        summary: The first sentence of its help.
    """

    target: str
    summary: str


COMMANDS = {
    "deliver": Entry(
        "deliver:deliver", "Deliver the events that wait in the outbox to the configured hooks."
    ),
    "demo": Entry(
        "demo:demo", "Send orders from a small shop to a VeraCore simulator, trouble included."
    ),
    "doctor": Entry(
        "doctor:doctor",
        "Check configuration, ledger, machine and both sides; each line says what to do.",
    ),
    "init": Entry(
        "init_config:init_config",
        "Write a commented configuration (--config, else ./config.toml) and try both connections.",
    ),
    "resolve": Entry(
        "resolve:resolve",
        "Decide about an order in conflict or in doubt: --adopt [ID], --new-id or --skip.",
    ),
    "sync-orders": Entry(
        "sync_orders:sync_orders", "Send paid orders to VeraCore, each exactly once."
    ),
    "retry": Entry(
        "retry:retry", "Queue failed and parked orders again; look up orders in doubt now."
    ),
    "sandbox": Entry(
        "sandbox:sandbox",
        "Run a VeraCore simulator, in both dialects on one port, until it is stopped.",
    ),
    "serve-admin": Entry(
        "serve_admin:serve_admin",
        "Serve the Admin API and a page that shows everything, until stopped.",
    ),
    "serve-webhooks": Entry(
        "serve_webhooks:serve_webhooks",
        "Listen for signed hints, store them, and look up what they name, until stopped.",
    ),
    "sign": Entry(
        "sign:sign",
        "Print the headers that sign a webhook body, one a line, as `curl -H @-` takes them.",
    ),
    "stats": Entry(
        "stats:stats",
        "Show what is waiting, sent, failed and in doubt, and what needs a person.",
    ),
    "sync-inventory": Entry(
        "sync_inventory:sync_inventory",
        "Set the shop's stock to what VeraCore has available.",
    ),
    "sync-tracking": Entry(
        "sync_tracking:sync_tracking", "Bring shipments back as fulfilments with tracking."
    ),
    "timers": Entry(
        "timers:timers",
        "Render interval_minutes of each job as systemd drop-ins, or as crontab lines.",
    ),
    "config": Entry("config_show:config_app", "Look at the configuration."),
    "breaker": Entry("breaker:breaker_app", "The circuit breakers."),
    "ledger": Entry("ledger:ledger_app", "Check, back up, restore, prune and export the ledger."),
}


def load_command(name: str) -> Any:
    """Import a command; what typer runs.

    Raises:
        KeyError: There is none of this name.
    """
    module, _, attribute = COMMANDS[name].target.partition(":")
    with signals.held():
        found = getattr(import_module(f"veracore_sync.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(found)
    return typer.main.get_command(alone)
