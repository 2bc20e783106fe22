"""The names of actions in a plan's document: scripts read them (docs/json.md)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.tracking.actions import (
    Action,
    AdoptFulfilment,
    AlreadyFulfilled,
    Close,
    Correct,
    EndOrder,
    Escalate,
    Fulfil,
    Hold,
    ReportIssue,
    Undo,
)
from veracore_sync.jobs.tracking.document import action_document

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
OURS = Fulfilment("7", "Shipped", "1Z", {"1": 2})
ACTIONS: dict[str, Action] = {
    "fulfil": Fulfil("9", {"1": 2}, "UPS", "1Z", ()),
    "adopt": AdoptFulfilment("9", OURS, ()),
    "cover": AlreadyFulfilled("9", ()),
    "wait": Hold("9", "it failed", datetime(2026, 3, 2, tzinfo=UTC)),
    "hand over": Escalate("9", AlertKind.ORDER_VOIDED, "all labels are void"),
    "correct": Correct("9", "1Y", "1Z", ()),
    "undo": Undo("9", OURS),
    "report": ReportIssue(AlertKind.ORDER_BEYOND, "too many"),
    "end": EndOrder(),
    "close": Close(),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_each_action_keeps_its_name(name: str) -> None:
    assert action_document("A", ACTIONS[name])["action"] == name


def test_every_action_has_a_name_and_the_page_lists_it() -> None:
    assert {type(one) for one in ACTIONS.values()} == set(get_args(Action))
    (listed,) = re.findall(r'`plan` lists the actions: `\{"action": ([^,]*),', PAGE.read_text())
    assert listed.replace('"', "").split("|") == list(ACTIONS)
