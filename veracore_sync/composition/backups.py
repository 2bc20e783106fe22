"""The record of backups, so that it is noticed when none is made any more."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager

from veracore_sync.composition.container import Container
from veracore_sync.domain.errors import LedgerOutdated, SyncError
from veracore_sync.jobs.schedule import BACKUP

_LOG = logging.getLogger(__name__)


@contextmanager
def backup_recorded(container: Container, *, is_scheduled: bool) -> Iterator[None]:
    """Record how the backup in this block ended.

    Args:
        container: Of the command, which only reads the ledger.
        is_scheduled: Whether a timer makes such backups (``--keep``); others are not recorded.
    """
    error: SyncError | None = None
    try:
        yield
    except SyncError as failure:
        error = failure
        raise
    finally:
        if is_scheduled and container.has_ledger and container.ledger.place is not None:
            _record(container, error)


def _record(container: Container, error: SyncError | None) -> None:
    from veracore_sync.ledger.opening import open_ledger, place_of

    said = {"errorClass": str(error.category), "error": error.message} if error else {}
    try:
        place = place_of(container.settings.ledger)
        # Raises where the ledger waits for its upgrade, which a backup must not be.
        open_ledger(place, read_only=True, clock=container.clock).close()
        with closing(open_ledger(place, clock=container.clock)) as ledger:
            code = error.exit_code if error else 0
            ledger.runs.end(ledger.runs.begin(BACKUP), code, said)
    except LedgerOutdated:
        return
    except SyncError as failure:
        # The backup is what counts: a ledger on a disk that is full can still be copied.
        _LOG.info("the backup is not recorded: %s", failure.message)
