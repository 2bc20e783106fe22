"""What the ledger holds, in the words of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veracore_sync.admin.actions import ActionOutcome
from veracore_sync.clock import from_text
from veracore_sync.domain.advice import advised
from veracore_sync.domain.readable import STATE_LABELS, counted, relative
from veracore_sync.domain.states import OrderState, PickSlipState
from veracore_sync.jobs.status import READ_WORDS

_LIST = re.compile(r"(?<=: )([^,;:()]{1,60}(?:, [^,;:()]{1,60}){5,})")
_COUNTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "sync-orders": (
        ("submitted", "sent"),
        ("adopted", "found at VeraCore"),
        ("failed", "failed"),
        ("parked", "parked"),
        ("inDoubt", "in doubt"),
        ("conflict", "in conflict"),
        ("skipped", "not to be sent"),
        ("pending", "waiting"),
    ),
    "sync-inventory": (
        ("totalProcessed", "levels compared"),
        ("updated", "written"),
        ("withheld", "withheld"),
        ("errors", "failed"),
    ),
    "sync-tracking": (
        ("ordersChecked", "orders looked up"),
        ("trackingUpdated", "shipments brought to the shop"),
        ("errors", "failed"),
    ),
    "sync-returns": (
        ("receiptsNew", "new receipts"),
        ("notesWritten", "notes written"),
        ("errors", "failed"),
    ),
    "reconcile": (
        ("ordersCompared", "orders compared"),
        ("differences", "differences"),
        ("new", "of them new"),
        ("ordersUnseen", "not read"),
    ),
}
_IDLE = {
    "sync-orders": "no order was due",
    "sync-inventory": "no stock was read",
    "sync-tracking": "no order was looked up",
}
SLIP_LABELS = {
    PickSlipState.OPEN: "to be brought to the shop",
    PickSlipState.INTENDED: "being written to the shop",
    PickSlipState.ADDED: "in the shop, not Shipped there yet",
    PickSlipState.DONE: "in the shop",
    PickSlipState.COVERED: "in fulfilments that others made",
    PickSlipState.HANDED: "a person decides",
}
"""What became of a slip in the shop, in words."""
_NAMED = 3
_LOCK_HELD = 75


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence: plain, a command or setting, or names that are folded."""

    text: str
    is_code: bool = False
    names: tuple[str, ...] = ()


def pieces(text: str) -> list[Piece]:
    """A text, with what is in backquotes apart."""
    parts = advised(text).split("`")
    return [Piece(part, bool(n % 2)) for n, part in enumerate(parts) if part]


def folded(message: str) -> list[Piece]:
    """A message, with a list of many names in it apart: shown only when it is unfolded."""
    parts = _LIST.split(message)
    found: list[Piece] = []
    for n, part in enumerate(parts):
        if n % 2:
            listed, more = _split_rest(part)
            found.append(Piece("", names=tuple(listed.split(", "))))
            found.extend([Piece(more)] if more else [])
        elif part:
            found.extend(pieces(part))
    return found


def _split_rest(listed: str) -> tuple[str, str]:
    """A list, and how many more there are that it does not name."""
    names, rest, count = listed.rpartition(" and ")
    is_rest = rest and count.endswith(" more") and count.split()[0].isdecimal()
    return (names, f"{rest}{count}") if is_rest else (listed, "")


def sentence(text: str) -> str:
    """As a sentence of its own: with a capital letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    first = text if text.startswith("`") else text[0].upper() + text[1:]
    return first if first[-1] in ".!?…" else f"{first}."


def state_in_words(state: str) -> str:
    """A state of an order."""
    return STATE_LABELS[OrderState(state)] if state in set(OrderState) else state


def ago(at: str | None, now: datetime) -> str:
    """A time of the ledger as seen from now."""
    if not at:
        return ""
    try:
        return relative(from_text(at), now)
    except ValueError:
        return at


def exact(at: str | None) -> str:
    """A time of the ledger to the second, in UTC."""
    return f"{at[:10]} {at[11:19]} UTC" if at else ""


def counts_in_words(command: str, result: Mapping[str, Any]) -> str:
    """What a run did: ``"3 sent, 1 parked"``."""
    found = [
        f"{_number(result[name]):,} {words}"
        for name, words in _COUNTS.get(command, ())
        if _number(result.get(name))
    ]
    mode = result.get("mode")
    if not found:
        return "no level may have changed" if mode == "changes" else _IDLE.get(command, "done")
    return f"{', '.join(found)}; {READ_WORDS[mode]}" if mode else ", ".join(found)


def _number(given: object) -> int:
    if isinstance(given, bool) or given is None:
        return 0
    if isinstance(given, int):
        return given
    return len(given) if isinstance(given, list | tuple) else 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: in words, and whether that is good (``None``: it runs, or never ran)."""

    words: str
    is_good: bool | None


def ending(command: str, exit_code: int | None, result: Mapping[str, Any]) -> Ending:
    """How a run of that command ended; ``None``: it runs, or its process was killed."""
    if exit_code is None:
        return Ending("running, or its process was killed", None)
    error = result.get("error") or result.get("errorClass")
    if exit_code == 0 or (exit_code == 3 and not error):
        news = "; something new needs you" if exit_code else ""
        return Ending(f"{counts_in_words(command, result)}{news}", is_good=True)
    words = str(error) if error else f"exit code {exit_code}"
    # Not that the other run did this: a decision, or a repair, is nobody else's work.
    return Ending(words, is_good=exit_code == _LOCK_HELD)


def job_in_words(part: Mapping[str, Any], command: str, result: Mapping[str, Any]) -> Ending:
    """How the newest run of a job ended, of the document of ``stats``."""
    if part["isRunning"]:
        return Ending("running now", None)
    if part["lastSyncTime"] is None:
        return Ending("has not run yet", None)
    return ending(command, part["lastExitCode"], {"error": part["lastError"], **result})


def outcome_in_words(command: str, outcome: ActionOutcome) -> list[str]:
    """What an act did, or why it failed, a sentence each.

    Args:
        command: As typed, with its options.
        outcome: How it ended.
    """
    notes = [str(one) for one in outcome.result.get("notes", ())]
    if not outcome.success:
        return [outcome.error or "it failed", *notes]
    if outcome.sentences:
        return list(outcome.sentences)
    name = command.partition(" ")[0]
    # `retry` sends the order, and answers as the job does.
    name = {"retry": "sync-orders"}.get(name, name)
    reasons = [_reason(one) for one in outcome.result.get("reasons", ())]
    return [counts_in_words(name, outcome.result), *reasons, *notes]


def _reason(one: Mapping[str, Any]) -> str:
    """Why a number is what it is, and what follows."""
    names = ", ".join(one["names"][:_NAMED])
    more = ", …" if one["count"] > _NAMED else ""
    named = f" ({names}{more})" if names else ""
    why = f": {one['reason']}" if one["reason"] else ""
    following = f"; {one['next']}" if one["next"] else ""
    return f"{one['count']:,} {one['outcome']}{named}{why}{following}"


def events_in_words(events: Mapping[str, Any], webhooks: Mapping[str, Any]) -> Iterator[Ending]:
    """What waits in the queues, and which hook fails."""
    for one in events["failing"]:
        yield Ending(f"the hook {one['hook']} accepts no events", is_good=False)
    for one in events["blocked"]:
        yield Ending(f"the hook {one['hook']} refuses the event {one['id']}", is_good=False)
    if events["waiting"]:
        yield Ending(f"{counted(events['waiting'], 'event')} to be delivered", None)
    if webhooks["waiting"]:
        yield Ending(f"{counted(webhooks['waiting'], 'hint')} of the shop to be followed", None)
