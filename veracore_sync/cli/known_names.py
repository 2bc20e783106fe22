"""Names that a shell completes: of the ledger that the line would use, and of configurations.

Reads only, makes no ledger, and gives up soon. Apart from the rest of completion, because it brings
the settings.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.help_page import name_of
from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.config.file import places
from veracore_sync.config.shops import folder_of_shops, shops_in
from veracore_sync.domain.errors import ConfigError
from veracore_sync.ports.ledger import Ledger

_MOST = 50
_PATIENCE_SECONDS = 3.0
_STATES: Mapping[str, Sequence[str]] = {
    "retry": ("failed", "parked", "in_doubt"),
    "resolve": ("conflict", "in_doubt", "parked", "cancelled", "synced"),
    "cancel": ("synced", "pending", "failed", "parked", "in_doubt"),
}
"""The orders that a command is about; the others are about any."""


def orders(context: Any, typed: str) -> list[str]:
    """Codes of orders, newest first; those that the command is about."""
    with _ledger(context) as ledger:
        return ledger.reporting.codes_beginning(typed, _STATES.get(name_of(context), ()), _MOST)


def skus(context: Any, typed: str) -> list[str]:
    """SKUs that both sides have had."""
    with _ledger(context) as ledger:
        return ledger.reporting.skus_beginning(typed, _MOST)


def differing(context: Any, _typed: str) -> list[str]:
    """What is known to differ."""
    with _ledger(context) as ledger:
        return list(dict.fromkeys(row.difference.name for row in ledger.differences.standing()))


def refused_events(context: Any, _typed: str) -> list[str]:
    """Events that a hook refuses."""
    with _ledger(context) as ledger:
        return list(dict.fromkeys(one.id for one in ledger.outbox.blocked()))


@contextmanager
def _ledger(context: Any) -> Iterator[Ledger]:
    """The ledger that the line would use, for reading; an empty one where there is none."""
    kept = context.obj if isinstance(context.obj, Globals) else Globals()
    config = kept.config or context.find_root().params.get("config")
    with _within(_PATIENCE_SECONDS):
        loaded = load(config, os.environ)
        with closing(Container(loaded, read_only=True)) as container:
            yield container.ledger


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    # A server that does not answer must not keep the shell.
    def over(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def configurations(_context: Any, typed: str) -> list[str]:
    """The configurations where this program looks for them; with the first letter, any file."""
    if typed:
        return []
    files = list(places(os.environ))
    with suppress(ConfigError):
        folder = folder_of_shops(None, os.environ, Path.cwd(), every=True)
        files += [shop.path for shop in shops_in(folder)]
    return [str(one) for one in files if one.is_file()]
