"""The files that PostgreSQL's client reads by itself: whoever writes them chooses the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from veracore_sync.domain.errors import ConfigError
from veracore_sync.trusted import Untrusted, check_trusted

_FILES: Mapping[str, tuple[str, str]] = {
    # Each with the variable that names it, and where it is looked for in the home otherwise.
    "passfile": ("PGPASSFILE", ".pgpass"),
    "servicefile": ("PGSERVICEFILE", ".pg_service.conf"),
    "sslcert": ("PGSSLCERT", ".postgresql/postgresql.crt"),
    "sslkey": ("PGSSLKEY", ".postgresql/postgresql.key"),
    "sslrootcert": ("PGSSLROOTCERT", ".postgresql/root.crt"),
    "sslcrl": ("PGSSLCRL", ".postgresql/root.crl"),
}


def refuse_untrusted_files(given: Mapping[str, object], environ: Mapping[str, str]) -> None:
    """Refuse a file that a stranger may write, before the client reads it.

    Args:
        given: The parameters of the address.
        environ: The variables that name files, and ``HOME``.

    Raises:
        ConfigError: There is such a file.
    """
    for origin, path in _named(given, environ):
        try:
            check_trusted(path)
        except Untrusted as error:
            raise ConfigError(f"{origin}: {path} {error.reason}", hint=error.todo) from None
        except (OSError, ValueError):
            # One that is not there, or cannot be read, is the client's to tell of.
            continue


def _named(given: Mapping[str, object], environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for name, (variable, usual) in _FILES.items():
        value = str(given.get(name) or "")
        if value == "system" and name == "sslrootcert":
            continue
        if value:
            yield f"ledger.url, {name}", Path(value)
        elif environ.get(variable) not in (None, "", "system"):
            yield f"environment {variable}", Path(environ[variable])
        elif environ.get("HOME"):
            yield f"ledger.url, {name}", Path(environ["HOME"]) / usual
