"""Events are delivered now and then, as long as a listener runs."""

from __future__ import annotations

from veracore_sync.composition.container import Container
from veracore_sync.composition.event_delivery import AT_A_RUNS_END_SECONDS, deliver_due
from veracore_sync.webhooks.supervision import Part, SupervisedThread

_PERIOD = 2.0


class EventThread:
    """Delivers in a thread of its own, while it is entered.

    Args:
        parts: The listener's.
        part: Records how it does.
    """

    def __init__(self, parts: Container, part: Part) -> None:
        self._parts = parts
        self._thread = SupervisedThread(part, self._turn)

    def __enter__(self) -> EventThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the delivery at hand end, as long as it may take."""
        self._thread.stop(AT_A_RUNS_END_SECONDS + self._parts.settings.hooks.timeout_seconds)

    def is_alive(self) -> bool:
        """Whether it delivers."""
        return self._thread.is_alive()

    def _turn(self) -> None:
        deliver_due(self._parts)
        self._thread.rest(_PERIOD)
