"""One line of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from veracore_sync.domain.errors import HINTS, Category, SyncError, UpstreamError

_LOGINS = {
    "vendure": "vendure.username and vendure.password",
    "veracore": "veracore.client_id, veracore.client_secret and veracore.company_id",
}
_ADDRESSES = {"vendure": "vendure.admin_api_url", "veracore": "veracore.api_url"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was checked, the result, and what to do about it."""

    name: str
    level: Literal["ok", "warn", "fail"]
    message: str
    todo: str = ""
    exit_code: int = 0


def ok(name: str, message: str) -> CheckResult:
    """The check passed."""
    return CheckResult(name, "ok", message)


def warn(name: str, message: str, todo: str) -> CheckResult:
    """It works, or is not needed everywhere, but should be looked at."""
    return CheckResult(name, "warn", message, todo)


def fail(name: str, error: SyncError) -> CheckResult:
    """The check failed."""
    return CheckResult(name, "fail", error.message, _todo(error), error.exit_code)


def _todo(error: SyncError) -> str:
    """The remedy; where the usual one is to run doctor, what doctor itself knows of the setting."""
    upstream = error.upstream if isinstance(error, UpstreamError) else ""
    address, login = _ADDRESSES.get(upstream), _LOGINS.get(upstream)
    if address and error.hint == HINTS[Category.UNAVAILABLE]:
        return (
            f"check that {address} is right and reachable from here (name, proxy, firewall, TLS); "
            f"a certificate of an authority of your own needs {upstream}.ca_file"
        )
    if login and error.hint == HINTS[Category.AUTH]:
        return (
            f"correct {login}, or the permissions of that account: `veracore-sync init` asks anew"
        )
    return error.hint
