"""The listener's counters, for /metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from veracore_sync.prometheus import Metric, render


class Counters:
    """Counters of this process; any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._answers: Counter[int] = Counter()

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += by

    def answered(self, status: int) -> None:
        """Count an answer."""
        with self._lock:
            self._answers[status] += 1

    def render(self, gauges: Mapping[str, float]) -> str:
        """All counters and `gauges` in Prometheus' text format."""
        with self._lock:
            counts, answers = dict(self._counts), dict(self._answers)
        answered = [({"status": status}, count) for status, count in sorted(answers.items())]
        return render(
            [
                Metric("webhooks_answers_total", "counter", answered),
                *(
                    Metric(f"webhooks_{name}_total", "counter", [({}, count)])
                    for name, count in sorted(counts.items())
                ),
                *(
                    # The usual :g would round a million and more.
                    Metric(f"webhooks_{name}", "gauge", [({}, f"{value:.15g}")])
                    for name, value in sorted(gauges.items())
                ),
            ]
        )
