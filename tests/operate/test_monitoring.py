"""What ``contrib/`` offers a monitor: rules that promtool accepts and tests, and a dashboard.

Each metric that they name exists, so none of them waits for a number that never comes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from present import missing

from veracore_sync.cli.commands import COMMANDS
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.metrics import METRICS
from veracore_sync.prometheus import PREFIX
from veracore_sync.webhooks.counters import Counters

ROOT = Path(__file__).parents[2]
RULES = ROOT / "contrib" / "prometheus" / "veracore-sync.rules.yml"
UNIT_TESTS = RULES.with_name("veracore-sync.test.yml")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "contrib/grafana/veracore-sync.json").read_text())
DOCUMENT = (ROOT / "docs" / "metrics.md").read_text()
LISTENER = {"part_up", "part_failures_total", "webhooks_answers_total"}


def expressions(panel: dict[str, Any]) -> Iterator[str]:
    for target in panel["targets"]:
        yield target["expr"]


SHOWN = [one for panel in DASHBOARD["panels"] for one in expressions(panel)]
ALERTS = re.findall(r"(?m)^      - alert: (\w+)$", RULES.read_text())


def rules_of(text: str) -> list[str]:
    return re.findall(r"(?ms)^        expr: (?:>-\n)?(.*?)^        (?:for|labels):", text)


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        missing("promtool is missing: apt-get install prometheus")
    done = subprocess.run(
        [program, *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_the_rules() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", RULES.name)


def test_each_rule_fires_when_it_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", UNIT_TESTS.name)
    text = UNIT_TESTS.read_text()
    for name in ALERTS:
        silent = f"alertname: {name}, exp_alerts: []"
        fires = f"alertname: {name}\n        exp_alerts:\n          - exp_labels:"
        assert silent in text, name
        assert fires in text, name


def names_in(expression: str) -> set[str]:
    return {one.removeprefix(PREFIX) for one in re.findall(rf"\b{PREFIX}\w+", expression)}


def test_each_metric_exists() -> None:
    rules = rules_of(RULES.read_text())
    assert len(rules) == len(ALERTS)
    counters = Counters()
    counters.answered(200)
    assert f"{PREFIX}webhooks_answers_total" in counters.render({})
    shop = DASHBOARD["templating"]["list"][1]["definition"]
    for expression in (*rules, *SHOWN, shop):
        names = names_in(expression)
        assert names
        assert names <= {*METRICS, *LISTENER}, expression
    # The dashboard leaves nothing of the ledger's out but how far a reconcile came.
    left = set(METRICS) - {name for one in SHOWN for name in names_in(one)}
    assert {name for name in left if not name.startswith("reconcile")} == set()


def test_each_command_and_state_exists() -> None:
    text = RULES.read_text() + " ".join(SHOWN)
    for command in re.findall(r'command="([^"]+)"', text):
        assert command in COMMANDS
    for states in re.findall(r'state=~"([^"]+)"', text):
        assert set(states.split("|")) <= set(OrderState)


def test_each_advice_is_a_command_of_the_program() -> None:
    advised = re.findall(r"`veracore-sync ([a-z-]+)", RULES.read_text() + json.dumps(DASHBOARD))
    assert advised
    assert set(advised) <= set(COMMANDS)


def test_the_panels_have_names_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(set(titles)) == len(titles) == len({one["id"] for one in DASHBOARD["panels"]})


def test_the_docs_describe_each_alert_and_both_files() -> None:
    for file in (RULES, UNIT_TESTS, ROOT / "contrib/grafana/veracore-sync.json"):
        assert str(file.relative_to(ROOT)) in DOCUMENT
    missing = [name for name in ALERTS if f"| `{name}` |" not in DOCUMENT]
    assert not missing
