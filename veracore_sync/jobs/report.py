"""What a run did, and the one way to put something before a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.ports.ledger import Ledger


@dataclass(slots=True)
class RunReport:
    """What a run did; filled as it goes on, so it is true where the run is cut short.

    A job adds its own counts. Threads may add to it: each addition is one atomic operation.

    Args:
        needs_person: Sentences about what newly needs a person.
        notices: Sentences worth telling that need nobody.
        stopped_by: What ended the run before it was through.
    """

    job: ClassVar[str]
    """Whose section of the settings limits the run."""
    writing: ClassVar[tuple[str, str]] = ("written", "write")
    """What the run does, as the sentence about a rehearsal says it."""

    needs_person: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    stopped_by: SyncError | None = None

    def escalate(self, sentence: str) -> None:
        """Add what newly needs a person."""
        self.needs_person.append(sentence)

    def notify(self, sentence: str) -> None:
        """Add what is worth telling and needs nobody."""
        self.notices.append(sentence)


def raise_alert(
    ledger: Ledger,
    report: RunReport,
    kind: AlertKind,
    message: str,
    *,
    code: str | None = None,
    about: str = "",
    again: bool = False,
) -> bool:
    """Put something before a person: an alert that stands, and a sentence where it is new.

    Args:
        ledger: Where the alert is opened, in the unit of work that is open, if one is.
        report: Gets the sentence.
        kind: For example ``order.drift``.
        message: One sentence, without personal data.
        code: The order's, where it concerns one.
        about: What else it is about: a hook's name, for example.
        again: It is new even where it stands already.

    Returns:
        Whether it is new.
    """
    is_new = ledger.alerts.open(kind, message, code=code, about=about, again=again)
    if is_new:
        report.escalate(f"{code}: {message}" if code else message)
    return is_new
