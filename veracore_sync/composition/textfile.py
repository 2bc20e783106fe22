"""The Prometheus textfile, written at the end of a recorded run."""

from __future__ import annotations

import logging
from pathlib import Path

from veracore_sync.composition.container import Container
from veracore_sync.domain.errors import LedgerError
from veracore_sync.files import write_whole

_LOG = logging.getLogger(__name__)


def write_metrics(container: Container) -> None:
    """Write ``metrics.textfile`` if it is set; a failure is only logged."""
    path = container.settings.metrics.textfile
    if not path:
        return
    # Few set it, and it brings every record of the ledger.
    from veracore_sync.jobs.metrics import exposition

    try:
        text = exposition(container.ledger, container.clock.now(), container.settings)
        # Readable by others: node_exporter runs as its own user.
        write_whole(Path(path), text, mode=0o644)
    except (OSError, LedgerError) as error:
        _LOG.warning("cannot write metrics.textfile %s: %s", path, error)
