"""``CancelOrder`` of ``orderadjustment.svc``: one request, whose answer decides nothing.

The service is known from one client (docs/wire.md 3.7): its path, the credentials in the body, and
the argument. Its namespace, its SOAPAction and its answers are not known. So neither a success nor
a refusal is believed; the job looks the order up. Two things are used: that the request certainly
did not leave, and that the account lacks the permission.
"""

from __future__ import annotations

from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import Occurrence, RateLimited, SyncError
from veracore_sync.domain.failures import NOT_BEGUN
from veracore_sync.domain.listed_words import media_type, repeat
from veracore_sync.ports.warehouse import (
    CancelNotPermitted,
    CancelNotSent,
    CancelOutcome,
    CancelSent,
)
from veracore_sync.transport.http import HttpAnswer, NoResponse, retry_after_seconds
from veracore_sync.veracore.faults import is_refusal_of_the_account, message_of, what_of
from veracore_sync.veracore.oms import write
from veracore_sync.veracore.oms.parse import UnreadableXml, read_document, text
from veracore_sync.veracore.oms.service import Service

OPERATION = "CancelOrder"
# WCF's own default, of a service whose author named none: a guess (docs/wire.md 3.7).
NAMESPACE = "http://tempuri.org/"
_ACTION = f"{NAMESPACE}IOrderAdjustment/{OPERATION}"


def cancel_order(service: Service, settings: VeracoreSettings, order_id: str) -> CancelOutcome:
    """Ask for the cancellation of an order; never repeated.

    Args:
        service: Sends it, through the gate of all requests.
        settings: Has the credentials.
        order_id: VeraCore's id of the order.
    """
    user, secret = settings.client_id, settings.client_secret.get_secret_value()
    hidden = (user, secret)
    content = write.cancel_order(NAMESPACE, user, secret, order_id)
    try:
        answer = service.adjust(OPERATION, content, action=_ACTION)
    except RateLimited as error:
        return CancelNotSent(Occurrence.HTTP_429, error.message, error.retry_after)
    except SyncError as error:
        # The gate held the request back.
        return CancelNotSent(Occurrence.NOT_CONNECTED, error.message)
    except NoResponse as lost:
        if lost.what is Occurrence.NOT_CONNECTED:
            return CancelNotSent(lost.what, lost.detail)
        return CancelSent(lost.detail)
    return _outcome(answer, service, order_id, hidden)


def _outcome(
    answer: HttpAnswer, service: Service, order_id: str, hidden: tuple[str, ...]
) -> CancelOutcome:
    if what_of(answer) in NOT_BEGUN:
        wait = retry_after_seconds(answer, service.clock)
        return CancelNotSent(what_of(answer), f"HTTP {answer.status}", wait)
    words = _words(answer)
    if words is None:
        kind = media_type(answer.content_type) or "no content type"
        return CancelSent(f"HTTP {answer.status}, no answer to {OPERATION} ({kind})")
    if is_refusal_of_the_account(words):
        return CancelNotPermitted(repeat(words, [order_id], hidden))
    return CancelSent(repeat(words, [order_id], hidden) or f"HTTP {answer.status} without words")


def _words(answer: HttpAnswer) -> str | None:
    """What the answer says, be it a fault or a result; ``None`` if it is not SOAP."""
    try:
        root = read_document(answer.body, answer.headers.get("content-type", ""))
    except UnreadableXml:
        return None
    body = root.find("Body") if root.tag == "Envelope" else None
    if body is None:
        return None
    fault = body.find("Fault")
    if fault is None:
        return " ".join(" ".join(body.itertext()).split())
    return message_of(text(fault, "faultstring") or text(fault, "Reason/Text"))
