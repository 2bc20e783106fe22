"""Every command by name, with its summary for ``--help``.

Only the module of the command that was typed is imported, because imports are most of the time
that a short command takes.
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
        target: ``module:name`` in this package, of a function or a group.
        summary: The first sentence of its help.
        group: The heading that lists it in ``--help``, one of `GROUPS`.
        examples: Command lines without the program's name, each with what it does.
        exits: Its exit codes besides 0, 1, 2, 74, 78, 130 and 143, which every command has.
        page: The page of ``docs/`` about it.
    """

    target: str
    summary: str
    group: str = "Look and repair"
    examples: tuple[tuple[str, str], ...] = ()
    exits: tuple[int, ...] = ()
    page: str = "commands.md"


GROUPS = ("Start", "Sync", "Look and repair", "Run as a service", "Try out")
"""The headings of ``--help``, in the order of the work."""

COMMANDS = {
    "cancel": Entry("cancel:cancel", "Ask VeraCore to cancel orders."),
    "deliver": Entry("deliver:deliver", "Deliver waiting events to the configured hooks."),
    "demo": Entry("demo:demo", "Sync a small test shop with a VeraCore simulator."),
    "doctor": Entry(
        "doctor:doctor",
        "Check the configuration, the ledger and both connections.",
    ),
    "init": Entry(
        "init_config:init_config",
        "Write or correct the configuration and test both connections.",
    ),
    "probe": Entry(
        "probe:probe", "Find out what this VeraCore offers and how it answers; create nothing."
    ),
    "reconcile": Entry(
        "reconcile:reconcile",
        "Compare ledger, shop and VeraCore, and show what they disagree about.",
    ),
    "report": Entry(
        "report:report",
        "Sum up orders and shipments by day, carrier or service, with freight and lead times.",
        examples=(
            ("report", "the last 30 days, day by day"),
            ("report --since 2026-01-01 --until 2026-01-31 --by service", "a month's freight"),
            ("report --by carrier --csv", "the same for a spreadsheet"),
        ),
    ),
    "resolve": Entry(
        "resolve:resolve",
        "Decide about an order that is in conflict or in doubt, or accept its alerts.",
    ),
    "sync-orders": Entry(
        "sync_orders:sync_orders", "Send paid orders to VeraCore, each exactly once."
    ),
    "retry": Entry("retry:retry", "Queue failed and parked orders again."),
    "sandbox": Entry(
        "sandbox:sandbox",
        "Run a VeraCore simulator until stopped.",
    ),
    "serve-admin": Entry(
        "serve_admin:serve_admin",
        "Serve the Admin API and the status page.",
    ),
    "serve-webhooks": Entry(
        "serve_webhooks:serve_webhooks",
        "Receive signed webhooks and sync what they name.",
    ),
    "sign": Entry(
        "sign:sign",
        "Print the headers that sign a webhook body.",
    ),
    "stats": Entry(
        "stats:stats",
        "Show the state of orders and syncs, and all alerts.",
    ),
    "sync-inventory": Entry(
        "sync_inventory:sync_inventory",
        "Set the shop's stock to what VeraCore has available.",
    ),
    "sync-returns": Entry(
        "sync_returns:sync_returns",
        "Report goods that came back to VeraCore.",
    ),
    "sync-tracking": Entry(
        "sync_tracking:sync_tracking",
        "Record VeraCore's shipments as fulfilments in the shop.",
    ),
    "timers": Entry(
        "timers:timers",
        "Render the job intervals for systemd or cron.",
    ),
    "config": Entry(
        "config_show:config_app",
        "Show the configuration, or check it.",
        group="Start",
        examples=(
            ("config show", "Each setting, and where it came from"),
            ("config validate", "Every fault, with its key and line; without any connection"),
            ("config validate new.toml", "The same for a file that is not in use yet"),
        ),
        page="configuration.md",
    ),
    "breaker": Entry("breaker:breaker_app", "Reset the circuit breakers."),
    "ledger": Entry(
        "ledger:ledger_app", "Check, back up, restore, rebuild, move, prune and export the ledger."
    ),
}


def load_command(name: str) -> Any:
    """Import a command for typer to run.

    Raises:
        KeyError: No command has this name.
    """
    module, _, attribute = COMMANDS[name].target.partition(":")
    with signals.held():
        found = getattr(import_module(f"veracore_sync.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(found)
    return typer.main.get_command(alone)
