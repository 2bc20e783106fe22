"""One line of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from veracore_sync.domain.errors import HINTS, Category, SyncError, UpstreamError

_ADDRESSES = {"vendure": "vendure.admin_api_url", "veracore": "veracore.api_url"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was looked at, how it is, and what to do about it."""

    name: str
    level: Literal["ok", "warn", "fail"]
    message: str
    todo: str = ""
    exit_code: int = 0


def ok(name: str, message: str) -> CheckResult:
    """All is well."""
    return CheckResult(name, "ok", message)


def warn(name: str, message: str, todo: str) -> CheckResult:
    """It works, or is not always wanted, and ought to be looked at."""
    return CheckResult(name, "warn", message, todo)


def fail(name: str, error: SyncError) -> CheckResult:
    """It does not work."""
    return CheckResult(name, "fail", error.message, _todo(error), error.exit_code)


def _todo(error: SyncError) -> str:
    address = _ADDRESSES.get(error.upstream) if isinstance(error, UpstreamError) else None
    if address and error.hint == HINTS[Category.UNAVAILABLE]:
        # That hint says to ask us.
        return f"see that {address} is right and reached from here (name, proxy, firewall, TLS)"
    return error.hint
