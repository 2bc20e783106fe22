"""The checks of configuration and machine that need no network."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from veracore_sync.config import HookSettings, Loaded
from veracore_sync.config.absent import absent, is_absent
from veracore_sync.config.file import SYSTEM_FILE
from veracore_sync.config.lines import with_lines
from veracore_sync.domain.errors import ConfigError
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.jobs.doctor.units import units
from veracore_sync.jobs.timers import unit_folders
from veracore_sync.ledger.opening import HAS_WAL_RESET_BUG, SQLITE_VERSION
from veracore_sync.ports.hooks import Hook


def machine(
    loaded: Loaded, systemd: Path, notify_hooks: Callable[[HookSettings], Sequence[Hook]]
) -> Iterator[CheckResult]:
    """Check the configuration, the program, SQLite, the units and the hooks.

    Args:
        systemd: Where units are installed.
        notify_hooks: Makes the hooks for ``hooks.notify``; raises `ConfigError` if that fails.
    """
    if is_absent(loaded):
        yield fail("configuration", absent(os.environ))
    else:
        where = str(loaded.path) if loaded.path else "the environment alone"
        yield ok("configuration", f"read from {where}")
    for warning in loaded.warnings:
        message, _, todo = warning.partition("; ")
        yield warn("configuration", message, todo or "let it be read, or remove it")
    yield from _credentials(systemd)
    for sentence in loaded.unusable.values():
        [named] = with_lines([sentence])
        message, _, todo = named.partition("; ")
        hint = f"{todo or 'correct it'}; only what uses it stops"
        yield fail("configuration", ConfigError(message, hint=hint))
    veracore = loaded.settings.veracore
    service = f"; face {veracore.service_note}" if veracore.service_note else ""
    yield ok("dialect", f"{veracore.dialect}: {veracore.dialect_reason}{service}")
    yield _bytecode()
    yield _sqlite()
    yield units(loaded, systemd)
    yield from _hooks(loaded.settings.hooks, notify_hooks)


def _credentials(systemd: Path) -> Iterator[CheckResult]:
    """Check that the files from which units get credentials are root's."""
    folders = unit_folders(systemd)
    if not any(True for one in folders for _ in one.glob("veracore-sync-*.service")):
        return
    # systemd reads them as root, and follows links: whoever may put a link there, as earlier
    # versions let the units' own user, reads any file of the machine through it.
    top = SYSTEM_FILE.parent
    try:
        places = [top, *top.rglob("*")] if top.exists() else []
        wrong = next((one for one in places if _is_not_roots(one.lstat())), None)
    except OSError as error:
        message = f"{error.filename} cannot be read ({error.strerror})"
        yield warn("credentials", message, "`sudo veracore-sync doctor --offline` looks into it")
        return
    if wrong is not None:
        danger = ConfigError(
            f"{wrong} does not belong to root alone: through a link there the units' user can read "
            "any file, because systemd loads their secrets as root",
            hint=f"as root: chown -R -h root:veracore-sync {top} && "
            f"chmod -R u=rwX,g=rX,o= {top}; then look at each link there (find {top} -type l)",
        )
        yield fail("credentials", danger)


def _is_not_roots(found: os.stat_result) -> bool:
    writable = not stat.S_ISLNK(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid != 0 or bool(writable)


def _bytecode() -> CheckResult:
    source = Path(__file__)
    if Path(importlib.util.cache_from_source(str(source))).exists():
        return ok("bytecode", f"Python {sys.version.split()[0]}, compiled")
    package = source.parents[2]
    return warn(
        "bytecode",
        "the program is compiled again at every start, because its folder is read-only",
        f"as the folder's owner, run: {sys.executable} -m compileall -q {package}",
    )


def _sqlite() -> CheckResult:
    if not HAS_WAL_RESET_BUG:
        return ok("sqlite", SQLITE_VERSION)
    return warn(
        "sqlite",
        f"{SQLITE_VERSION} may have the WAL-reset bug that 3.51.3 fixed",
        "upgrade SQLite, unless your distribution has fixed it; keep backups "
        "(`veracore-sync ledger backup FILE`)",
    )


def _hooks(
    wanted: HookSettings, notify_hooks: Callable[[HookSettings], Sequence[Hook]]
) -> Iterator[CheckResult]:
    if wanted.command and shutil.which(wanted.command[0]) is None:
        missing = ConfigError(
            f"hooks.command: {wanted.command[0]} cannot be started on this machine",
            hint="give its full path, and make it executable (chmod +x)",
        )
        yield fail("hooks", missing)
    try:
        for hook in notify_hooks(wanted):
            hook.close()
    except ConfigError as error:
        yield fail("hooks", error)
