"""What the listener counts, for /metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Meter:
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
        """All of it, and `gauges`, in the text format of Prometheus."""
        with self._lock:
            counts, answers = dict(self._counts), dict(self._answers)
        lines = ["# TYPE veracore_sync_webhooks_answers_total counter"]
        lines += [
            f'veracore_sync_webhooks_answers_total{{status="{status}"}} {count}'
            for status, count in sorted(answers.items())
        ]
        for name, count in sorted(counts.items()):
            full = f"veracore_sync_webhooks_{name}_total"
            lines += [f"# TYPE {full} counter", f"{full} {count}"]
        for name, value in sorted(gauges.items()):
            full = f"veracore_sync_webhooks_{name}"
            lines += [f"# TYPE {full} gauge", f"{full} {value:g}"]
        return "\n".join(lines) + "\n"
