"""The types in `soap_types.txt`: what the service description says, and the order of answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("soap_types.txt")
_FIELD = re.compile(r"(\w+)(?::(?:(\w+)(\?)?|\[(\w+)\]|\(([\w|]+)\)))?")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type.

    Attributes:
        name: Its element.
        type: A type of XML Schema, or the name of a `SoapType`.
        required: Whether the description asks for it.
        nillable: Whether it may be there without a value.
        is_list: Whether it holds elements of that type, each by the name of the type.
        choices: The only texts it may have; empty: any.
    """

    name: str
    type: str = "string"
    required: bool = False
    nillable: bool = False
    is_list: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SoapType:
    """A complex type; its own fields follow those of `base`."""

    name: str
    base: str | None
    fields: tuple[Field, ...]


@cache
def types() -> dict[str, SoapType]:
    """Every type by its name, in the order of the file."""
    return {one.name: one for one in _parse(_FILE.read_text("utf-8"))}


def operations() -> list[str]:
    """The names of the operations: a type of that name is asked, another one answers."""
    return [name for name in types() if f"{name}Response" in types()]


def field_names(type_name: str) -> list[str]:
    """The names of a type's own fields, in the order of the schema."""
    return [field.name for field in types()[type_name].fields]


def _parse(text: str) -> Iterator[SoapType]:
    blocks = re.sub(r"^#.*$", "", text, flags=re.MULTILINE).split("\n\n")
    names = {block.split()[0] for block in blocks if block.strip()}
    for block in blocks:
        title, _, body = block.strip().partition("\n")
        if title:
            name, _, base = title.partition(" < ")
            yield SoapType(name, base or None, tuple(_field(word, names) for word in body.split()))


def _field(word: str, names: set[str]) -> Field:
    found = _FIELD.fullmatch(word)
    if found is None:
        raise ValueError(f"{word!r} is not a field")
    name, kind, nillable, item, choices = found.groups()
    if item:
        return Field(name, item, is_list=True)
    if choices:
        return Field(name, choices=tuple(choices.split("|")))
    is_simple = kind is not None and kind not in names
    return Field(name, kind or "string", required=is_simple, nillable=bool(nillable))
