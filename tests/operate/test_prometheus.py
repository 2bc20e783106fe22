"""The text of the metrics, byte for byte, whoever counts."""

from __future__ import annotations

from datetime import UTC, datetime

from fakes import FakeClock

from veracore_sync.prometheus import Metric, render
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.supervision import Health

COUNTERS = """\
# TYPE veracore_sync_webhooks_answers_total counter
veracore_sync_webhooks_answers_total{status="202"} 2
veracore_sync_webhooks_answers_total{status="401"} 1
# TYPE veracore_sync_webhooks_duplicates_total counter
veracore_sync_webhooks_duplicates_total 1
# TYPE veracore_sync_webhooks_stored_total counter
veracore_sync_webhooks_stored_total 3
# TYPE veracore_sync_webhooks_oldest_waiting_seconds gauge
veracore_sync_webhooks_oldest_waiting_seconds 0.25
# TYPE veracore_sync_webhooks_ready gauge
veracore_sync_webhooks_ready 1
# TYPE veracore_sync_webhooks_waiting gauge
veracore_sync_webhooks_waiting 7
"""
PARTS = """\
# TYPE veracore_sync_part_up gauge
veracore_sync_part_up{part="accept"} 1
veracore_sync_part_up{part="store"} 0
# TYPE veracore_sync_part_failures_total counter
veracore_sync_part_failures_total{part="accept"} 0
veracore_sync_part_failures_total{part="store"} 2
"""


def test_the_counters_of_the_listener() -> None:
    meter = Counters()
    for status in (401, 202, 202):
        meter.answered(status)
    meter.count("stored", 3)
    meter.count("duplicates")
    state = {"waiting": 7, "ready": True, "oldest_waiting_seconds": 0.25}
    assert meter.render(state) == COUNTERS


def test_a_large_gauge_is_not_rounded() -> None:
    text = Counters().render({"waiting": 1_234_567, "oldest_waiting_seconds": 1_000_001.5})
    assert "veracore_sync_webhooks_waiting 1234567\n" in text
    assert "veracore_sync_webhooks_oldest_waiting_seconds 1000001.5\n" in text


def test_the_parts_of_a_server() -> None:
    health = Health(FakeClock())
    health.part("accept")
    store = health.part("store")
    for _ in range(2):
        store.failed(OSError(28, "No space left on device"))
    assert health.exposition() == PARTS


def test_one_writer() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    text = render(
        [
            Metric("a", "gauge", [({"x": 'q"b\\c\nd', "y": 1}, moment), ({}, 0)], "What it is."),
            Metric("none", "counter", []),
        ]
    )
    assert text == (
        "# HELP veracore_sync_a What it is.\n"
        "# TYPE veracore_sync_a gauge\n"
        'veracore_sync_a{x="q\\"b\\\\c\\nd",y="1"} 1772323200.0\n'
        "veracore_sync_a 0\n"
        "# TYPE veracore_sync_none counter\n"
    )
