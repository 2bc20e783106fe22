"""What is said about a command line that cannot be parsed: what is wrong, and what leads on."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from veracore_sync.cli.commands import COMMANDS
from veracore_sync.cli.entries import SUBCOMMANDS
from veracore_sync.cli.help_page import PROGRAM, name_of, page_of, text_of, width_here
from veracore_sync.cli.journal import ERROR
from veracore_sync.cli.output import error_document, error_lines, print_json, warn
from veracore_sync.domain.advice import typed
from veracore_sync.domain.errors import UsageError

_MEANT: Mapping[str, str] = {
    "backups": "ledger backup",
    "completion": "--install-completion",
    "credentials": "doctor",
    "export": "ledger export",
    "health": "stats --check",
    "help": "--help",
    "import": "ledger rebuild",
    "inventory": "sync-inventory",
    "list": "stats",
    "man": "--help",
    "orders": "sync-orders",
    "products": "sync-inventory",
    "returns": "sync-returns",
    "run": "sync-orders",
    "send": "sync-orders",
    "serve": "serve-webhooks",
    "settings": "config show",
    "setup": "init",
    "shipments": "sync-tracking",
    "simulator": "sandbox",
    "status": "stats",
    "stock": "sync-inventory",
    "sync": "sync-orders",
    "systemd": "timers",
    "test": "doctor",
    "tracking": "sync-tracking",
    "verify": "doctor",
    "version": "--version",
    "watch": "stats --watch",
    "webhooks": "serve-webhooks",
}
"""Commands that other tools have, and what they are called here."""
_NO_ARGUMENTS = "NoArgsIsHelpError"
_NO_COMMAND = re.compile(r"No such command '(.*)'\.")
_TOO_MANY = re.compile(r"Got unexpected extra argument\(s\) \((.*)\)")
_PARSER_WORDS = (
    (re.compile(r"Value error, "), ""),
    (re.compile(r"Input should be "), "it must be "),
    (re.compile(r", unable to parse.*"), ""),
    (re.compile(r"(?<=integer) range"), ""),
    (re.compile(r"does not match the formats '%Y-%m-%d'"), "is no day such as 2026-01-31"),
)
"""What the parser says, in words for people."""


def explain(error: Any) -> None:
    """Let an error of typer's parser say what is wrong with the line, and what leads on.

    A group without a command shows its help.
    """
    context = getattr(error, "ctx", None)
    if type(error).__name__ == _NO_ARGUMENTS:
        error.show = lambda: sys.stderr.write(text_of(page_of(context), width_here()))
        return
    message, hint = explained(error, name_of(context) if context is not None else _typed())
    error.format_message = lambda: message
    error.show = lambda: _show(UsageError(message, hint=hint))


def _show(failure: UsageError) -> None:
    if "--json" in sys.argv[1:]:
        print_json({"error": error_document(failure)})
        return
    for line in error_lines(failure):
        warn(line, ERROR)


def explained(error: Any, name: str) -> tuple[str, str]:
    """What is wrong with the command line, and what to do.

    Args:
        error: Of typer's parser.
        name: The full name of the command whose part of the line is wrong; empty for the program.
    """
    help_line = f"see `{_line(name, '--help')}`"
    unknown = getattr(error, "option_name", None)
    if unknown is not None and hasattr(error, "possibilities"):
        return _no_option(unknown, error.possibilities or (), name), help_line
    said = error.message
    found = _NO_COMMAND.match(said)
    if found is not None:
        return _no_command(found[1], name), help_line
    found = _TOO_MANY.match(said)
    if found is not None:
        return _too_many(found[1], error.ctx.command), help_line
    message = str(error.format_message()).rstrip(".")
    for pattern, words in _PARSER_WORDS:
        message = pattern.sub(words, message)
    return message[:1].lower() + message[1:], help_line


def _typed() -> str:
    """The command that was typed, where the parser does not say which one it was about."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    pairs = [" ".join(pair) for pair in pairwise(words)]
    known = [one for one in pairs if one in SUBCOMMANDS] + [one for one in words if one in COMMANDS]
    return known[0] if known else ""


def _no_option(option: str, near: Iterable[str], name: str) -> str:
    where = f"of `{_line(name)}`" if name else "before a command"
    best = get_close_matches(option, near, n=1, cutoff=0.0)
    if best:
        return f"no such option {where}: {option}; did you mean {best[0]}?"
    if not name:
        return f"no such option {where}: {option}; a command's own options go behind its name"
    return f"no such option {where}: {option}"


def _no_command(word: str, name: str) -> str:
    known = [one.removeprefix(f"{name} ") for one in SUBCOMMANDS if one.startswith(f"{name} ")]
    meant = _near(word, known) if name else _near(word, COMMANDS) or _elsewhere(word)
    text = f"no such command: {name} {word}" if name else f"no such command: {word}"
    return f"{text}; did you mean `{_line(name, meant)}`?" if meant else text


def _too_many(words: str, command: Any) -> str:
    options = {option for one in command.params for option in one.opts}
    naming = next((one for one in ("--order", "--sku") if one in options), "")
    text = f"unexpected argument: {words}"
    if not naming:
        return text
    # The parser joins them; each has to be typed as a shell reads it.
    meant = " ".join(typed(f"{naming} NAME", NAME=one) for one in _together(words))
    return f"{text}; did you mean {meant}?"


def _together(words: str) -> list[str]:
    """The words of the command line that are these with blanks between."""
    given = [one for one in sys.argv[1:] if not one.startswith("-")]
    ends = range(1, len(given) + 1)
    runs = (given[begin:end] for end in ends for begin in range(end))
    return next((run for run in runs if " ".join(run) == words), [words])


def _elsewhere(word: str) -> str:
    """What is meant by the name of a command inside a group, or of another tool."""
    inside = {one.split()[-1]: one for one in SUBCOMMANDS}
    known = {**inside, **_MEANT}
    near = _near(word, known)
    return known[near] if near else ""


def _near(word: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)), "")


def _line(*words: str) -> str:
    return " ".join((PROGRAM, *filter(None, words)))
