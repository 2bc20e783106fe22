"""The TOML file: where it is searched for, and its values."""

from __future__ import annotations

import shlex
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from veracore_sync.access import as_its_reader, me
from veracore_sync.config.explain import dotted, unknown
from veracore_sync.config.given import Findings, Given, Layer, fault, keys, located, sections
from veracore_sync.trusted import MOST_BYTES, TrustedFile, Untrusted, check_trusted, read_trusted

VARIABLE = "VERACORE_SYNC_CONFIG"
SYSTEM_FILE = Path("/etc/veracore-sync/config.toml")


def find(
    path: Path | None, environ: Mapping[str, str], cwd: Path, findings: Findings
) -> Path | None:
    """The file to read, as an absolute path.

    Args:
        path: What ``--config`` named, if anything.
        environ: ``VERACORE_SYNC_CONFIG``, ``XDG_CONFIG_HOME`` and ``HOME`` are read.
        cwd: Relative paths begin here. Nothing is looked for here: its owner may be anybody.
        findings: Gets a warning for each place that cannot be read.

    Returns:
        The named file, else the first that exists, else None.

    Raises:
        ConfigError: A named file is missing, or none was named and there is one here, where earlier
            versions looked first.
    """
    named = path if path is not None else environ.get(VARIABLE)
    if named:
        origin = "flag --config" if path is not None else f"environment {VARIABLE}"
        wanted = located(str(named), cwd, environ)
        if not _exists(wanted, findings, is_named=True):
            problem = f"{wanted} ({origin}): there is no such file; name a file that exists"
            raise fault([problem], hint="or write it: `veracore-sync init`")
        return wanted
    found = next((place for place in places(environ) if _exists(place, findings)), None)
    _refuse_here(cwd / "config.toml", found, findings)
    return found


def _refuse_here(here: Path, found: Path | None, findings: Findings) -> None:
    """Do not go on with other settings than those of the file here, which used to be read."""
    try:
        if not stat.S_ISREG(here.stat().st_mode) or (found and here.samefile(found)):
            return
        check_trusted(here)
    except Untrusted:
        # It may have been planted, and must not stop anything either.
        findings.warnings.append(f"{here}: is not read, and a stranger may write it; remove it")
        return
    except OSError:
        return
    raise fault(
        [
            f"{here}: config.toml in this folder is no longer read unless it is named; say "
            "--config config.toml, or run the command in another folder"
        ]
    )


def places(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where the file is looked for if none is named, first to last."""
    home = environ.get("HOME")
    base = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    if base:
        yield Path(base) / "veracore-sync" / "config.toml"
    yield SYSTEM_FILE


def _exists(path: Path, findings: Findings, *, is_named: bool = False) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        closed = isinstance(error, PermissionError)
        if closed and is_named:
            return True  # said when it is read
        reason = f"; {as_its_reader(path)}" if closed else ""
        findings.warnings.append(
            f"{path}: cannot be read ({error.strerror}) and is ignored{reason}"
        )
        return False
    return True


def read(path: Path, findings: Findings) -> tuple[Layer, TrustedFile]:
    """What the file gives, by ``"section.key"``; and the file.

    Raises:
        ConfigError: It cannot be trusted or read, or is not TOML; names the file, and the line if
            known.
    """
    tree, file = parse(path)
    origin = f"file {path}"
    layer: Layer = {}
    for section, table in tree.items():
        if section in sections() and isinstance(table, dict):
            layer.update({f"{section}.{key}": Given(val, origin) for key, val in table.items()})
        elif section in sections():
            findings.problems.append(f"{section} ({origin}): must be a table, [{section}]")
        else:
            findings.problems.append(f"{dotted([section])} ({origin}): {unknown([section])}")
    return layer, file


def parse(path: Path) -> tuple[dict[str, Any], TrustedFile]:
    """The tree of a TOML file; and the file.

    Raises:
        ConfigError: It cannot be trusted or read, or is not TOML.
    """
    try:
        file = read_trusted(path)
        if len(file.raw) > MOST_BYTES:
            raise fault([f"file {path}: is larger than 16 MB; name a configuration"])
        return tomllib.loads(file.raw.decode("utf-8-sig")), file
    except Untrusted as error:
        raise fault([f"file {path}: {error.strerror}"]) from None
    except PermissionError:
        problem = f"file {path}: may not be read by {me()}; {as_its_reader(path)}"
        raise fault([problem]) from None
    except OSError as error:
        raise fault([f"file {path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise fault([f"file {path}: is not UTF-8 text; save it as UTF-8"]) from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise fault([f"file {path}: is not valid TOML: {reason}"]) from None


def warn_if_exposed(
    path: Path, file: TrustedFile, layer: Layer, secret_keys: set[str], findings: Findings
) -> None:
    """Warn if the file contains a secret and others than its owner and its own group may read."""
    held = sorted(secret_keys & {key for key in layer if key in keys() and layer[key].value})
    if held and file.readers:
        findings.warnings.append(
            f"file {path}: holds {', '.join(held)} and {file.readers} may read it; "
            f"`chmod {'o-rwx' if file.readers == 'anybody' else 'go-rwx'} "
            f"{shlex.quote(str(path))}`"
        )
