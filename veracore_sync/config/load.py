"""Loading: an option overrides the environment, then file, systemd credential, default."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from veracore_sync.config import environment, explain, file, plain_http, secrets
from veracore_sync.config.given import DEFAULT, Findings, Given, Layer, fault, keys, located
from veracore_sync.config.schema import Settings
from veracore_sync.config.services import default_ledger


@dataclass(frozen=True, slots=True)
class Loaded:
    """Checked settings with their origins.

    Args:
        settings: All settings.
        origins: Where each ``"section.key"`` came from: ``"flag --port"``,
            ``"environment VERACORE_API_URL"``, ``"file /etc/veracore-sync/config.toml"``,
            ``"credential vendure_password"`` or ``"default"``; a table is one key.
        path: The file that was read, if any.
        warnings: One sentence for each setting that works but should be fixed.
        shop: The shop's name in a folder of several; empty if it is the only one.
        unusable: A sentence for each secret that is named and cannot be had, by ``"section.key"``;
            `require` stops the commands that use it, and no other.
    """

    settings: Settings
    origins: Mapping[str, str]
    path: Path | None
    warnings: tuple[str, ...]
    shop: str = ""
    unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flag:
    """A setting given on the command line.

    Args:
        name: Such as ``"--port"``.
        value: Of the kind that the setting has.
    """

    name: str
    value: Any


def load(
    path: Path | None,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    flags: Mapping[str, Flag] | None = None,
    secrets_used: Collection[str] | None = None,
) -> Loaded:
    """Read, merge and check the settings; `require` checks what a command needs.

    Args:
        path: What ``--config`` named; None looks in the usual places.
        environ: The environment.
        cwd: Where relative paths of flags and environment begin; None is the working directory.
        flags: Settings from the command line, by ``"section.key"``.
        secrets_used: The secrets of a process that holds no other, by ``"section.key"``; None is
            every secret.

    Raises:
        ConfigError: `problems` has a sentence for each fault that was found, in all sources.
    """
    here = cwd or Path.cwd()
    findings = Findings()
    found = file.find(path, environ, here, findings)
    layers = [secrets.credentials(environ)]
    if found:
        layers.append(_from_file(found, environ, findings))
    layers.append(_from_environment(environ, here, findings))
    given = {key: Given(flag.value, f"flag {flag.name}") for key, flag in (flags or {}).items()}
    merged: Layer = {}
    for layer in (*layers, given):
        # Each by itself: what another layer overrides was read all the same.
        if secrets_used is not None:
            secrets.withhold(layer, secrets_used, findings)
        merged |= layer
    unusable = secrets.open_files(merged, findings)
    settings = _checked(merged, environ, findings, unusable.values())
    hooks = settings.hooks
    if hooks.url and not hooks.secret.get_secret_value():
        unusable.setdefault(
            "hooks.secret",
            f"hooks.secret: hooks.url ({merged['hooks.url'].origin}) has no secret; the POSTs are "
            "signed, so set hooks.secret",
        )
    origins = {key: merged[key].origin if key in merged else DEFAULT for key in keys()}
    return Loaded(settings, origins, found, tuple(findings.warnings), unusable=unusable)


def check(flags: Mapping[str, Flag]) -> None:
    """Check a few settings by themselves; nothing is read.

    Raises:
        ConfigError: One of them is wrong, as `load` would say.
    """
    given = {key: Given(flag.value, f"flag {flag.name}") for key, flag in flags.items()}
    _checked(given, {}, Findings())


def _from_file(path: Path, environ: Mapping[str, str], findings: Findings) -> Layer:
    layer, opened = file.read(path, findings)
    for key in secrets.secret_keys():
        if key in layer and layer[key].value in ("", []):
            del layer[key]
    file.warn_if_exposed(path, opened, layer, set(secrets.secret_keys()), findings)
    secrets.name_files(layer, path.parent, environ, findings)
    _locate_ledger(layer, path.parent, environ)
    return layer


def _from_environment(environ: Mapping[str, str], cwd: Path, findings: Findings) -> Layer:
    layer = environment.read(environ, findings)
    secrets.name_files(layer, cwd, environ, findings)
    _locate_ledger(layer, cwd, environ)
    return layer


def _locate_ledger(layer: Layer, base: Path, environ: Mapping[str, str]) -> None:
    """Make the ledger's path absolute."""
    # Started from another directory, a relative path would begin an empty ledger, and an empty
    # ledger knows no order that was sent.
    given = layer.get("ledger.path")
    if given and isinstance(given.value, str) and given.value.strip():
        path = located(given.value.strip(), base, environ)
        layer["ledger.path"] = Given(str(path), given.origin)


def _checked(
    merged: Layer, environ: Mapping[str, str], findings: Findings, also: Iterable[str] = ()
) -> Settings:
    """The settings.

    Raises:
        ConfigError: There are problems; it tells of `also` besides, which are none by themselves.
    """
    findings.problems.extend(plain_http.problems(merged))
    tree: dict[str, Any] = {"ledger": {"path": default_ledger(environ)}}
    for name, given in merged.items():
        section, key = name.split(".", 1)
        tree.setdefault(section, {})[key] = given.value
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        findings.problems.extend(explain.sentences(error, merged))
        raise fault([*findings.problems, *also]) from None
    if findings.problems:
        raise fault([*findings.problems, *also])
    return settings
