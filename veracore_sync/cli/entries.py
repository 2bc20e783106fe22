"""What ``--help``, the man pages and completion say about a command, and about those in groups."""

from __future__ import annotations

from dataclasses import dataclass

_SYNC = (3, 69, 75, 77)


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

EXAMPLES = (
    ("demo", "see it work, without any account"),
    ("init", "write a configuration and test both connections"),
    ("sync-orders --dry-run", "show what would be sent; change nothing"),
    ("stats", "see what is waiting, sent and failed"),
    ("--config shop2.toml stats", "the same for another shop"),
)
"""Of the program as a whole."""

SUBCOMMANDS = {
    "config show": Entry(
        "",
        "Show each setting with its value and origin; secrets are masked.",
        examples=(("config show", "each setting, its value and where it came from"),),
        page="configuration.md",
    ),
    "config validate": Entry(
        "",
        "Check a configuration file: no connection is made and no ledger is opened.",
        examples=(
            ("config validate", "every fault, with its key and line"),
            ("config validate new.toml", "the same for a file that is not in use yet"),
        ),
        page="configuration.md",
    ),
    "breaker reset": Entry(
        "",
        "Close circuit breakers, so that the next run contacts the upstream at once.",
        examples=(
            ("breaker reset", "both"),
            ("breaker reset veracore", "only VeraCore's"),
        ),
        page="commands.md#breaker-reset-upstream",
    ),
    "ledger check": Entry(
        "",
        "Check the ledger, or a backup of it, for damage.",
        examples=(("ledger check", "look for damage"),),
        page="commands.md#ledger-check-file",
    ),
    "ledger backup": Entry(
        "",
        "Copy the ledger to a file or into a folder; safe while other commands write.",
        examples=(
            ("ledger backup backup.db", "copy it; jobs may run meanwhile"),
            ("ledger backup --keep 14 backups", "into a folder, of which the newest 14 stay"),
        ),
        page="backups.md",
    ),
    "ledger restore": Entry(
        "",
        "Replace the ledger with a backup that passes its check.",
        examples=(("ledger restore backup.db", "replace the ledger; the old one is kept"),),
        exits=(75,),
        page="operate.md#backups",
    ),
    "ledger rebuild": Entry(
        "",
        "Fill a fresh ledger from the shop's orders and VeraCore's records.",
        examples=(
            ("ledger rebuild", "show what would be recorded"),
            ("ledger rebuild --apply", "record it"),
            ("ledger rebuild --check", "compare the ledger in use with both sides"),
        ),
        exits=_SYNC,
        page="operate.md#a-lost-ledger",
    ),
    "ledger rebind": Entry(
        "",
        "Bind the ledger to the new address of its shop or its VeraCore.",
        examples=(
            ("ledger rebind", "show whether its orders are at the address that is set"),
            ("ledger rebind --apply", "record it"),
        ),
        exits=(69, 75, 77),
        page="tasks.md#the-shop-has-moved",
    ),
    "ledger move": Entry(
        "",
        "Move the ledger into PostgreSQL, or back into a file.",
        examples=(
            (
                "ledger move --to postgresql://veracore@db.example.com/veracore",
                "into PostgreSQL",
            ),
            ("ledger move --to /var/lib/veracore-sync/ledger.db", "back into a file"),
        ),
        exits=(69, 75),
        page="operate.md#moving-the-ledger-and-back",
    ),
    "ledger prune": Entry(
        "",
        "Delete old runs, resolved alerts, events and history of orders.",
        examples=(("ledger prune --days 30", "keep 30 days of them"),),
        page="commands.md#ledger-prune",
    ),
    "ledger export": Entry(
        "",
        "Print every order with its attempts, one JSON object per line.",
        examples=(("ledger export > orders.jsonl", "every order with its attempts"),),
        page="commands.md#ledger-export",
    ),
}
"""The commands within groups, by their full names; only their help is described here."""
