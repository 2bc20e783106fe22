"""Every command that a message, hint or alert of the program names, as the source has it."""

from __future__ import annotations

import ast
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click
from commands_kit import whole_program

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "veracore_sync"
SHORT = ("domain/kinds.py", "domain/differences.py")
"""Texts of the documents, which name a command without the program."""
_QUOTED = re.compile(r"`([^`]+)`")
_PLACE = re.compile(r"\{[^{}]*\}|\b[A-Z0-9][A-Z0-9_]+\b|…")
_SUDO = re.compile(r"^sudo (-u \S+ )?")


def commands_in(text: str) -> list[str]:
    """The command lines in backticks that begin with the program's name."""
    found = []
    for quoted in _QUOTED.findall(text):
        bare = _SUDO.sub("", quoted)
        if bare.split(" ")[0] == "veracore-sync":
            found.append(bare)
    return found


def shape(command: str) -> str:
    """The command without the program, `X` in each place that is filled in."""
    words = command.removeprefix("veracore-sync").split("&&")[0].strip()
    words = _PLACE.sub("X", re.sub(r"(--config|--log-level) \S+ ", "", words))
    return re.sub(r"(?<= )(/\S+|X-X-X)", "X", words)


@cache
def shapes() -> Mapping[str, list[str]]:
    """Where each stands, by its shape."""
    names = set(whole_program().commands)
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        where = str(path.relative_to(PACKAGE))
        for line, text in _texts(ast.parse(path.read_text())):
            said = commands_in(text)
            if where in SHORT:
                said += [one for one in _QUOTED.findall(text) if one.split(" ")[0] in names]
            for one in said:
                found[shape(one)].append(f"{where}:{line}")
    return found


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each text that is no docstring, an f-string with its braces, and what is a `command`."""
    parts = {id(one) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
             for one in node.values}  # fmt: skip
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in parts or id(node) in docs:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, _text(node)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "command":
            yield node.lineno, f"`veracore-sync {_text(node.args[0])}`"


def _text(node: ast.expr) -> str:
    """What a text says, a name's value being that of a place."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in parts)


def parsed(command: str) -> None:
    """Check that the program knows the command and its options; nothing runs.

    Raises:
        click.UsageError: It does not.
    """
    group: Any = whole_program()
    words = shlex.split(command.split("&&")[0])
    if words[:1] == ["veracore-sync"]:
        words = words[1:]
    with group.make_context("veracore-sync", list(words)) as context:
        left = [*context._protected_args, *context.args]
        while left:
            name, one, left = group.resolve_command(context, left)
            if one is None:
                raise click.UsageError(f"no command {name}")
            if not hasattr(one, "commands"):
                one.make_context(name, left, parent=context).close()
                return
            group, context = one, one.make_context(name, left, parent=context)
            left = [*context._protected_args, *context.args]
