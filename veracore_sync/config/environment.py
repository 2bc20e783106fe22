"""The environment: the well-known names, and ``VERACORE_SYNC_<SECTION>__<KEY>`` for every key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo

from veracore_sync.config.file import VARIABLE
from veracore_sync.config.given import Findings, Given, Layer, bare, is_secret, keys
from veracore_sync.config.types import closest

PREFIX = "VERACORE_SYNC_"
TEST_PREFIX = "VERACORE_SYNC_TEST_"
SHORT_NAMES: Mapping[str, str] = {
    "vendure.admin_api_url": "VENDURE_ADMIN_API_URL",
    "vendure.username": "VENDURE_USERNAME",
    "vendure.password": "VENDURE_PASSWORD",
    "vendure.api_key": "VENDURE_API_KEY",
    "veracore.api_url": "VERACORE_API_URL",
    "veracore.client_id": "VERACORE_CLIENT_ID",
    "veracore.client_secret": "VERACORE_CLIENT_SECRET",
    "veracore.company_id": "VERACORE_COMPANY_ID",
    "webhooks.secret": "VERACORE_WEBHOOK_SECRET",
}
_INJECTED = (
    # Each name with what its value has to be: VERACORE_SYNC_PORT=8080 was written by a person.
    (r"(\w+_)?SERVICE_HOST", r"[\w.:-]+"),
    (r"(\w+_)?SERVICE_PORT(_\w+)?", r"\d+"),
    (r"(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?", r"(tcp|udp|sctp)://\S+"),
    (r"(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)", r"[\w.:-]+"),
)
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


def names_of(key: str) -> list[str]:
    """The variables that set this ``"section.key"``, the well-known one first."""
    long = PREFIX + key.replace(".", "__").upper()
    return [SHORT_NAMES[key], long] if key in SHORT_NAMES else [long]


def read(environ: Mapping[str, str], findings: Findings) -> Layer:
    """What the environment gives, by ``"section.key"`` and, for ``…_FILE``, ``"section.key_file"``.

    An empty variable counts as unset. The long name wins over the well-known one.
    """
    given = {name: value for name, value in environ.items() if value.strip()}
    layer: Layer = {}
    known: set[str] = set()
    for key, info in keys().items():
        for name in names_of(key):
            known.update((name, f"{name}_FILE") if is_secret(info) else (name,))
            _take(name, key, info, given, layer, findings)
    for name in sorted(given):
        if not _stray(name, known):
            continue
        if "__" in name.removeprefix(PREFIX):
            findings.problems.append(_unknown(name, known))
        elif not _is_injected(name, given[name]):
            findings.warnings.append(_ignored(name, known))
    return layer


def _take(
    name: str,
    key: str,
    info: FieldInfo,
    given: Mapping[str, str],
    layer: Layer,
    findings: Findings,
) -> None:
    in_file = f"{name}_FILE" if is_secret(info) else ""
    if name in given and in_file in given:
        findings.problems.append(
            f"{key} (environment): {name} and {in_file} are both set; keep one of the two"
        )
    if in_file in given:
        layer.pop(key, None)
        layer[f"{key}_file"] = Given(given[in_file], f"environment {in_file}")
    elif name in given:
        layer.pop(f"{key}_file", None)
        _add(layer, key, info, Given(given[name], f"environment {name}"), findings)


def _add(layer: Layer, key: str, info: FieldInfo, given: Given, findings: Findings) -> None:
    try:
        layer[key] = Given(_converted(given.value, info), given.origin)
    except ValueError as error:
        findings.problems.append(f"{key} ({given.origin}): {error}")


def _converted(text: str, info: FieldInfo) -> Any:
    """The text as the kind that the field wants; left as it is where that fails."""
    kind = bare(info.annotation)
    if kind is dict:
        return _json(text, dict, 'must be a JSON object, such as {"MAIN": "1"}')
    if kind is tuple:
        return _list(text, info)
    if kind is bool and text.strip().lower() in _TRUE | _FALSE:
        return text.strip().lower() in _TRUE
    if kind in (int, float):
        return _number(text, kind)
    return text if is_secret(info) else text.strip()


def _number(text: str, kind: type[int] | type[float]) -> int | float | str:
    try:
        return kind(text)
    except ValueError:
        return text


def _list(text: str, info: FieldInfo) -> Any:
    if text.lstrip().startswith("["):
        return _json(text, list, 'must be a JSON list, such as ["a", "b"]')
    if info.json_schema_extra == {"environment": "text"}:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(text: str, kind: type[Any], right: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats)
    except _Repeated as error:
        raise ValueError(f'names "{error}" twice; keep one') from None
    except (ValueError, RecursionError):
        raise ValueError(right) from None
    if not isinstance(value, kind):
        raise ValueError(right)
    return value


class _Repeated(Exception):
    """A JSON object names a key twice."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen = [name for name, _ in pairs]
        raise _Repeated(next(name for name in seen if seen.count(name) > 1))
    return table


def _stray(name: str, known: set[str]) -> bool:
    if not name.startswith(PREFIX) or name == VARIABLE or name.startswith(TEST_PREFIX):
        return False
    return name not in known


def _is_injected(name: str, value: str) -> bool:
    """Whether it is what Kubernetes and Docker give every container beside a service `name`.

    For a Service called veracore-sync that is ``VERACORE_SYNC_PORT=tcp://10.0.0.7:8080`` and more.
    """
    rest = name.removeprefix(PREFIX)
    return any(
        re.fullmatch(pattern, rest) and re.fullmatch(wanted, value.strip())
        for pattern, wanted in _INJECTED
    )


def _ignored(name: str, known: set[str]) -> str:
    """The warning for a name without two underscores, which another program may have set."""
    # Compared without the prefix, which would make every name look like every other.
    names = (one for one in (VARIABLE, *known) if one.startswith(PREFIX))
    near = closest(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in names])
    near = near.replace('"', f'"{PREFIX}', 1)
    return f"environment {name}: is not a setting and is ignored{near or '; unset it'}"


def _unknown(name: str, known: set[str]) -> str:
    table = next((one for one in sorted(known) if name.startswith(f"{one}__")), None)
    if table:
        return f"environment {name}: is not a setting; a table is JSON in {table} as a whole"
    long_names = [one for one in known if one.startswith(PREFIX)]
    near = closest(name, long_names)
    return f"environment {name}: is not a setting{near or '; docs/configuration.md lists them all'}"
