"""The help of a command as data, and as text of any width; the man pages are made from the same."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from veracore_sync.cli.commands import COMMANDS, entry_of
from veracore_sync.cli.entries import GROUPS
from veracore_sync.cli.exit_words import EXIT_WORDS, OF_EVERY_COMMAND

PROGRAM = "veracore-sync"
SHARED = "Options of every command, before or after its name"
_NARROWEST, _WIDEST = 40, 100
_OFF_TERMINAL = 80
_MAX_COLUMN = 28
_MIN_TEXT = 40
_INDENT = "  "

Terms = tuple[tuple[str, str], ...]
"""What is listed, each with its text."""


@dataclass(frozen=True, slots=True)
class HelpPage:
    """The help of one command, or of the program.

    Args:
        name: The command's full name; empty for the program.
        usage: Its line, with the program's name.
        summary: The first sentence.
        details: The paragraphs behind it.
        lists: Commands, arguments and options of its own: a heading, and what it lists.
        shared: The options that every command has.
        examples: Command lines with the program's name, and what each does.
        exits: Exit codes that are particular to this command, in words.
        other_exits: Those that it has as every command.
        document: The page about it, from the root of the source.
    """

    name: str
    usage: str
    summary: str
    details: tuple[str, ...]
    lists: tuple[tuple[str, Terms], ...]
    shared: Terms
    examples: Terms
    exits: tuple[tuple[int, str], ...]
    other_exits: tuple[int, ...]
    document: str


def page_of(context: Any) -> HelpPage:
    """The help of the command that a context of typer is about."""
    command, name = context.command, name_of(context)
    entry = entry_of(name)
    exits = (0, *entry.exits)
    summary, *details = _paragraphs(command)
    shown = [one for one in command.params if not one.hidden]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option"]
    # What every command has is handled before the command's function, which does not get it.
    own = [one for one in options if name and one.expose_value]
    lists = [
        *_commands(command, name),
        ("Arguments", tuple((_metavar(one), _text(one)) for one in arguments)),
        ("Options", tuple((_term(one), _text(one)) for one in own)),
    ]
    shared = [(_term(one), _text(one)) for one in options if one not in own]
    if name:
        # In full where the program explains itself.
        shared = [(term, text.partition(". ")[0].rstrip(".") + ".") for term, text in shared]
    return HelpPage(
        name,
        " ".join(_usage(command, name, arguments)),
        summary,
        tuple(details),
        tuple(one for one in lists if one[1]),
        tuple(shared),
        tuple((f"{PROGRAM} {line}", text) for line, text in entry.examples),
        tuple((code, EXIT_WORDS[code]) for code in exits),
        tuple(code for code in OF_EVERY_COMMAND if code not in exits),
        f"docs/{entry.page}",
    )


def name_of(context: Any) -> str:
    """The full name of a context's command; empty for the program."""
    words: list[str] = []
    while context.parent is not None:
        words.insert(0, context.info_name)
        context = context.parent
    return " ".join(words)


def _paragraphs(command: Any) -> list[str]:
    return [" ".join(part.split()) for part in inspect.cleandoc(command.help or "").split("\n\n")]


def _summary(command: Any) -> str:
    return _paragraphs(command)[0]


def _commands(command: Any, name: str) -> Iterator[tuple[str, Terms]]:
    inside = getattr(command, "commands", {})
    if name:
        yield "Commands", tuple((one, _summary(command)) for one, command in inside.items())
        return
    for group in GROUPS:
        yield group, tuple((one, e.summary) for one, e in COMMANDS.items() if e.group == group)


def _usage(command: Any, name: str, arguments: list[Any]) -> Iterator[str]:
    yield PROGRAM
    if name:
        yield name
    if hasattr(command, "commands"):
        yield "[OPTIONS] COMMAND …"
        return
    for one in arguments:
        metavar = f"{_metavar(one)}…" if one.nargs != 1 else _metavar(one)
        yield metavar if one.required else f"[{metavar}]"
    yield "[OPTIONS]"


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _term(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag or option.count else f"{names} {_metavar(option)}"


def _text(param: Any) -> str:
    text = " ".join((param.help or "").split())
    default = param.show_default if isinstance(param.show_default, str) else param.default
    # A default that is in the sentence already, and one that says nothing.
    if default in (None, False, "", "-", 0) or callable(default) or "Default:" in text:
        return text
    return f"{text} Default: {default}."


# ---- as text -----------------------------------------------------------------------------------


def width_here() -> int:
    """The width for help: the terminal's or ``COLUMNS``, else 80; never too wide to read."""
    found = shutil.get_terminal_size((_OFF_TERMINAL, 24)).columns
    return min(max(found, _NARROWEST), _WIDEST)


def text_of(page: HelpPage, width: int) -> str:
    """The page as text; no line is wider than `width`, unless a single word is."""
    lines = [*_wrapped(page.summary, width)]
    for one in page.details:
        lines += ["", *_wrapped(one, width)]
    lines += ["", *_hanging("Usage: ", page.usage, width)]
    longest = max((len(term) for _, terms in page.lists for term, _ in terms), default=0)
    for heading, terms in page.lists:
        lines += ["", f"{heading}:", *_terms(terms, width, longest)]
    if page.examples:
        lines += ["", "Examples:"]
        for line, text in page.examples:
            # A line of a shell stays whole, so that it can be copied.
            lines += [f"{_INDENT}{line}", *_wrapped(text, width, _INDENT * 3)]
    lines += ["", *_wrapped(f"{SHARED}:", width), *_terms(page.shared, width)]
    lines += ["", "Exit codes:", *_terms(tuple((f"{c:>3}", w) for c, w in page.exits), width)]
    if rest := ", ".join(str(code) for code in page.other_exits):
        lines += _wrapped(f"Every command: {rest} (docs/exit-codes.md).", width, _INDENT)
    lines += ["", *_hanging("Docs: ", page.document, width)]
    return "".join(f"{line}\n" for line in lines)


def _terms(terms: Terms, width: int, longest: int = 0) -> Iterator[str]:
    """Two columns, or each text below its term where the second would be too narrow."""
    longest = max(longest, *(len(term) for term, _ in terms))
    column = min(longest, _MAX_COLUMN) + 2 * len(_INDENT)
    if width - column < _MIN_TEXT:
        column = 3 * len(_INDENT)
    for term, text in terms:
        first, *rest = _wrapped(text, width, " " * column) or [""]
        if len(_INDENT + term) + len(_INDENT) > column:
            yield _INDENT + term
            yield first
        else:
            yield f"{_INDENT}{term}".ljust(column) + first[column:]
        yield from rest


def _hanging(head: str, text: str, width: int) -> list[str]:
    return _wrap(text, width, head, " " * len(head))


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return _wrap(text, width, indent, indent)


def _wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    # Paths, options and names stay whole: they are copied.
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
