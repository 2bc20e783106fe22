"""Changing single settings of a TOML file in place: comments, order and layout stay."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from veracore_sync.config.example import toml
from veracore_sync.config.lines import lines_of

_VALUE = re.compile(r"""(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#]+)(?P<rest>.*)""")


class NotEditable(Exception):
    """The text is laid out in a way in which a setting cannot be changed safely; names it."""


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """The text with these values.

    Args:
        text: Valid TOML.
        changes: By ``"section.key"``; `None` takes the setting out.

    Raises:
        NotEditable: What came out would not be the same file with these changes.
    """
    wanted = tomllib.loads(text)
    for key, value in changes.items():
        section, name = key.split(".")
        text = _changed(text, section, name, value)
        table = wanted.setdefault(section, {})
        if not isinstance(table, dict):
            raise NotEditable(key)
        table.pop(name, None)
        if value is not None:
            table[name] = value
        if _read(text) != {**wanted, section: table}:
            raise NotEditable(key)
    return text


def _changed(text: str, section: str, name: str, value: Any) -> str:
    lines = text.splitlines(keepends=True)
    known = lines_of(text)
    at = known.get((section, name))
    if at is not None and value is None:
        # Not commented out: what stood there may be a secret.
        del lines[at - 1]
    elif at is not None:
        lines[at - 1] = _with_value(lines[at - 1], value)
    elif value is not None:
        _add(lines, section, f"{name} = {toml(value)}\n", known.get((section,)))
    return "".join(lines)


def _with_value(line: str, value: Any) -> str:
    """The line with another value; what follows the value stays."""
    before, equals, after = line.partition("=")
    said = _VALUE.match(after.strip())
    rest = said["rest"].rstrip() if said else ""
    end = "\r\n" if line.endswith("\r\n") else "\n"
    return f"{before}{equals} {toml(value)}{rest}{end}"


def _add(lines: list[str], section: str, new: str, header: int | None) -> None:
    """In place of its commented line in the section, else below the section's header."""
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if header is None or not lines[header - 1].lstrip().startswith("["):
        lines += [] if not lines or not lines[-1].strip() else ["\n"]
        lines += [f"[{section}]\n", new]
        return
    name = new.partition(" ")[0].removesuffix("_file")
    commented = re.compile(rf"#\s*{re.escape(name)}(_file)?\s*=")
    for number in range(header, len(lines)):
        if lines[number].lstrip().startswith("["):
            break
        if commented.match(lines[number].lstrip()):
            lines[number] = new
            return
    lines.insert(header, new)


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except ValueError:
        return None
