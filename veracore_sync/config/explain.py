"""From a failed validation to sentences that a merchant can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from veracore_sync.config.given import Layer, is_masked, keys, sections
from veracore_sync.config.orders import FreightSettings
from veracore_sync.config.secrets import secret_keys
from veracore_sync.config.types import closest
from veracore_sync.domain.lazy_pattern import lazy_pattern

_RIGHT: Mapping[str, str] = {
    "bool_type": "must be true or false, without quotes",
    "dict_type": "must be a table",
    "finite_number": "must be a finite number",
    "float_type": "must be a number, without quotes",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number, without quotes",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a table",
    "string_type": "must be text in quotes",
    "string_unicode": "must be plain text",
    "tuple_type": 'must be a list, such as ["a", "b"]',
    "value_error": "{error}",
}
_ALL = "; docs/configuration.md lists them all"
_MOST_SHOWN = 60
_NAME = lazy_pattern(r"[A-Za-z0-9_-]+")


def sentences(error: ValidationError, layer: Layer) -> Iterator[str]:
    """One sentence for each fault: key, origin, what is wrong, what would be right.

    Args:
        error: What pydantic found in the merged settings.
        layer: The values that were given, for their origins.
    """
    for detail in error.errors(include_url=False):
        yield _sentence(detail, layer)


def _sentence(detail: ErrorDetails, layer: Layer) -> str:
    place = [part for part in detail["loc"] if part != "[key]"]
    key = ".".join(map(str, place[:2]))
    if detail["type"] == "extra_forbidden":
        return f"{dotted(place)} ({_origin(key, layer)}): {unknown(place)}"
    shown = _shown(detail["input"], key) if detail["loc"][-1] != "[key]" else ""
    return f"{dotted(place)}{shown} ({_origin(key, layer)}): {_wrong(detail)}"


def dotted(place: list[Any]) -> str:
    """The path as it would be written in TOML: names that need quotes have them."""
    parts = (str(part) for part in place)
    return ".".join(
        part if _NAME.fullmatch(part) else json.dumps(part, ensure_ascii=False) for part in parts
    )


def _origin(key: str, layer: Layer) -> str:
    """Where the key came from; of a whole section, the places its keys came from."""
    if key in layer:
        return layer[key].origin
    inside = (given.origin for name, given in layer.items() if name.startswith(f"{key}."))
    return ", ".join(dict.fromkeys(inside)) or "default"


def _shown(value: Any, key: str) -> str:
    info = keys().get(key)
    if info is None or is_masked(info) or key.endswith(("url", "command")):
        return ""
    if not isinstance(value, str | int | float | date | time):
        return ""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        return ""
    return f" = {text}" if len(text) <= _MOST_SHOWN else f" = {text[:_MOST_SHOWN]}…"


def _wrong(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "literal_error":
        return _choice(detail["input"], context["expected"])
    return _RIGHT[detail["type"]].format(**context)


def _choice(value: Any, expected: str) -> str:
    names = re.findall(r"'([^']*)'", expected)
    right = "must be " + expected.replace("'", '"')
    return right + (closest(value, names) if isinstance(value, str) else "")


def unknown(place: list[Any]) -> str:
    """Why the section (one part) or key (more) cannot be, and what may have been meant."""
    name = str(place[-1])
    if len(place) == 1:
        return "there is no such section" + (_home(name) or closest(name, sections()) or _ALL)
    if len(place) == 2:
        known = _keys_in(str(place[0]))
        # A key without its first words (`url`) is near to none, and may be another section's.
        whole = next((key for key in known if key.endswith(f"_{name}")), name)
        return "there is no such key" + (closest(whole, known) or _home(name) or _ALL)
    return "there is no such key" + (closest(name, FreightSettings.model_fields) or _ALL)


def _keys_in(section: str) -> list[str]:
    inside = [key for key in keys() if key.startswith(f"{section}.")]
    files = [f"{key}_file" for key in inside if key in secret_keys()]
    return [key.split(".", 1)[1] for key in inside + files]


def _home(name: str) -> str:
    home = next((section for section in sections() if name in _keys_in(section)), None)
    return f"; it belongs in [{home}]" if home else ""
