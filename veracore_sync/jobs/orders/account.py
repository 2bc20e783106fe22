"""Whether VeraCore refuses one order, or every order of this account.

An unlisted refusal says neither. It is about the account if another order got the same answer and
VeraCore has taken none since; what was taken in this run proves that an answer is about its order.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.failures import MAY_BE_OF_ALL, NOT_ALLOWED, PROVES_PERMISSION
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.meta_store import MetaStore

_KEY = "orders.refused_alike"
_MAX_CODES = 20
_GOLDEN = 0.618034


@dataclass(slots=True)
class AccountRefusals:
    """What creates were answered, by all threads of a run and by the runs before it."""

    ledger: Ledger
    clock: Clock
    _may_create: bool = False
    _is_clear: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Create one order at a time until an answer shows that more may be sent at once."""
        # Otherwise as many orders as there are workers would meet a refusal that concerns all.
        if not self._is_clear:
            with self._turn:
                if not self._is_clear:
                    yield
                    return
        yield

    def answered(self, code: str, what: Occurrence | None) -> Occurrence | None:
        """Note an answer (``None``: accepted); returns what it means for this order."""
        if not self._may_create and (what is None or what in PROVES_PERMISSION):
            with self._lock:
                self._take_back(code)
                self._may_create = True
        if what is None or (what not in MAY_BE_OF_ALL and what not in NOT_ALLOWED):
            self._is_clear = True
        return Occurrence.FAULT if what in NOT_ALLOWED and self._is_its_own(code) else what

    def shared_by(self, code: str, what: Occurrence, alike: str) -> list[str]:
        """The orders that got this answer, if it is about the account; else none.

        Args:
            code: The order.
            what: What happened to it.
            alike: The answer without what is this order's own.
        """
        if self._is_its_own(code) or what not in MAY_BE_OF_ALL or not alike:
            return []
        answer = hashlib.sha256(f"{what}\n{alike}".encode()).hexdigest()
        with self._lock:
            known = _remembered(self.ledger.meta)
            codes = known.get("codes", []) if known.get("answer") == answer else []
            others = [one for one in codes if one != code]
            self._remember(answer, [*others, code], is_of_all=bool(others))
        return [*others, code] if others else []

    def _is_its_own(self, code: str) -> bool:
        """Whether a refusal is about this order: VeraCore took another one since the first."""
        return self._may_create or code in _remembered(self.ledger.meta).get("own", [])

    def _take_back(self, code: str) -> None:
        """VeraCore took an order: whatever was refused before it was refused by itself."""
        known = _remembered(self.ledger.meta)
        own = [*known.get("own", []), *known.get("codes", [])]
        left = [one for one in dict.fromkeys(own) if one != code]
        if left != known.get("own", []) or known.get("codes"):
            self.ledger.meta.put(_KEY, json.dumps({"own": left[-_MAX_CODES:]}))

    def probe(self, codes: Sequence[str]) -> str | None:
        """The order to try before the others of a run while every create is refused, or ``None``.

        Only an order that VeraCore takes shows that the others were refused by themselves. Oldest
        first, as many runs as there are bad orders would end before a good one is tried.
        """
        known = _remembered(self.ledger.meta)
        tried = {*known.get("codes", []), *known.get("own", [])}
        left = [code for code in codes if code not in tried]
        if not known.get("since") or not left:
            return None
        # Steps of the golden ratio spread over the whole queue, however long it is.
        return left[int(known.get("count", 0) * _GOLDEN % 1 * len(left))]

    def refused(self, code: str) -> None:
        """Note that VeraCore refused the operation, in words that are listed."""
        with self._lock:
            known = _remembered(self.ledger.meta)
            codes = [one for one in known.get("codes", []) if one != code]
            self._remember("listed", [*codes, code], is_of_all=True)

    def release(self, code: str) -> None:
        """Let an order be sent again that was taken for refused by itself."""
        row = self.ledger.orders.get(code)
        if row is None:
            return
        if row.state == OrderState.IN_DOUBT and row.cause == OrderCause.ANSWER:
            self.ledger.transitions.was_for_all(code)
        elif row.state == OrderState.PARKED and row.cause == OrderCause.REFUSED:
            self.ledger.transitions.requeue(code)

    def _remember(self, answer: str, codes: list[str], *, is_of_all: bool) -> None:
        known = _remembered(self.ledger.meta)
        since = known.get("since") if is_of_all else None
        document = {
            "own": known.get("own", []),
            "answer": answer,
            "codes": codes[-_MAX_CODES:],
            "count": known.get("count", 0) + 1,
            "since": since or (to_text(self.clock.now()) if is_of_all else None),
        }
        self.ledger.meta.put(_KEY, json.dumps(document))


def refused_since(meta: MetaStore) -> str | None:
    """Since when VeraCore refuses every order; ``None``: not as far as is known."""
    since = _remembered(meta).get("since")
    return str(since) if since else None


def _remembered(meta: MetaStore) -> dict[str, Any]:
    known = json.loads(meta.get(_KEY) or "{}")
    return known if isinstance(known, dict) else {}
