"""On which line of the file a setting stands, for the sentences about its faults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from veracore_sync.domain.lazy_pattern import lazy_pattern
from veracore_sync.trusted import read_trusted

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = lazy_pattern(rf"\s*\[\[?\s*({_KEY})\s*\]\]?")
_SETTING = lazy_pattern(rf"\s*({_KEY})\s*=")
_LONGEST_VALUE = 2_000
_SENTENCE = lazy_pattern(
    rf"(?P<key>{_KEY})(?P<value> = .*?)? \(file (?P<path>.+?)(?P<rest>, [^()]*)?\): "
)

Place = tuple[str, ...]
"""The parts of a key: ``("orders", "freight", "express", "carrier")``."""


def lines_of(text: str) -> Mapping[Place, int]:
    """The line of each setting and each table of a TOML text, counted from 1.

    Only valid TOML is asked about; a line inside a value of several lines is no setting.
    """
    found: dict[Place, int] = {}
    table: Place = ()
    value: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if value:
            # Inside a value of several lines, until it is whole.
            value.append(line)
            if _is_whole(value):
                value = []
            elif len(value) > _LONGEST_VALUE:
                # Each line of it is parsed again: what stands below has no line then.
                break
            continue
        header = _HEADER.match(line)
        setting = _SETTING.match(line)
        if header and not setting:
            table = _parts(header[1])
            found.setdefault(table, number)
        elif setting:
            place = (*table, *_parts(setting[1]))
            found.setdefault(place, number)
            for inner in range(len(table) + 1, len(place)):
                found.setdefault(place[:inner], number)
            begun = ["value =" + line[setting.end() :]]
            value = [] if _is_whole(begun) else begun
    return found


def with_lines(problems: Iterable[str]) -> tuple[str, ...]:
    """The sentences about faults, each with the line of the file where its setting stands."""
    known: dict[str, Mapping[Place, int]] = {}
    return tuple(_with_line(problem, known) for problem in problems)


def _with_line(problem: str, known: dict[str, Mapping[Place, int]]) -> str:
    said = _SENTENCE.match(problem)
    if said is None:
        return problem
    path = said["path"]
    if path not in known:
        known[path] = _lines_in(Path(path))
    line = _nearest(_parts(said["key"]), known[path])
    if line is None:
        return problem
    return f"{problem[: said.end('path')]}, line {line}{problem[said.end('path') :]}"


def _lines_in(path: Path) -> Mapping[Place, int]:
    try:
        return lines_of(read_trusted(path).raw.decode("utf-8-sig"))
    except (OSError, ValueError):
        return {}


def _nearest(place: Place, lines: Mapping[Place, int]) -> int | None:
    """The line of the key, of its ``…_file`` form, or of the table that holds it."""
    for length in range(len(place), 0, -1):
        shorter = place[:length]
        for candidate in (shorter, (*shorter[:-1], f"{shorter[-1]}_file")):
            if candidate in lines:
                return lines[candidate]
    return None


def _parts(key: str) -> Place:
    found = []
    for part in re.findall(_PART, key):
        if part[0] in "\"'":
            part = str(tomllib.loads(f"value = {part}")["value"])
        found.append(part)
    return tuple(found)


def _is_whole(lines: list[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return False
    return True
