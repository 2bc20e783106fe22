"""A simulator that behaves as a tenant did when it was probed."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from veracore_sync.domain.errors import ConfigError
from veracore_sync.domain.tenant import FORMAT
from veracore_sync.sandbox.behaviour import BadInput, Behaviour

_HINT = "write it again with `veracore-sync probe --out FILE`"
_MOST_BYTES = 64_000_000
# A probe never writes it: the file has no secrets.
_NOT_FROM_A_FILE = "secret"


def read_tenant(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The switches in a probe's file, and why others are not in it.

    Raises:
        ConfigError: It cannot be read, or a key of it is wrong; the message names the key.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} is too large for a probe's file", hint=_HINT)
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}", hint=_HINT) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON", hint=_HINT) from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} is not a probe's file: no JSON object", hint=_HINT)
    if document.get("format") != FORMAT or isinstance(document.get("format"), bool):
        raise ConfigError(f"{path}: format: {FORMAT} is the one that is read here", hint=_HINT)
    behaviour, not_shown = document.get("behaviour"), document.get("notShown")
    if not isinstance(behaviour, dict):
        raise ConfigError(f"{path}: behaviour: an object of switches is needed", hint=_HINT)
    if not isinstance(not_shown, dict) or not _are_texts(not_shown):
        raise ConfigError(f"{path}: notShown: an object of texts is needed", hint=_HINT)
    if _NOT_FROM_A_FILE in behaviour:
        raise ConfigError(f"{path}: behaviour.secret: a probe's file has no secret", hint=_HINT)
    try:
        Behaviour().changed(behaviour)
    except BadInput as error:
        raise ConfigError(f"{path}: behaviour.{error}", hint=_HINT) from error
    return behaviour, not_shown


def told(path: Path, behaviour: dict[str, Any], not_shown: dict[str, str]) -> list[str]:
    """What was taken over, and what keeps its default, as lines for a person."""
    lines = [f"answers as the VeraCore of {path}:"]
    lines += [f"  {name} = {json.dumps(value)}" for name, value in behaviour.items()]
    lines.append("as by default, because the file does not say:")
    for field in fields(Behaviour):
        if field.name not in behaviour and field.name != _NOT_FROM_A_FILE:
            lines.append(f"  {field.name}: {not_shown.get(field.name, 'it is not in the file')}")
    lines.append("not imitated: the shapes, descriptions and headers in the file")
    return lines


def _are_texts(document: dict[str, Any]) -> bool:
    return all(isinstance(one, str) for one in document.values())
