"""The example configuration, written from the schema: ``config.example.toml``, and for ``init``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from veracore_sync.config.given import bare, is_secret, keys, sections
from veracore_sync.config.section import Section
from veracore_sync.config.types import Buffer

_BARE = re.compile(r"[a-z_-]+")
_HEAD = """\
# veracore-sync: every setting, with its default unless marked as an example.
# Remove the "# " in front of what you change. docs/configuration.md has the details.
# This file may hold secrets: keep it private (chmod 600), or use the *_file forms.
"""


def example(in_force: Mapping[str, Any] | None = None) -> str:
    """The example as TOML: every setting in a commented line, under its meaning.

    Args:
        in_force: Values by ``"section.key"`` that are set, each in the place of its commented
            line; a ``…_file`` takes the line of its secret.

    Raises:
        KeyError: One of them is no setting.
    """
    left = dict(in_force or {})
    lines = [_HEAD.rstrip()]
    for section, model in sections().items():
        lines += ["", f"[{section}]"]
        for name, info in model.model_fields.items():
            lines += _setting(section, name, info, left)
    if left:
        raise KeyError(next(iter(left)))
    return "\n".join(lines) + "\n"


def default_of(key: str) -> Any:
    """The default of this ``"section.key"``."""
    return keys()[key].get_default(call_default_factory=True)


def has_tables(info: FieldInfo) -> bool:
    """Whether the setting has a table of its own for each entry, as ``[orders.freight.…]``."""
    inner = get_args(info.annotation)
    return len(inner) == 2 and isinstance(inner[1], type) and issubclass(inner[1], Section)


def toml(value: Any) -> str:
    """A value as TOML writes it, on one line; a secret is never written."""
    if isinstance(value, Mapping):
        pairs = (f"{_name(name)} = {toml(one)}" for name, one in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Buffer):
        return toml(str(value)) if value.percent else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Path):
        return toml(str(value))
    if isinstance(value, SecretStr):
        return '""'
    # JSON's strings are TOML's, but for this one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")


def _setting(section: str, name: str, info: FieldInfo, in_force: dict[str, Any]) -> Iterator[str]:
    yield f"# {_meaning(name, info)}"
    for written in (name, f"{name}_file"):
        if f"{section}.{written}" in in_force:
            yield f"{written} = {toml(in_force.pop(f'{section}.{written}'))}"
            return
    value = info.examples[0] if info.examples else default_of(f"{section}.{name}")
    if has_tables(info):
        yield from _tables(f"{section}.{name}", value)
    else:
        yield f"# {name} = {toml(value)}"


def _meaning(name: str, info: FieldInfo) -> str:
    """The description as a comment, with what the line below it is."""
    meaning = str(info.description).removesuffix(".").replace("`", "")
    if is_secret(info) and bare(info.annotation) is not tuple:
        meaning += f"; better: {name}_file"
    if get_origin(info.annotation) is Literal:
        meaning += f"; one of {', '.join(map(toml, get_args(info.annotation)))}"
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "needed" in extra:
        meaning += f"; {extra['needed']}"
    return f"{meaning} (an example)" if info.examples else meaning


def _tables(place: str, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, table in tables.items():
        yield f"# [{place}.{_name(name)}]"
        for key, value in table.items():
            yield f"# {key} = {toml(value)}"


def _name(name: str) -> str:
    """A key of TOML; SKUs and warehouse names are quoted, as most of them have to be."""
    return name if _BARE.fullmatch(name) else toml(name)
