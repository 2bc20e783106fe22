"""What the history of an order says of each transition that leaves no other trace."""

from __future__ import annotations

from collections.abc import Mapping

from veracore_sync.domain.states import CancelAct, OrderAct, SlipAct

IN_DOUBT = "in doubt: VeraCore may or may not have it"
ABSENT = "a look-up did not find it; a second one decides"
_WHY = "{error_message}"

ORDER_WORDS: Mapping[OrderAct, tuple[str, str]] = {
    OrderAct.PARK: ("state", f"parked: {_WHY}"),
    OrderAct.FAIL: ("state", f"failed: {_WHY}"),
    OrderAct.DOUBT: ("doubt", IN_DOUBT),
    OrderAct.RECOVER: ("doubt", f"in doubt: {_WHY}"),
    OrderAct.DOUBT_AGAIN: ("doubt", f"in doubt: {_WHY}"),
    OrderAct.ABSENT_ONCE: ("absent", ABSENT),
    OrderAct.ABSENT_FOR_A_PERSON: ("absent", "a person's look-up did not find it"),
    OrderAct.LOOK_AGAIN: ("lookup", "a look-up gave no answer that decides"),
    OrderAct.ADOPT: ("lookup", "a look-up found it at VeraCore as {veracore_id}"),
    OrderAct.CONFLICT: ("lookup", f"in conflict: {_WHY}"),
    OrderAct.CANCEL: ("lookup", f"cancelled at VeraCore: {_WHY}"),
    OrderAct.RESEND: ("lookup", "a second look-up did not find it either: it may be sent again"),
    OrderAct.REFUSED_AFTER_ALL: (
        "lookup",
        f"a second look-up did not find it either: the answer was a refusal: {_WHY}",
    ),
    OrderAct.REQUEUE: ("person", "a person queued it again"),
    OrderAct.RENEW_ID: ("person", "a person gave it the new id {veracore_id}: it is sent again"),
    OrderAct.GIVE_UP: ("person", f"never to be sent: {_WHY}"),
}
"""The timeline's event and its words, by transition. An attempt and its outcome have rows of their
own, and the last state is the order's."""

CANCEL_WORDS: Mapping[CancelAct, str] = {
    CancelAct.WANT_AGAIN: "to be cancelled at VeraCore, once more",
    CancelAct.ASK: "VeraCore was asked to cancel it",
    CancelAct.NOT_ASKED: "the request to cancel it did not leave: {message}",
    CancelAct.RECOVER: "{message}: VeraCore may have been asked to cancel it",
    CancelAct.SAW_CANCELLED: "a look-up showed it as cancelled",
    CancelAct.CONFIRM: "a second look-up showed it as cancelled",
    CancelAct.MISS: "too late to cancel it: {message}",
    CancelAct.REFUSE: "VeraCore does not cancel it: {message}",
    CancelAct.LEAVE: "goods have left although it was to be cancelled",
}
"""The same of a cancellation."""

SLIP_WORDS: Mapping[SlipAct, str] = {
    SlipAct.FINISH: "its fulfilment in the shop is Shipped",
    SlipAct.WITHDRAW: "the request for a fulfilment was withdrawn",
    SlipAct.COVER: "its units are in fulfilments that were made otherwise",
    SlipAct.HAND_OVER: "left to a person: {reason}",
    SlipAct.REOPEN: "a person asked to try it again",
    SlipAct.CORRECT: "its labels changed to {tracking_code}",
}
"""The same of a slip."""


def wanted(by: str) -> str:
    """Who wants an order cancelled, as the timeline says it."""
    why = "by a person" if by == "person" else "because the shop cancelled it"
    return f"to be cancelled at VeraCore, {why}"


def outcome(attempt: int, outcome: str, message: str | None) -> str:
    """How an attempt ended, as the timeline says it."""
    return f"attempt {attempt}: {outcome}{f' ({message})' if message else ''}"
