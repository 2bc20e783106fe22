"""The settings as ``config show`` lists them: every key, its value without secrets, its origin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from veracore_sync.config.address import without_password
from veracore_sync.config.explain import dotted
from veracore_sync.config.given import is_masked, keys
from veracore_sync.config.load import Loaded
from veracore_sync.config.order_hooks import identity
from veracore_sync.config.schema import Settings
from veracore_sync.config.section import Section

MASK = "********"
UNSET = "(not set)"


class SettingRow(NamedTuple):
    """A line of ``config show``.

    Args:
        key: As in TOML, with its section.
        value: As text, a secret as eight asterisks.
        origin: Where it came from.
    """

    key: str
    value: str
    origin: str


def rows(loaded: Loaded) -> list[SettingRow]:
    """A row for every key; a table has one for each entry."""
    return [
        SettingRow(dotted(place), value, loaded.origins[key])
        for key, info in keys().items()
        for place, value in _values(key, info, loaded.settings)
    ]


def _values(key: str, info: FieldInfo, settings: Settings) -> Iterator[tuple[list[str], str]]:
    section, name = key.split(".")
    value = getattr(getattr(settings, section), name)
    special = _special(key, settings)
    if is_masked(info):
        yield [section, name], MASK if _is_set(value) else UNSET
    elif special:
        yield [section, name], special
    elif isinstance(value, Mapping) and value:
        yield from _entries([section, name], value)
    else:
        yield [section, name], _text(value)


def _entries(place: list[str], table: Mapping[str, Any]) -> Iterator[tuple[list[str], str]]:
    for name, value in table.items():
        if isinstance(value, Section):
            value = value.model_dump(exclude_unset=True)
        if isinstance(value, Mapping):
            yield from _entries([*place, name], value)
        else:
            yield [*place, name], _text(value)


def _special(key: str, settings: Settings) -> str:
    veracore = settings.veracore
    if key == "veracore.api":
        return f"{veracore.api} → {veracore.dialect} ({veracore.dialect_reason})"
    if key == "ledger.url":
        return without_password(settings.ledger.url)
    if key == "veracore.face":
        return veracore.service_note
    if key == "tracking.timezone" and not settings.tracking.timezone:
        return f"{veracore.timezone} (as veracore.timezone)"
    if key == "orders.hooks" and settings.orders.hooks:
        return ", ".join(identity(settings.orders.hooks))
    if key == "orders.not_before" and settings.orders.not_before is None:
        return "(when the ledger was created)"
    return ""


def _is_set(value: Any) -> bool:
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path | int):
        return str(value)
    return str(value) if value else UNSET
