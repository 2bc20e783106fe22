"""Which tests a commit runs where the whole suite is asked for: the long tables take turns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sample import IS_WHOLE, is_due

_ROOT = Path(__file__).parents[1]
_IN_TURN = {"alerts", "bad_records", "changes", "cli", "fire", "ledger", "operate", "probe"} | {
    "reconcile",
    "shop",
    "tracking",
    "veracore",
    "webhooks",
}
"""Folders of long tables, of which a commit runs a sixth of the cases; each stands alone."""
_TURNS = 6
_EACH_TIME = {"test_changes", "test_every_vendure", "test_inventory", "test_mutations"} | {
    "test_orders",
    "test_tracking",
    "test_webhooks",
}
"""The main jobs on a real shop; of the other tests there a commit runs a third."""
_TURNS_ON_A_REAL_SHOP = 3
_ALWAYS = {
    name
    for page in ("benchmarks/sabotages.toml", "docs/invariants.md")
    for name in re.findall(r"(?:\.py|…)::(\w+)", (_ROOT / page).read_text())
}
"""The tests that are named as those which notice, when a protection is missing."""


def _is_due(item: pytest.Item) -> bool:
    folder, file = item.path.parent.name, item.path.stem
    if getattr(item, "originalname", item.name) in _ALWAYS:
        return True
    if folder == "real":
        return file in _EACH_TIME or is_due(item.nodeid, _TURNS_ON_A_REAL_SHOP)
    return folder not in _IN_TURN or not hasattr(item, "callspec") or is_due(item.nodeid, _TURNS)


def take_turns(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where the whole suite is asked for, leave out the cases of long tables that are not due."""
    if IS_WHOLE or [str(one) for one in config.args] != ["tests"]:
        return
    left_out = [item for item in items if not _is_due(item)]
    items[:] = [item for item in items if _is_due(item)]
    config.hook.pytest_deselected(items=left_out)
