"""What a run of the orders' jobs did: counted, and told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from veracore_sync.domain.states import LOST_RACE, Applied
from veracore_sync.errors import SyncError
from veracore_sync.jobs.orders.plan import Action


@dataclass(slots=True)
class OrdersResult:
    """The outcome of a run; filled by several threads through `note`.

    Args:
        outcomes: For each order that was touched, where it ended in this run: ``submitted``,
            ``adopted``, ``failed``, ``parked``, ``in_doubt``, ``conflict``, ``cancelled``,
            ``skipped`` or ``pending``.
        news: Sentences about what newly needs a person.
        notes: Sentences worth telling that need nobody.
        stopped_by: What ended the run before it was through.
        plan: The actions of a dry run; ``None`` otherwise.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stopped_by: SyncError | None = None
    plan: list[Action] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, code: str, outcome: str, news: str | None = None) -> None:
        """An order ended up there; `news` where that newly needs a person."""
        with self._lock:
            self.outcomes[code] = outcome
            if news:
                self.news.append(news)

    def applied(self, code: str, change: Applied, outcome: str, message: str = "") -> None:
        """What came of a transition that would end an order there.

        Args:
            code: The order.
            change: As the ledger told.
            outcome: Where it ended, unless another run was first.
            message: What a person has to know, where that is news.
        """
        if change is Applied.LOST:
            self.tell(f"{code}: {LOST_RACE}")
        else:
            self.note(code, outcome, f"{code}: {message}" if change is Applied.NEWS else None)

    def warn(self, sentence: str) -> None:
        """Something that newly needs a person, of an order that this run did not touch."""
        with self._lock:
            self.news.append(sentence)

    def tell(self, sentence: str) -> None:
        """Something worth telling that needs nobody."""
        with self._lock:
            self.notes.append(sentence)

    def count(self, outcome: str) -> int:
        """How many orders ended up there."""
        return sum(1 for one in self.outcomes.values() if one == outcome)
