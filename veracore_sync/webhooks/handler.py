"""The listener's answers: verify first, store second, and 2xx only after the commit."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from veracore_sync.clock import Clock
from veracore_sync.domain.hints import Kind, WebhookDelivery
from veracore_sync.transport.signature import BadSignature, Verifier
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.group_commit import CannotStore, GroupCommitWriter
from veracore_sync.webhooks.payload import BadPayload, names_in
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused, wrong_method
from veracore_sync.webhooks.server import Response
from veracore_sync.webhooks.throttled_log import ThrottledLogger

_LOG = logging.getLogger(__name__)
HOOKS: Mapping[str, Kind] = {
    "/veracore-webhooks/inventory-update": "inventory",
    "/veracore-webhooks/order-update": "order",
    "/veracore-webhooks/tracking-update": "tracking",
}
HEALTH, READY, METRICS = "/healthz", "/readyz", "/metrics"
PRIVATE = frozenset({HEALTH, READY, METRICS})
"""What the private port answers; the public one then answers the rest, and `HEALTH`."""
PUBLIC = frozenset({*HOOKS, HEALTH})
_PROXIED = re.compile(
    r"forwarded|(x-)?forwarded-.*|x-forwarded|via|(x-)?real-ip|x-original-.*|(x-)?client-ip|cdn-loop"
    r"|(wl-)?proxy-client-ip|x-cluster-client-ip|true-client-ip|cf-.*|fastly-.*|(x-)?akamai-.*"
    r"|x-envoy-.*|x-amzn-.*|x-azure-.*|fly-.*|x-varnish|x-cloud-trace-context"
)
"""Headers that proxies and the networks before them add."""
_RETRY = (("Retry-After", "5"),)


class WebhookHandler:
    """Answers the listener's requests.

    Args:
        verifier: Checks signatures.
        writer: Stores deliveries.
        clock: The time.
        meter: Counters.
        state: The document of `/readyz`; ``ready`` decides its status, numbers are metrics too.
        figures: The ledger's own metrics, in the text format of Prometheus.
        paths: Those that are answered here.
    """

    def __init__(
        self,
        verifier: Verifier,
        writer: GroupCommitWriter,
        clock: Clock,
        meter: Counters,
        state: Callable[[], dict[str, Any]],
        figures: Callable[[], str] = str,
        paths: Collection[str] = PUBLIC | PRIVATE,
    ) -> None:
        self._verifier = verifier
        self._writer = writer
        self._clock = clock
        self._meter = meter
        self._state = state
        self._figures = figures
        self._paths = paths
        self._trouble = ThrottledLogger(_LOG, logging.WARNING)

    def check(self, head: RequestHead) -> None:
        """Refuse unknown paths and methods before a body is read.

        Raises:
            RequestRefused: 404 or 405.
        """
        if head.path not in self._paths:
            raise RequestRefused(404, "not found")
        allowed = "POST" if head.path in HOOKS else "GET"
        if head.method != allowed:
            raise wrong_method((allowed,))

    def answer(self, head: RequestHead, body: bytes, peer: str) -> Response:
        """Answer a whole request.

        Raises:
            RequestRefused: 404, if `peer` may not see it.
        """
        kind = HOOKS.get(head.path)
        if kind is not None:
            return self._take(kind, head, body)
        if head.path == HEALTH:
            return Response(200, {"status": "ok"})
        if not is_local(head, peer):
            raise RequestRefused(404, "not found")
        state = self._state()
        if head.path == READY:
            return Response(200 if state["ready"] else 503, state)
        gauges = {key: value for key, value in state.items() if isinstance(value, int | float)}
        return Response(200, text=self._meter.render(gauges) + self._figures())

    def _take(self, kind: Kind, head: RequestHead, body: bytes) -> Response:
        try:
            # Signature first: nothing of a forged body is parsed.
            delivery_id = self._verifier.verify(head.headers, body, self._clock.now())
            names = names_in(kind, body)
            is_new = self._writer.store(WebhookDelivery(delivery_id, kind, names))
        except BadSignature:
            self._meter.count("unverified")
            self._trouble.say("a delivery was refused for its signature")
            return Response(401, {"error": "unauthorized"})
        except BadPayload as error:
            self._meter.count("malformed")
            return Response(400, {"error": str(error)})
        except CannotStore:
            self._meter.count("unstored")
            return Response(503, {"error": "try again"}, headers=_RETRY)
        self._meter.count("stored" if is_new else "duplicates")
        return Response(200, {"status": "stored" if is_new else "duplicate"})


def is_local(head: RequestHead, peer: str) -> bool:
    """Whether the request comes from this machine, addresses it, and was not forwarded.

    A proxy beside us that speaks HTTP/1.1 under a loopback Host and names nobody looks the same as
    a direct client; `webhooks.private_port` exists for that.
    """
    # Behind a proxy every request comes from loopback; a web page can make a browser send one to
    # localhost under another host name (DNS rebinding). nginx, unless configured, forwards as
    # HTTP/1.0, under the Host of its own proxy_pass line and without any header that says so.
    if head.minor == 0 or not _is_loopback(peer) or any(map(_PROXIED.fullmatch, head.headers)):
        return False
    host = "".join(head.headers.get("host", ())).lower().rpartition("]")
    name = host[0].removeprefix("[") if host[1] else host[2].partition(":")[0]
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback
