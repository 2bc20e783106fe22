"""A signed delivery to our own listener: whether it runs, and with the configured secret."""

from __future__ import annotations

from veracore_sync.clock import Clock
from veracore_sync.config import WebhookSettings
from veracore_sync.domain.errors import AuthRefused, LedgerError
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.transport.http import HttpClient, NoResponse
from veracore_sync.transport.signature import sign
from veracore_sync.transport.ways import NO_PROXY, Upstream

_NAME = "webhooks"
_PATH = "/veracore-webhooks/inventory-update"
_PATIENCE_SECONDS = 5.0
_NAMES_NOTHING = b"{}"
_UNIT = "see `systemctl status veracore-sync-webhooks{}`"


def listener(settings: WebhookSettings, clock: Clock, shop: str = "") -> CheckResult:
    """Send a delivery that names nothing.

    Args:
        settings: ``[webhooks]``; without a secret, or with port 0, nothing is tried.
        clock: The time to sign by.
        shop: Whose unit it is, of several.
    """
    if not settings.live_secrets:
        return ok(_NAME, "webhooks.secret is not set here: not tried; polling is complete without")
    if not settings.port:
        return ok(_NAME, "webhooks.port is 0: not tried")
    url = f"http://{_reachable(settings.host)}:{settings.port}"
    http = HttpClient("webhooks", timeout_seconds=_PATIENCE_SECONDS, at=Upstream(proxy=NO_PROXY))
    unit = _UNIT.format(f"@{shop}" if shop else "")
    secret, now = settings.live_secrets[0].get_secret_value(), clock.now().timestamp()
    signed = sign(secret, f"msg_doctor_{now:.6f}", int(now), _NAMES_NOTHING)
    headers = {"content-type": "application/json", **signed}
    try:
        answer = http.send(
            "POST", url + _PATH, label="delivery", headers=headers, content=_NAMES_NOTHING
        )
    except NoResponse as lost:
        return warn(_NAME, f"no answer at {url} ({lost.what}: {lost.detail})", unit)
    finally:
        http.close()
    return _interpret(answer.status, url, unit)


def _interpret(status: int, url: str, unit: str) -> CheckResult:
    if status == 200:
        return ok(_NAME, f"{url} took a signed delivery")
    if status == 401:
        refused = AuthRefused(
            f"{url} refuses what is signed with webhooks.secret",
            upstream=_NAME,
            hint="the listener has another secret than this configuration, or is another shop's: "
            "give both the same, or each shop a webhooks.port of its own, and start it again",
        )
        return fail(_NAME, refused)
    if status == 503:
        return fail(_NAME, LedgerError(f"{url} cannot store deliveries", hint=unit))
    sentence = f"{url} answers HTTP {status}: something else listens there"
    return warn(_NAME, sentence, "see `ss -ltnp`")


def _reachable(host: str) -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
    if host in everywhere:
        return everywhere[host]
    return f"[{host}]" if ":" in host else host
