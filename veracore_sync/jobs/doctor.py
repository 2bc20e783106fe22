"""``doctor``: what is wrong, or might soon be, one line each with what to do."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from veracore_sync.config import Loaded
from veracore_sync.errors import LedgerError, SyncError
from veracore_sync.ledger import Ledger
from veracore_sync.ledger.upkeep import check
from veracore_sync.vendure.shop import Shop
from veracore_sync.veracore.port import Warehouse

_LEAST_FREE = 100 * 1024 * 1024
_WAL_MENDED = (3, 51, 3)
_NETWORKED = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "glusterfs", "ceph"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it."""

    name: str
    level: Literal["ok", "warn", "fail"]
    message: str
    todo: str = ""
    exit_code: int = 0


def ok(name: str, message: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", message)


def warn(name: str, message: str, todo: str) -> Finding:
    """It works, and ought to be mended."""
    return Finding(name, "warn", message, todo)


def fail(name: str, error: SyncError) -> Finding:
    """It does not work."""
    return Finding(name, "fail", error.message, error.hint, error.exit_code)


def offline(loaded: Loaded, open_ledger: Callable[[], Ledger]) -> Iterator[Finding]:
    """What can be said without asking anybody.

    Args:
        loaded: The configuration.
        open_ledger: Opens the ledger.
    """
    where = str(loaded.path) if loaded.path else "the environment alone"
    yield ok("configuration", f"read from {where}")
    for warning in loaded.warnings:
        yield warn("configuration", warning, "chmod 600 the file")
    veracore = loaded.settings.veracore
    yield ok("dialect", f"{veracore.dialect}: {veracore.dialect_reason}")
    yield _sqlite()
    path = loaded.settings.ledger.path
    yield from _ledger_file(path)
    if path.exists():
        yield from _ledger(open_ledger)


def _sqlite() -> Finding:
    if sqlite3.sqlite_version_info >= _WAL_MENDED:
        return ok("sqlite", sqlite3.sqlite_version)
    return warn(
        "sqlite",
        f"{sqlite3.sqlite_version} may have the WAL-reset bug that 3.51.3 mended",
        "upgrade SQLite, unless your distribution mended it; keep backups (`ledger backup`)",
    )


def _ledger_file(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield ok("ledger", f"{path} will be made by the first run")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield warn("ledger", f"{path} has mode {mode:04o}", f"chmod 600 {path}")
    free = shutil.disk_usage(path.parent).free
    if free < _LEAST_FREE:
        yield warn("disk", f"{free // 1024 // 1024} MiB are left beside {path}", "make room")
    kind = _file_system(path)
    if kind in _NETWORKED:
        yield warn(
            "file system",
            f"{path} lies on {kind}: locks and WAL need a local disk",
            "move ledger.path to a local disk",
        )


def _file_system(path: Path) -> str:
    """The type of the file system that `path` lies on; empty where it cannot be told."""
    best, kind = "", ""
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, place, found, *_ = line.split()
        inside = path.resolve().is_relative_to(place)
        if inside and len(place) >= len(best):
            best, kind = place, found
    return kind


def _ledger(open_ledger: Callable[[], Ledger]) -> Iterator[Finding]:
    try:
        ledger = open_ledger()
        problems = check(ledger.database)
    except SyncError as error:
        yield fail("ledger", error)
        return
    if problems:
        yield fail("ledger", LedgerError(f"the ledger is damaged: {problems[0]}"))
        return
    counts = ledger.orders.counts()
    yield ok("ledger", f"{sum(counts.values())} orders, {counts['synced']} synced, intact")
    if ledger.orders.any_accepted():
        yield ok("AddOrder", "proved by the last accepted order")
    else:
        yield warn("AddOrder", "not proved yet: no order was ever accepted", "send the first one")
    for alert in ledger.alerts.standing()[:5]:
        yield warn("alert", alert.message, "see `veracore-sync stats`")


def online(
    loaded: Loaded, shop: Callable[[], Shop], warehouse: Callable[[], Warehouse]
) -> Iterator[Finding]:
    """What both sides say. Reads only.

    Args:
        loaded: The configuration.
        shop: Makes the shop's client.
        warehouse: Makes the warehouse's client.
    """
    triggers = loaded.settings.orders.trigger_states
    try:
        poll = shop().poll(
            trigger_states=triggers, moved_since=None, passed_states=(), passed_since=None
        )
    except SyncError as error:
        yield fail("Vendure", error)
    else:
        waiting = f"{len(poll.waiting)} orders are in {', '.join(triggers)}"
        yield ok(
            "Vendure", f"logged in, orders can be read, channel {poll.channel_code}: {waiting}"
        )
    try:
        client = warehouse()
        client.control(None)
    except SyncError as error:
        yield fail("VeraCore", error)
        return
    yield ok("VeraCore", "logged in, it answers")
    if client.is_sandbox:
        yield warn("VeraCore", "this is a simulator", "set veracore.api_url for the real one")
