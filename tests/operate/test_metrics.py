"""The metrics: what they say, that the docs say the same, and that they never stop a run."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import make_settings
from rig import Rig

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.metrics import METRICS, exposition
from veracore_sync.jobs.reconcile.coverage import remember
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger
from veracore_sync.prometheus import PREFIX
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTENT = DifferenceType.CONTENT_DIFFERS
SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)(?P<labels>\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? (?P<value>[-+.e\d]+)'
)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = open_ledger(None)
    yield made
    made.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        shop.state.place_order([("MUG", 2)])
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        yield made


def samples(text: str) -> dict[str, float]:
    """Each line's value by its name and labels; every line is well-formed."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        key = match["name"].removeprefix(PREFIX) + (match["labels"] or "")
        assert key not in found, line
        found[key] = float(match["value"])
    return found


def run_sql(ledger: Ledger, sql: str, *values: object) -> None:
    with ledger.database.transaction() as connection:
        connection.execute(sql, values)


def test_the_document_lists_every_metric_with_its_meaning_and_labels(ledger: Ledger) -> None:
    rows = re.findall(r"(?m)^\| `veracore_sync_(\w+)` \|([^|]*)\| (.*) \|$", DOCUMENT)
    assert {name: meaning for name, _, meaning in rows} == METRICS
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels, _ in rows}
    fill(ledger)
    found = (key.partition("{") for key in samples(exposition(ledger, NOW, make_settings())))
    assert {name: set(re.findall(r'(\w+)="', labels)) for name, _, labels in found} == documented


def fill(ledger: Ledger) -> None:
    """Something under every metric."""
    ago = [to_text(NOW - timedelta(minutes=minutes)) for minutes in range(100)]
    for number, (begin, end, code) in enumerate([(60, 59, 0), (30, 28, 69), (10, None, None)], 1):
        run_sql(
            ledger,
            "INSERT INTO runs VALUES (?, 'sync-orders', 1, ?, ?, ?, '{}')",
            number,
            ago[begin],
            ago[end] if end else None,
            code,
        )
    for code, state, seen in (("A", "pending", 5), ("B", "failed", 90), ("C", "parked", 99)):
        run_sql(
            ledger,
            "INSERT INTO orders (code, vendure_id, state, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?)",
            code,
            code,
            state,
            ago[seen],
            ago[seen],
        )
    run_sql(ledger, "INSERT INTO breakers VALUES ('veracore', 'orders', 'open', 5, '', '', NULL)")
    run_sql(
        ledger,
        "INSERT INTO hints (kind, name, asked, asked_at, due_at) VALUES ('order', 'A', 1, ?, ?)",
        ago[3],
        ago[3],
    )
    run_sql(ledger, "INSERT INTO events VALUES (1, 'evt', 'order.synced', 'A', ?, '{}')", ago[1])
    run_sql(ledger, "INSERT INTO deliveries (hook, seq) VALUES ('url', 1)")
    ledger.alerts.open(AlertKind.ORDER_PARKED, "m", code="C")
    ledger.alerts.open(AlertKind.ORDER_DRIFT, "m", code="C")
    ledger.alerts.resolve("order.drift", code="C")
    read = '{"mode": "full", "guard": null}'
    run_sql(
        ledger,
        "INSERT INTO runs VALUES (9, 'sync-inventory', 1, ?, ?, 0, ?)",
        *(ago[50], ago[45], read),
    )
    remember(ledger, NOW, in_scope=12, compared=9, left=3, complete=True)
    for name in ("A", "B"):
        ledger.differences.saw([Difference(CONTENT, name, "synced", "MUG 2", "MUG 1", None)])
    ledger.differences.accept(CONTENT, "B", "why")


def test_the_figures(ledger: Ledger) -> None:
    fill(ledger)
    found = samples(exposition(ledger, NOW, make_settings()))
    orders = '{command="sync-orders"}'
    assert found[f"last_run_exit_code{orders}"] == 69
    assert found[f"last_run_duration_seconds{orders}"] == 120
    assert found[f"last_run_timestamp_seconds{orders}"] == NOW.timestamp() - 28 * 60
    assert found[f"last_success_timestamp_seconds{orders}"] == NOW.timestamp() - 59 * 60
    assert found['job_overdue{job="orders"}'] == 1
    assert found['job_overdue{job="inventory"}'] == 0
    assert found['orders{state="parked"}'] == 1
    assert found['orders{state="synced"}'] == 0
    assert found["backlog_age_seconds"] == 90 * 60
    assert found['breaker_state{upstream="veracore",family="orders"}'] == 2
    assert found["inbox_waiting"] == 1
    assert found["inbox_oldest_waiting_seconds"] == 180
    assert found['outbox_waiting{hook="url"}'] == 1
    assert found['alerts_open{kind="order.parked"}'] == 1
    assert found['alerts_open{kind="order.drift"}'] == 0
    assert found['credentials_refused{upstream="vendure"}'] == 0
    assert found["inventory_full_timestamp_seconds"] == NOW.timestamp() - 45 * 60
    content, foreign = '{type="content_differs"}', '{type="foreign_at_warehouse"}'
    assert found[f"differences{content}"] == found[f"differences_accepted{content}"] == 1
    assert found[f"differences{foreign}"] == found[f"differences_accepted{foreign}"] == 0
    assert (found["reconcile_orders"], found["reconcile_orders_compared"]) == (12, 9)
    assert found["reconcile_complete_timestamp_seconds"] == NOW.timestamp()


def test_an_empty_ledger_has_figures_too(ledger: Ledger) -> None:
    found = samples(exposition(ledger, NOW, make_settings()))
    assert found["backlog_age_seconds"] == found["inbox_waiting"] == 0
    assert not any(
        key.startswith(("last_", "differences", "reconcile", "inventory")) for key in found
    )


def test_labels_are_escaped(ledger: Ledger) -> None:
    ledger.alerts.open(AlertKind.ORDER_OLD, "m")
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE alerts SET kind = ?", ('a"b\\c\nd',))
    assert r'alerts_open{kind="a\"b\\c\nd"} 1' in exposition(ledger, NOW, make_settings())


def test_each_run_writes_the_file_whole_for_others_to_read(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "collector" / "veracore_sync.prom"
    path.parent.mkdir()
    rig.env["VERACORE_SYNC_METRICS__TEXTFILE"] = str(path)
    rig.sync("--dry-run")
    assert not path.exists()
    rig.sync()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    found = samples(path.read_text())
    assert found['orders{state="synced"}'] == 1
    assert found['last_run_exit_code{command="sync-orders"}'] == 0
    ended = rig.run("sync-orders", VENDURE_ADMIN_API_URL="http://127.0.0.1:9/admin-api")
    assert ended.code == 78  # the ledger belongs to another shop
    rig.run("sync-orders", VENDURE_PASSWORD="wrong")
    assert samples(path.read_text())['last_run_exit_code{command="sync-orders"}'] == 77
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_a_warning_and_no_more(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "veracore_sync.prom"
    ended = rig.run("sync-orders", "--json", VERACORE_SYNC_METRICS__TEXTFILE=str(path))
    assert ended.code == 0
    assert ended.json["submitted"] == 1
    assert "metrics.textfile" in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("path", ["relative.prom", "/tmp/metrics.txt"])
def test_a_path_that_node_exporter_would_pass_over_is_refused(rig: Rig, path: str) -> None:
    ended = rig.run("config", "show", VERACORE_SYNC_METRICS__TEXTFILE=path)
    assert ended.code == 78
    assert ".prom" in ended.err
