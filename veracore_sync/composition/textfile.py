"""The metrics' textfile, written at the end of a run that is recorded."""

from __future__ import annotations

import logging
from pathlib import Path

from veracore_sync.composition.container import Container
from veracore_sync.domain.errors import LedgerError
from veracore_sync.files import write_whole

_LOG = logging.getLogger(__name__)


def write_metrics(parts: Container) -> None:
    """Write ``metrics.textfile``, where it is set; a failure is logged and never more."""
    path = parts.settings.metrics.textfile
    if not path:
        return
    # Few set it, and it brings every record of the ledger.
    from veracore_sync.jobs.metrics import exposition

    try:
        text = exposition(parts.ledger, parts.clock.now(), parts.settings)
        # Others read it: node_exporter runs as a user of its own.
        write_whole(Path(path), text, mode=0o644)
    except (OSError, LedgerError) as error:
        _LOG.warning("metrics.textfile %s was not written: %s", path, error)
