"""What a sync did, as the report of its command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.domain.errors import SyncError


class _Planned(Protocol):
    needs_person: list[str]
    stopped_by: SyncError | None

    @property
    def plan(self) -> object:
        """Of a run that must not write; else ``None``."""


Report = TypeVar("Report", bound=_Planned)


def sync_report(
    report: Report,
    document: dict[str, Any],
    counts: Mapping[str, Any],
    show: Callable[[Report], None] | None,
) -> CommandReport:
    """The report of a command that ran a sync.

    Args:
        report: The run's.
        document: For ``--json``.
        counts: For the run record.
        show: Prints the run for a person.
    """
    return CommandReport(
        document,
        counts,
        report.needs_person,
        report.stopped_by,
        show=partial(show, report) if show else None,
        asked_for=report.plan is not None,
    )
