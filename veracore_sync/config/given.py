"""A given value with its origin, and the problems found while loading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from veracore_sync.config.schema import Settings
from veracore_sync.config.section import Section
from veracore_sync.domain.errors import ConfigError

DEFAULT = "default"
TO_CORRECT = "correct it there; docs/configuration.md explains every setting"
"""What follows the sentences about faults, each of which says what would be right."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given, not yet checked.

    Args:
        value: Text from the environment, or what TOML or JSON made of it.
        origin: Such as ``"environment VERACORE_API_URL"``.
    """

    value: Any = field(repr=False)
    origin: str


@dataclass(slots=True)
class Findings:
    """Problems and warnings found so far.

    Args:
        problems: One sentence each; any of them ends the loading in a `ConfigError`.
        warnings: One sentence for each setting that works but should be fixed.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


Layer = dict[str, Given]
"""Given values by ``"section.key"``."""


def sections() -> Mapping[str, type[Section]]:
    """The model of each section, by its name, in the order of the documentation."""
    return {name: info.annotation for name, info in Settings.model_fields.items()}  # type: ignore[misc]


def keys() -> Mapping[str, FieldInfo]:
    """Every ``"section.key"`` with its field."""
    return {
        f"{section}.{key}": info
        for section, model in sections().items()
        for key, info in model.model_fields.items()
    }


def bare(annotation: Any) -> Any:
    """The kind behind an annotation: without ``Annotated``, ``| None`` and type arguments."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = get_args(annotation)[0]
    if hasattr(annotation, "__metadata__"):
        return bare(get_args(annotation)[0])
    return get_origin(annotation) or annotation


def is_secret(info: FieldInfo) -> bool:
    """Whether the field holds a secret, or a list of them."""
    inner = get_args(info.annotation)[:1] if bare(info.annotation) is tuple else ()
    return SecretStr in (bare(info.annotation), *map(bare, inner))


def is_masked(info: FieldInfo) -> bool:
    """Whether the field's value is never shown."""
    extra = info.json_schema_extra
    return is_secret(info) or (isinstance(extra, dict) and bool(extra.get("masked")))


def located(text: str, base: Path, environ: Mapping[str, str]) -> Path:
    """The path that `text` names: ``~/`` is the home of `environ`, relative is from `base`."""
    home = environ.get("HOME")
    if home and (text == "~" or text.startswith("~/")):
        text = home + text[1:]
    return base / text


def fault(problems: Iterable[str], *, hint: str = TO_CORRECT) -> ConfigError:
    """The error for these problems: with one, its message is that one."""
    found = tuple(problems)
    message = found[0] if len(found) == 1 else f"the configuration has {len(found)} faults"
    return ConfigError(message, hint=hint, problems=found)
