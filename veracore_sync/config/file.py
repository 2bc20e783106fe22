"""The TOML file: where it is searched for, and its values."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from veracore_sync.config.explain import dotted, unknown
from veracore_sync.config.given import Findings, Given, Layer, fault, keys, located, sections

VARIABLE = "VERACORE_SYNC_CONFIG"
SYSTEM_FILE = Path("/etc/veracore-sync/config.toml")


def find(
    path: Path | None, environ: Mapping[str, str], cwd: Path, findings: Findings
) -> Path | None:
    """The file to read, as an absolute path.

    Args:
        path: What ``--config`` named, if anything.
        environ: ``VERACORE_SYNC_CONFIG``, ``XDG_CONFIG_HOME`` and ``HOME`` are read.
        cwd: Relative paths begin here, and ``config.toml`` is looked for here.
        findings: Gets a warning for each place that cannot be read.

    Returns:
        The named file, else the first that exists, else None.

    Raises:
        ConfigError: A named file is missing.
    """
    named = path if path is not None else environ.get(VARIABLE)
    if named:
        origin = "flag --config" if path is not None else f"environment {VARIABLE}"
        wanted = located(str(named), cwd, environ)
        if not _exists(wanted, findings):
            raise fault([f"{wanted} ({origin}): there is no such file; name a file that exists"])
        return wanted
    return next((place for place in _places(environ, cwd) if _exists(place, findings)), None)


def _places(environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    yield cwd / "config.toml"
    home = environ.get("HOME")
    base = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    if base:
        yield Path(base) / "veracore-sync" / "config.toml"
    yield SYSTEM_FILE


def _exists(path: Path, findings: Findings) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        findings.warnings.append(f"{path}: cannot be read ({error.strerror}) and is ignored")
        return False
    return True


def read(path: Path, findings: Findings) -> Layer:
    """What the file gives, by ``"section.key"``.

    Raises:
        ConfigError: It cannot be read or is not TOML; names the file, and the line if known.
    """
    tree = _parse(path)
    origin = f"file {path}"
    layer: Layer = {}
    for section, table in tree.items():
        if section in sections() and isinstance(table, dict):
            layer.update({f"{section}.{key}": Given(val, origin) for key, val in table.items()})
        elif section in sections():
            findings.problems.append(f"{section} ({origin}): must be a table, [{section}]")
        else:
            findings.problems.append(f"{dotted([section])} ({origin}): {unknown([section])}")
    return layer


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise fault([f"file {path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise fault([f"file {path}: is not UTF-8 text; save it as UTF-8"]) from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise fault([f"file {path}: is not valid TOML: {reason}"]) from None


def warn_if_exposed(path: Path, layer: Layer, secret_keys: set[str], findings: Findings) -> None:
    """Warn if the file contains a secret and everybody may read it."""
    held = sorted(secret_keys & {key for key in layer if key in keys() and layer[key].value})
    if held and stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH:
        findings.warnings.append(
            f"file {path}: holds {', '.join(held)} and anybody may read it; chmod o-rwx it"
        )
