"""The model's frozen dataclasses as JSON values, and back, with every type checked.

Messages name a field, never what it holds.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class WrongType(Exception):
    """A field holds something of another type; the message names the field."""


def encode(value: Any, kind: Any, place: str) -> Any:
    """A value of that type as JSON values.

    Raises:
        WrongType: It is of another type.
    """
    inner = _without_none(kind)
    if inner is not kind:
        return None if value is None else encode(value, inner, place)
    origin = get_origin(kind)
    if origin is tuple:
        _must_be(value, tuple, place)
        (each, _) = get_args(kind)
        return [encode(one, each, f"{place}[{n}]") for n, one in enumerate(value)]
    if origin is Mapping or kind is Mapping:
        _must_be(value, Mapping, place)
        return {_text(name, place): _text(one, f"{place}.{name}") for name, one in value.items()}
    if is_dataclass(kind):
        _must_be(value, cast(type, kind), place)
        return {
            name: encode(getattr(value, name), one, f"{place}.{name}")
            for name, one in _hints(cast(type, kind)).items()
        }
    _must_be(value, kind, place)
    if kind in (datetime, date):
        return value.isoformat()
    return str(value) if kind is Decimal else value


def decode(value: Any, kind: type[T], place: str) -> T:
    """The value of that type that `encode` wrote.

    Raises:
        WrongType: It is not one.
    """
    return cast(T, _decode(value, kind, place))


def _decode(value: Any, kind: Any, place: str) -> Any:
    inner = _without_none(kind)
    if inner is not kind:
        return None if value is None else _decode(value, inner, place)
    origin = get_origin(kind)
    if origin is tuple:
        _must_be(value, list, place)
        (each, _) = get_args(kind)
        return tuple(_decode(one, each, f"{place}[{n}]") for n, one in enumerate(value))
    if origin is Mapping or kind is Mapping:
        _must_be(value, dict, place)
        return {name: _text(one, f"{place}.{name}") for name, one in value.items()}
    if is_dataclass(kind):
        _must_be(value, dict, place)
        hints = _hints(cast(type, kind))
        if value.keys() != hints.keys():
            raise WrongType(f"{place} has other fields")
        made = {name: _decode(value[name], one, f"{place}.{name}") for name, one in hints.items()}
        return cast(Any, kind)(**made)
    if kind in (datetime, date, Decimal):
        return _parsed(_text(value, place), kind, place)
    _must_be(value, kind, place)
    return value


def _parsed(text: str, kind: Any, place: str) -> Any:
    try:
        value = Decimal(text) if kind is Decimal else kind.fromisoformat(text)
    except (ValueError, InvalidOperation):
        raise WrongType(f"{place} is not of the type {kind.__name__}") from None
    if kind is Decimal and not value.is_finite():
        raise WrongType(f"{place} is no number")
    return value


def _text(value: Any, place: str) -> str:
    _must_be(value, str, place)
    return cast(str, value)


def _must_be(value: Any, kind: type, place: str) -> None:
    # A bool is an int, and a datetime a date, only to Python.
    other = {int: bool, date: datetime}.get(kind)
    if not isinstance(value, kind) or (other is not None and isinstance(value, other)):
        raise WrongType(f"{place} is not of the type {kind.__name__}")


def _without_none(kind: Any) -> Any:
    """The type behind ``| None``; else the type itself."""
    if get_origin(kind) in (Union, types.UnionType):
        (inner,) = (one for one in get_args(kind) if one is not type(None))
        return inner
    return kind


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}
