"""Values that a shell completes: names from the ledger and words of this program.

What a parameter takes is known by its metavar: every ORDER is completed alike.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.help_page import name_of

if TYPE_CHECKING:
    from veracore_sync.ports.ledger import Ledger

_MOST = 50
_PATIENCE_SECONDS = 3.0
_PLAIN = re.compile(r"[\w.,@%+/=-]+")
_STATES: Mapping[str, Sequence[str]] = {
    "retry": ("failed", "parked", "in_doubt"),
    "resolve": ("conflict", "in_doubt", "parked", "cancelled", "synced"),
    "cancel": ("synced", "pending", "failed", "parked", "in_doubt"),
}
"""The orders that a command is about; the others are about any."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A value that a shell offers, as typer expects it."""

    value: str
    help: str = ""
    type: str = "plain"


Complete = Callable[[Any, str], Iterable[str]]
"""What a value may be, from the context and what was typed of it."""


def add_values(command: Any) -> None:
    """Let a shell complete the values of a command's parameters, and of those inside it."""
    for param in command.params:
        own = next((_OPTIONS[one] for one in param.opts if one in _OPTIONS), None)
        complete = own or VALUES.get(str(param.metavar))
        if complete is not None:
            param.shell_complete = partial(_offer, complete)
    for inside in getattr(command, "commands", {}).values():
        add_values(inside)


def _offer(complete: Complete, context: Any, typed: str) -> list[Completion]:
    try:
        found = list(complete(context, typed))
    except Exception:  # noqa: BLE001 - a shell that completes has no place for an error
        return []
    # What a shell would read as more than one word, or as anything but a word, is left out.
    return [Completion(one) for one in found if one.startswith(typed) and _PLAIN.fullmatch(one)]


# ---- from the ledger ----------------------------------------------------------------------------


def _orders(context: Any, typed: str) -> list[str]:
    with _ledger(context) as ledger:
        return ledger.reporting.codes_beginning(typed, _STATES.get(name_of(context), ()), _MOST)


def _skus(context: Any, typed: str) -> list[str]:
    with _ledger(context) as ledger:
        return ledger.reporting.skus_beginning(typed, _MOST)


def _differing(context: Any, _typed: str) -> list[str]:
    with _ledger(context) as ledger:
        return list(dict.fromkeys(row.difference.name for row in ledger.differences.standing()))


def _refused_events(context: Any, _typed: str) -> list[str]:
    with _ledger(context) as ledger:
        return list(dict.fromkeys(one.id for one in ledger.outbox.blocked()))


@contextmanager
def _ledger(context: Any) -> Iterator[Ledger]:
    """The ledger that the line would use, for reading; an empty one where there is none."""
    from veracore_sync.composition.container import Container
    from veracore_sync.config import load

    kept = context.obj if isinstance(context.obj, Globals) else Globals()
    config = kept.config or context.find_root().params.get("config")
    with _within(_PATIENCE_SECONDS):
        loaded = load(config, os.environ, flags={}, secrets_used=frozenset({"ledger.password"}))
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


# ---- words --------------------------------------------------------------------------------------


def _types(_context: Any, typed: str) -> Iterator[str]:
    from veracore_sync.domain.differences import DifferenceType

    *named, _ = typed.split(",")
    before = "".join(f"{one}," for one in named)
    return (f"{before}{one}" for one in DifferenceType if str(one) not in named)


def _classes(_context: Any, _typed: str) -> Iterator[str]:
    from veracore_sync.domain.errors import Category

    return map(str, Category)


def _configurations(_context: Any, typed: str) -> list[str]:
    """The configurations where this program looks for them; with the first letter, any file."""
    if typed:
        return []
    from veracore_sync.config.file import places
    from veracore_sync.config.shops import folder_of_shops, shops_in
    from veracore_sync.domain.errors import ConfigError

    files = list(places(os.environ))
    with suppress(ConfigError):
        folder = folder_of_shops(None, os.environ, Path.cwd(), every=True)
        files += [shop.path for shop in shops_in(folder)]
    return [str(one) for one in files if one.is_file()]


def _words(*words: str) -> Complete:
    return lambda _context, _typed: words


VALUES: Mapping[str, Complete] = {
    "CODE": _orders,
    "ORDER": _orders,
    "SKU": _skus,
    "NAME": _differing,
    "EVENT_ID": _refused_events,
    "TYPE[,TYPE]": _types,
    "CLASS": _classes,
    "UPSTREAM": _words("vendure", "veracore"),
    "LEVEL": _words("debug", "info", "warning", "error"),
    "FORMAT": _words("text", "json"),
}
"""By metavar. Without an entry the shell completes files."""
_OPTIONS: Mapping[str, Complete] = {"--config": _configurations}
"""What an option takes that has the metavar of others."""
