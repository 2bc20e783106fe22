"""Secrets in files of their own: ``*_file`` settings and systemd credentials."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from veracore_sync.access import as_its_reader, me
from veracore_sync.config.given import Findings, Given, Layer, bare, is_secret, keys, located
from veracore_sync.trusted import TrustedFile, Untrusted, read_trusted

CREDENTIALS: Mapping[str, str] = {
    "ledger.password": "ledger_password",
    "vendure.password": "vendure_password",
    "vendure.api_key": "vendure_api_key",
    "veracore.client_secret": "veracore_client_secret",
    "webhooks.secret": "webhook_secret",
    "hooks.secret": "hooks_secret",
    "hooks.ping_url": "hooks_ping_url",
    "admin.read_token": "admin_read_token",
    "admin.act_token": "admin_act_token",
}
"""The credential's name, as in systemd's ``LoadCredential=``, by ``"section.key"``."""

_MOST_BYTES = 65_536


def secret_keys() -> list[str]:
    """Every ``"section.key"`` that holds a secret and so has a ``*_file`` form."""
    return [key for key, info in keys().items() if is_secret(info)]


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret in a file that is not read yet; only those in use are opened.

    Args:
        path: The file.
        private: Whether it is warned of readers; systemd protects its own.
        optional: Whether an empty one counts as none: what a unit is given in place of a
            credential that is not on the machine.
    """

    path: Path
    private: bool = True
    optional: bool = False


def name_files(layer: Layer, base: Path, environ: Mapping[str, str], findings: Findings) -> None:
    """Put a `SecretFile` in place of each ``*_file`` of this layer.

    Args:
        layer: What the file, or the environment, gave; changed in place.
        base: Relative paths begin here.
        environ: ``HOME`` is read, for ``~/``, and ``CREDENTIALS_DIRECTORY``.
        findings: Gets a problem for each that is no path, or stands beside the secret itself.
    """
    for key in secret_keys():
        named = layer.pop(f"{key}_file", None)
        if named is None:
            continue
        if key in layer:
            findings.problems.append(
                f"{key} ({named.origin}): {key} and {key}_file are both set; keep one of the two"
            )
        elif not isinstance(named.value, str) or not named.value.strip():
            findings.problems.append(f"{key}_file ({named.origin}): must be a path in quotes")
        else:
            path = located(named.value.strip(), base, environ)
            # A configuration that is itself a credential has its secrets beside it.
            private = str(path.parent) != environ.get("CREDENTIALS_DIRECTORY")
            layer[key] = Given(SecretFile(path, private), f"{named.origin}, {path}")


def credentials(environ: Mapping[str, str]) -> Layer:
    """The secrets that systemd handed over in ``$CREDENTIALS_DIRECTORY``."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return {}
    paths = {key: Path(directory) / name for key, name in CREDENTIALS.items()}
    return {
        key: Given(SecretFile(path, private=False, optional=True), f"credential {path.name}")
        for key, path in paths.items()
        if path.exists()
    }


def open_files(layer: Layer, findings: Findings) -> dict[str, str]:
    """Put the contents in place of each `SecretFile`.

    Args:
        layer: The merged values; changed in place.
        findings: Gets a warning for each file that is open to others.

    Returns:
        A sentence for each file that cannot serve, by ``"section.key"``; only what uses that
        secret has to stop.
    """
    unusable: dict[str, str] = {}
    for key, given in list(layer.items()):
        if not isinstance(given.value, SecretFile):
            continue
        path = given.value.path
        try:
            text, file = _contents(path)
            if not text.strip() and given.value.optional:
                del layer[key]
                continue
            _refuse_empty(text)
        except ValueError as error:
            unusable[key] = f"{key} ({given.origin}): {path} {error}"
            del layer[key]
            continue
        if given.value.private and file.readers:
            mode = "o-rwx" if file.readers == "anybody" else "go-rwx"
            findings.warnings.append(
                f"{key} ({given.origin}): {path} can be read by {file.readers}; "
                f"`chmod {mode} {shlex.quote(str(path))}`"
            )
        layer[key] = Given(_as_kind(key, text), given.origin)
    return unusable


def withhold(layer: Layer, wanted: Collection[str], findings: Findings) -> None:
    """Take out every secret that a process does not use, before a file of one is opened.

    Args:
        layer: What one source gave; changed in place.
        wanted: The ``"section.key"`` of those that it uses.
        findings: Gets a problem for each that the process has read all the same, because it stands
            in its configuration or its environment; a warning for each whose file it could read.
    """
    for key in secret_keys():
        if key in wanted or key not in layer:
            continue
        given = layer.pop(key)
        if isinstance(given.value, SecretFile):
            if os.access(given.value.path, os.R_OK):
                findings.warnings.append(
                    f"{key} ({given.origin}): this process does not use it and could read it; run "
                    "it as another user, or give its unit only the credentials that it uses"
                )
        elif given.value and not _is_bare_proxy(key, given.value):
            findings.problems.append(
                f"{key} ({given.origin}): a process that only receives must not hold it; put it "
                f"into a file of its own, which {key}_file names and that process cannot read"
            )
    # Nothing is delivered by such a process, and a hook without its secret is a fault.
    if "hooks.secret" not in wanted:
        for key in [key for key in layer if key.startswith("hooks.")]:
            del layer[key]


def _is_bare_proxy(key: str, value: object) -> bool:
    """Whether it is the address of a proxy without a login."""
    return key.endswith(".proxy") and "@" not in str(value)


def _as_kind(key: str, text: str) -> str | list[str]:
    return text.splitlines() if bare(keys()[key].annotation) is tuple else text


def _contents(path: Path) -> tuple[str, TrustedFile]:
    """The file's text without its last line's end, and the file.

    Raises:
        ValueError: There is none; the text says why, to stand behind the path.
    """
    try:
        file = read_trusted(path, _MOST_BYTES)
        text = file.raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; it must hold the secret alone") from None
    except Untrusted as error:
        raise ValueError(error.strerror) from None
    except PermissionError:
        raise ValueError(f"may not be read by {me()}; {as_its_reader(path)}") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}); fix the path") from None
    except ValueError:
        raise ValueError("is not a path; name the file that holds the secret") from None
    if len(file.raw) > _MOST_BYTES:
        raise ValueError("is larger than 64 kB; it must hold the secret alone")
    return text, file


def _refuse_empty(text: str) -> None:
    if not text.strip():
        raise ValueError("is empty; it must hold the secret")
