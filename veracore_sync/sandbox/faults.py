"""Faults on demand, one mechanism for both dialects.

`Faults.draw` decides the fault of a call; `answer_with_fault` applies it. Nothing here knows SOAP,
JSON or sockets: a call words its own refusals and the server spoils the delivery.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from veracore_sync.sandbox.behaviour import BadInput
from veracore_sync.sandbox.exchange import LOOK_UPS, Answer, Call, html_answer
from veracore_sync.sandbox.form import Form

KINDS = (
    "reset_before",
    "reset_after",
    "hang_after",
    "html_500",
    "html_after",
    "fault_unlisted",
    "http_403",
    "http_503",
    "http_429",
    "truncate",
    "slow_drip",
    "bad_login",
    "false_absent",
    "rewrite",
)
DELAY = "delay"
RETRY_AFTER_SECONDS = 1

# How an answer leaves: whole; not at all, with a reset or with silence; cut; byte by byte.
WHOLE, RESET, HANG, CUT, DRIP = "whole", "reset", "hang", "cut", "drip"


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault of one call: a kind, or None for none, after a delay in seconds.

    `order` is the one that the rule names, `rewriting` a pattern and what stands in its place.
    """

    kind: str | None
    delay: float = 0.0
    order: str | None = None
    rewriting: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and how it is delivered; no answer with RESET and HANG."""

    answer: Answer | None
    manner: str = WHOLE


@dataclass(slots=True)
class Rule:
    """One standing order for faults.

    It fits the calls of `operations` (None: all) that name `order` (None: any, or none), fires with
    probability `rate`, drawn from its own seeded generator, and ends after `count` times.
    With a count its kinds come in turn, else as drawn. `rewriting` belongs to the kind "rewrite".
    """

    kinds: tuple[str, ...]
    rate: float = 1.0
    count: int | None = None
    operations: frozenset[str] | None = None
    order: str | None = None
    delay: float = 0.0
    seed: int = 0
    rewriting: tuple[str, str] = ("", "")
    _random: random.Random = field(init=False)
    _turn: int = 0

    def __post_init__(self) -> None:
        # Reproducible, not secret.
        self._random = random.Random(self.seed)  # noqa: S311

    def fire(self, call: Call, order_exists: bool) -> str | None:
        """The kind of fault of this call (`DELAY` for a delay alone), or None."""
        if self.count == 0 or not self._fits(call):
            return None
        kinds = [kind for kind in self.kinds if _applies(kind, call, order_exists)]
        if not kinds or self._random.random() >= self.rate:
            return None
        if self.count is None:
            return self._random.choice(kinds)
        self.count -= 1
        self._turn += 1
        return kinds[(self._turn - 1) % len(kinds)]

    def _fits(self, call: Call) -> bool:
        if self.operations is not None and call.operation not in self.operations:
            return False
        return self.order is None or call.is_about(self.order)


class Faults:
    """The rules in force, in the order they were given; `suffered` counts the faults so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self.suffered = 0

    def add(self, rule: Rule) -> int:
        """Put a rule behind the others; how many there are now."""
        with self._lock:
            self._rules = [one for one in self._rules if one.count != 0]
            self._rules.append(rule)
            return len(self._rules)

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._rules = []

    def draw(self, call: Call, order_exists: bool) -> Fault:
        """The fault of this call: all delays that fire, and the first other kind."""
        delay = 0.0
        with self._lock:
            for rule in self._rules:
                kind = rule.fire(call, order_exists)
                if kind is None:
                    continue
                self.suffered += kind != DELAY
                if kind == "slow_drip":
                    return Fault(kind, rule.delay, rule.order)
                delay += rule.delay
                if kind != DELAY:
                    return Fault(kind, delay, rule.order, rule.rewriting)
        return Fault(None, delay)


def answer_with_fault(call: Call, fault: Fault) -> Outcome:
    """Carry a call out as far as its fault lets it."""
    kind = fault.kind
    if kind in _UNPROCESSED:
        return Outcome(_UNPROCESSED[kind](call))
    if kind == "reset_before":
        return Outcome(None, RESET)
    answer = call.process()
    if kind == "rewrite":
        return Outcome(_rewritten(answer, *fault.rewriting))
    if kind == "html_after":
        return Outcome(html_answer(500, "Server Error in '/' Application."))
    manner = {"reset_after": RESET, "hang_after": HANG, "truncate": CUT, "slow_drip": DRIP}
    how = manner.get(kind or "", WHOLE)
    return Outcome(None if how in (RESET, HANG) else answer, how)


def _rewritten(answer: Answer, pattern: str, replacement: str) -> Answer:
    body = re.sub(pattern.encode(), replacement.encode(), answer.body)
    return Answer(answer.status, body, answer.content_type, answer.headers)


def rewriting(form: Form) -> tuple[str, str]:
    """What "rewrite" looks for (`pattern`, a regular expression), and what it puts there.

    Raises:
        BadInput: The pattern is none.
    """
    pattern = form.text("pattern", "", empty=True)
    try:
        re.compile(pattern.encode())
    except re.error as error:
        raise BadInput("pattern", f"no regular expression: {error}") from None
    return pattern, form.text("replacement", "", empty=True)


def _applies(kind: str, call: Call, order_exists: bool) -> bool:
    return kind != "false_absent" or (call.operation in LOOK_UPS and order_exists)


def _too_many(_call: Call) -> Answer:
    return html_answer(429, "Too Many Requests", (("Retry-After", str(RETRY_AFTER_SECONDS)),))


_UNPROCESSED: dict[str | None, Callable[[Call], Answer]] = {
    "html_500": lambda _call: html_answer(500, "Server Error in '/' Application."),
    "http_403": lambda _call: html_answer(403, "403 - Forbidden: Access is denied."),
    "http_503": lambda _call: html_answer(503, "Service Unavailable"),
    "http_429": _too_many,
    "fault_unlisted": lambda call: call.unlisted(),
    "bad_login": lambda call: call.bad_login(),
    "false_absent": lambda call: call.absent(),
}
