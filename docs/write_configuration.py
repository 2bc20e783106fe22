"""Writes what config.example.toml and docs/configuration.md take from the settings' schema.

    python docs/write_configuration.py

The example is written whole. Of the document, the tables are written; the text around them is
kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from veracore_sync.config import CarrierSettings, FreightSettings
from veracore_sync.config.environment import names_of
from veracore_sync.config.example import default_of, example, toml
from veracore_sync.config.given import is_secret, sections
from veracore_sync.config.secrets import CREDENTIALS
from veracore_sync.config.section import Section
from veracore_sync.config.types import ValueKind

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config.example.toml"
DOCUMENT = ROOT / "docs" / "configuration.md"

KEYS = ("key", "kind", "default", "meaning")
_UNITS = ("minutes", "seconds", "days", "percent")


def main() -> None:
    """Write both files."""
    EXAMPLE.write_text(example(), encoding="utf-8")
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), encoding="utf-8")


def document(text: str) -> str:
    """The document with each of its tables as the schema has it now.

    Raises:
        ValueError: It has no such table.
    """
    for name, model in sections().items():
        text = _replaced(text, f"## [{name}]", (*KEYS, "environment"), _settings(name, model))
    for place, model in (
        ("orders.freight.&lt;shipping method code&gt;", FreightSettings),
        ("tracking.carriers.&lt;carrier&gt;", CarrierSettings),
    ):
        text = _replaced(text, f"### [{place}]", KEYS, _entries(model))
    credentials = ((f"`{name}`", f"`{key}`") for key, name in CREDENTIALS.items())
    return _replaced(text, "Under systemd", ("credential", "key"), credentials)


def _settings(section: str, model: type[Section]) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        key = f"{section}.{name}"
        variables = ", ".join(f"`{one}`" for one in names_of(key))
        default = _default(default_of(key), info)
        yield f"`{name}`", _kind_of(name, info), default, str(info.description), variables


def _entries(model: type[Section]) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        yield f"`{name}`", _kind_of(name, info), _default(info.default, info), str(info.description)


def _replaced(text: str, place: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """The text with these rows in the first table of these columns behind `place`."""
    head = _line(columns)
    table = [head, re.sub(r"[^|]+", " --- ", head), *map(_line, rows)]
    pattern = re.compile(re.escape(f"\n{head}\n") + r"(?:\|.*\n)+")
    begin = text.index(f"\n{place}")
    found = pattern.search(text, begin)
    if found is None:
        raise ValueError(f"{place}: there is no table {head}")
    return text[: found.start()] + "\n" + "\n".join(table) + "\n" + text[found.end() :]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _default(value: Any, info: FieldInfo) -> str:
    if isinstance(value, Path):
        return "see below"
    if is_secret(info) or value in ("", None):
        return "unset"
    return "empty" if value == {} else f"`{toml(value)}`"


def _kind_of(name: str, info: FieldInfo) -> str:
    kind = _kind(info.annotation, info.metadata)
    return _number(name, info.metadata) if kind == "number" else kind


def _kind(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    named = next((one.name for one in metadata if isinstance(one, ValueKind)), None)
    if named:
        return named
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0], annotation.__metadata__)
    if type(None) in inner:
        return _kind(inner[0])
    if origin is Literal:
        return r" \| ".join(f"`{toml(one)}`" for one in inner)
    if origin is tuple:
        return f"list of {_plural(_kind(inner[0]))}"
    if origin is dict:
        return f"table of {_plural(_kind(inner[1]))}"
    if issubclass(annotation, Section):
        return "table"
    return _PLAIN[annotation]


_PLAIN: Mapping[type, str] = {
    bool: "true/false",
    int: "number",
    float: "number",
    str: "text",
    SecretStr: "secret",
}


def _plural(kind: str) -> str:
    return re.sub(
        r"^address\b", "addresses", re.sub(r"^(table|secret|host name|network)\b", r"\1s", kind)
    )


def _number(name: str, metadata: Iterable[Any]) -> str:
    bounds = {
        key: getattr(one, key)
        for one in metadata
        for key in ("gt", "ge", "le")
        if hasattr(one, key)
    }
    unit = name.rpartition("_")[2]
    least = f"above {bounds['gt']}, to" if "gt" in bounds else f"{bounds['ge']} to"
    return f"{unit if unit in _UNITS else 'whole number'}, {least} {bounds['le']}"


if __name__ == "__main__":
    main()
