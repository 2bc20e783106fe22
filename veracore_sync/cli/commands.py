"""Every command by name, with what ``--help``, the man pages and completion say about it.

Only the module of the command that was typed is imported, because imports are most of the time
that a short command takes.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer

from veracore_sync.cli import signals
from veracore_sync.cli.entries import EXAMPLES, SUBCOMMANDS, Entry
from veracore_sync.cli.exit_words import EXIT_WORDS

_SYNC = (3, 69, 75, 77)
_BOTH = (69, 77)

COMMANDS = {
    # ---- Start
    "init": Entry(
        "init_config:init_config",
        "Write or correct the configuration and test both connections.",
        "Start",
        (
            ("init", "ask for each setting on the terminal"),
            ("init --config shop2.toml --offline", "another shop's; contact nobody"),
        ),
        _BOTH,
        "install.md#configure",
    ),
    "doctor": Entry(
        "doctor:doctor",
        "Check the configuration, the ledger and both connections.",
        "Start",
        (
            ("doctor", "check everything"),
            ("doctor --offline", "check this machine only"),
        ),
        _BOTH,
        "troubleshoot.md#doctor",
    ),
    "config": Entry(
        "config_show:config_app",
        "Show the configuration, or check it.",
        "Start",
        page="configuration.md",
    ),
    "probe": Entry(
        "probe:probe",
        "Find out what this VeraCore offers and how it answers; create nothing.",
        "Start",
        (
            ("probe", "print what was found out"),
            ("probe --out veracore.json", "keep it, for `sandbox --like veracore.json`"),
        ),
        _BOTH,
        "operate.md#what-this-veracore-does",
    ),
    # ---- Sync
    "sync-orders": Entry(
        "sync_orders:sync_orders",
        "Send paid orders to VeraCore, each exactly once.",
        "Sync",
        (
            ("sync-orders --dry-run", "show what would be sent; change nothing"),
            ("sync-orders", "send what is due"),
            ("sync-orders --order 3PWKZ4D6", "send this order now"),
            ("sync-orders --limit 1", "begin carefully: send one order"),
        ),
        _SYNC,
        "commands.md#sync-orders",
    ),
    "sync-inventory": Entry(
        "sync_inventory:sync_inventory",
        "Set the shop's stock to what VeraCore has available.",
        "Sync",
        (
            ("sync-inventory --dry-run", "show which levels would change"),
            ("sync-inventory --allow-mass-change", "the first run, once the plan looks right"),
            ("sync-inventory --sku MUG-BLUE", "only this SKU"),
        ),
        _SYNC,
        "inventory.md",
    ),
    "sync-tracking": Entry(
        "sync_tracking:sync_tracking",
        "Record VeraCore's shipments as fulfilments in the shop.",
        "Sync",
        (
            ("sync-tracking", "record what shipped since the last run"),
            ("sync-tracking --order 3PWKZ4D6", "look this order up now"),
            ("sync-tracking --force", "look every open order up"),
        ),
        _SYNC,
        "tracking.md",
    ),
    "sync-returns": Entry(
        "sync_returns:sync_returns",
        "Report goods that came back to VeraCore.",
        "Sync",
        (
            ("sync-returns --dry-run", "show what would be reported"),
            ("sync-returns", "report what came back since the last run"),
        ),
        _SYNC,
        "commands.md#sync-returns",
    ),
    # ---- Look and repair
    "stats": Entry(
        "stats:stats",
        "Show the state of orders and syncs, and all alerts.",
        "Look and repair",
        (
            ("stats", "what is waiting, sent and failed"),
            ("stats --order 3PWKZ4D6", "the history of one order"),
            ("stats --failed", "which orders failed, and why"),
            ("stats --check", "exit 3 if something needs attention"),
            ("stats --watch 5", "refresh every 5 seconds until Ctrl-C"),
        ),
        (3,),
        "commands.md#stats",
    ),
    "retry": Entry(
        "retry:retry",
        "Queue failed and parked orders again.",
        "Look and repair",
        (
            ("retry 3PWKZ4D6", "queue this order again"),
            ("retry --all --dry-run", "show which orders would be queued again"),
            ("retry --class mapping", "those that failed for want of a mapping"),
        ),
        _SYNC,
        "commands.md#retry-order",
    ),
    "report": Entry(
        "report:report",
        "Sum up orders and shipments by day, carrier or service, with freight and lead times.",
        examples=(
            ("report", "the last 30 days, day by day"),
            ("report --since 2026-01-01 --until 2026-01-31 --by service", "a month's freight"),
            ("report --by carrier --csv", "the same for a spreadsheet"),
        ),
        page="commands.md#report",
    ),
    "resolve": Entry(
        "resolve:resolve",
        "Decide about an order that is in conflict or in doubt, or accept its alerts.",
        "Look and repair",
        (
            ("resolve 3PWKZ4D6 --adopt", "VeraCore has it, under the id it was sent with"),
            ("resolve 3PWKZ4D6 --adopt 20451", "VeraCore has it, under this id"),
            ("resolve 3PWKZ4D6 --new-id", "VeraCore has nothing of it: send it again"),
            ("resolve 3PWKZ4D6 --skip", "never send it"),
            ('resolve 3PWKZ4D6 --accept "agreed by phone"', "what its alerts report is all right"),
        ),
        _SYNC,
        "commands.md#resolve-order",
    ),
    "cancel": Entry(
        "cancel:cancel",
        "Ask VeraCore to cancel orders.",
        "Look and repair",
        (
            ("cancel 3PWKZ4D6 --dry-run", "show what would be done"),
            ("cancel 3PWKZ4D6", "ask VeraCore to cancel it"),
        ),
        _SYNC,
        "operate.md#cancelling-after-the-hand-over",
    ),
    "reconcile": Entry(
        "reconcile:reconcile",
        "Compare ledger, shop and VeraCore, and show what they disagree about.",
        "Look and repair",
        (
            ("reconcile", "compare recent and all open orders"),
            ("reconcile --since 2026-01-01 --dry-run", "look further back; store nothing"),
            ("reconcile --apply tracking_differs", "repair the differences of one type"),
            (
                'reconcile --accept "kept" --type stock_differs --name MUG-BLUE',
                "accept one difference as it is",
            ),
        ),
        _SYNC,
        "reconcile.md",
    ),
    "ledger": Entry(
        "ledger:ledger_app",
        "Check, back up, restore, rebuild, rebind, move, prune and export the ledger.",
        "Look and repair",
        page="backups.md",
    ),
    "breaker": Entry("breaker:breaker_app", "Reset the circuit breakers.", "Look and repair"),
    # ---- Run as a service
    "timers": Entry(
        "timers:timers",
        "Render the job intervals for systemd or cron.",
        "Run as a service",
        (
            ("timers", "show the systemd drop-ins"),
            ("timers --check", "compare the installed units with the configuration"),
            ("timers --crontab", "print crontab lines instead"),
        ),
        (3,),
        "operate.md#units",
    ),
    "deliver": Entry(
        "deliver:deliver",
        "Deliver waiting events to the configured hooks.",
        "Run as a service",
        (
            ("deliver", "deliver what waits"),
            ("deliver --force", "try now, even what failed a moment ago"),
        ),
        (3, 69, 75),
        "events.md#delivery",
    ),
    "serve-webhooks": Entry(
        "serve_webhooks:serve_webhooks",
        "Receive signed webhooks and sync what they name.",
        "Run as a service",
        (
            ("serve-webhooks", "listen on webhooks.host and webhooks.port"),
            ("serve-webhooks --port 8099", "on another port"),
        ),
        (75,),
        "webhooks.md",
    ),
    "serve-admin": Entry(
        "serve_admin:serve_admin",
        "Serve the Admin API and the status page.",
        "Run as a service",
        (
            ("serve-admin", "listen on admin.host and admin.port"),
            ("serve-admin --port 8098", "on another port"),
        ),
        (75,),
        "admin.md",
    ),
    "sign": Entry(
        "sign:sign",
        "Print the headers that sign a webhook body.",
        "Try out",
        (
            ('sign \'{"type": "ping"}\'', "the headers of a test delivery with curl"),
            ("sign --file body.json", "of a body in a file"),
        ),
        page="webhooks.md#test-with-curl",
    ),
    # ---- Try out
    "demo": Entry(
        "demo:demo",
        "Sync a small test shop with a VeraCore simulator.",
        "Try out",
        (("demo", "orders, stock and tracking, with failures and how they end"),),
        page="commands.md#demo",
    ),
    "sandbox": Entry(
        "sandbox:sandbox",
        "Run a VeraCore simulator until stopped.",
        "Try out",
        (
            ("sandbox", "listen on 127.0.0.1:8780"),
            ("sandbox --shop", "and a small shop on 8781, to try init and the jobs against"),
            ("sandbox --port 8790 --state sandbox.json", "keep its state in a file"),
            ("sandbox --like veracore.json", "answer as the VeraCore that `probe` met"),
        ),
        page="sandbox.md",
    ),
}


def entry_of(name: str) -> Entry:
    """What is said about a command, by its full name; of the program for an empty one."""
    if not name:
        return Entry("", "", examples=EXAMPLES, exits=tuple(EXIT_WORDS)[1:])
    return SUBCOMMANDS.get(name) or COMMANDS.get(name) or Entry("", "")


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
