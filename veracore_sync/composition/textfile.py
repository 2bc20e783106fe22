"""The metrics' textfile, written at the end of a run that is recorded."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from veracore_sync.errors import LedgerError

if TYPE_CHECKING:
    from veracore_sync.composition.container import Container

_LOG = logging.getLogger(__name__)


def write_metrics(parts: Container) -> None:
    """Write ``metrics.textfile``, where it is set; a failure is logged and never more."""
    path = parts.settings.metrics.textfile
    if not path:
        return
    from veracore_sync.files import write_whole
    from veracore_sync.jobs.metrics import exposition

    try:
        text = exposition(parts.ledger, parts.clock.now(), parts.settings)
        # Others read it: node_exporter runs as a user of its own.
        write_whole(Path(path), text, mode=0o644)
    except (OSError, LedgerError) as error:
        _LOG.warning("metrics.textfile %s was not written: %s", path, error)
