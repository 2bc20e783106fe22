"""What a run did, and the one way to raise an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.reasons import Reasons
from veracore_sync.ports.ledger import Ledger


@dataclass(slots=True)
class RunReport:
    """What a run did. It is filled as the run advances, so it is correct if the run ends early.

    A job adds its own counts. Threads may add to it: each addition is one atomic operation.

    Args:
        needs_person: Sentences about what newly needs a person.
        notices: Sentences for information.
        stopped_by: What ended the run early.
        reasons: Why each number of the run is what it is.
        covered: The notices that `reasons` cover: in the document's notes, and not printed twice.
    """

    job: ClassVar[str]
    """The job, whose section of the settings limits the run."""
    writing: ClassVar[tuple[str, str]] = ("written", "write")
    """What the run does, in the words of the notice about a rehearsal."""

    needs_person: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    stopped_by: SyncError | None = None
    reasons: Reasons = field(default_factory=Reasons)
    covered: list[str] = field(default_factory=list)

    def escalate(self, sentence: str) -> None:
        """Add a sentence about what newly needs a person."""
        self.needs_person.append(sentence)

    def notify(self, sentence: str) -> None:
        """Add a sentence for information."""
        self.notices.append(sentence)

    def notify_once(self, sentence: str) -> None:
        """Add a sentence that says what `reasons` say, too."""
        self.covered.append(sentence)
        self.notify(sentence)


def short_difference(units: Mapping[str, int]) -> str:
    """Units by SKU that will not ship, as the difference of ``order.short``: two jobs find it."""
    by_sku = sorted((sku.casefold(), count) for sku, count in units.items() if count)
    return ", ".join(f"{count} x {sku}" for sku, count in by_sku)


def raise_alert(
    ledger: Ledger,
    report: RunReport,
    kind: AlertKind,
    message: str,
    *,
    code: str | None = None,
    about: str = "",
    again: bool = False,
    difference: str | None = None,
) -> bool:
    """Open an alert, and report it if it is new.

    The alert is opened in the caller's unit of work, if there is one, so that it is stored exactly
    if its change is.

    Args:
        message: One sentence, without personal data.
        code: The order's code, if the alert concerns an order.
        about: What else the alert is about: a hook's name, for example.
        again: Report the alert even if it is already open.
        difference: What is reported, if the message also says other things; a person who accepts
            the alert accepts this.

    Returns:
        Whether the alert is new.
    """
    is_new = ledger.alerts.open(
        kind, message, code=code, about=about, again=again, difference=difference
    )
    if is_new:
        report.escalate(f"{code}: {message}" if code else message)
    return is_new
