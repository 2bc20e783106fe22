"""Delivery of events while the listener runs."""

from __future__ import annotations

from veracore_sync.composition.container import Container
from veracore_sync.composition.event_delivery import AT_A_RUNS_END_SECONDS, deliver_due
from veracore_sync.webhooks.supervision import Part, SupervisedThread

_PERIOD = 2.0


class EventThread:
    """Delivers events in a thread of its own, inside a ``with`` block.

    Args:
        container: The listener's.
        part: Records its health.
    """

    def __init__(self, container: Container, part: Part) -> None:
        self._container = container
        self._thread = SupervisedThread(part, self._turn)

    def __enter__(self) -> EventThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the current delivery to end."""
        self._thread.stop(AT_A_RUNS_END_SECONDS + self._container.settings.hooks.timeout_seconds)

    def is_alive(self) -> bool:
        """Whether it delivers."""
        return self._thread.is_alive()

    def _turn(self) -> None:
        deliver_due(self._container)
        self._thread.rest(_PERIOD)
