"""The blocks of the docs that are written from the code are as the code has it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from generated_docs import BLOCKS, DOCS, diagram, filled

from veracore_sync.domain.kinds import (
    ALERT_DATA,
    ALERTS,
    EVENTS,
    HOOK_ALERTS,
    AlertKind,
    EventKind,
    stuck_kind,
)
from veracore_sync.domain.states import PickSlipState, Transition
from veracore_sync.jobs.schedule import COMMANDS

CODE = Path(__file__).parents[2] / "veracore_sync"
SCHEMA = json.loads((DOCS / "schemas" / "event.json").read_text())


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_a_block_is_what_is_generated(page: str, block: str) -> None:
    text = (DOCS / page).read_text()
    assert filled(text, block, BLOCKS[page, block]()) == text, "run tests/generated_docs.py"


def test_a_block_that_is_not_there_is_no_block() -> None:
    with pytest.raises(ValueError, match="no block"):
        filled("# A page", "states", "")


def test_the_diagram_follows_the_table() -> None:
    closed, opened = PickSlipState.DONE, PickSlipState.OPEN
    drawn = diagram({"make": Transition((), (opened,)), "end": Transition((opened,), (closed,))})
    assert "[*] --> open: make" in drawn
    assert "open --> done: end" in drawn
    assert "-->" not in diagram({"note": Transition((opened,))})


# ---- kinds -----------------------------------------------------------------------------------


def test_every_kind_has_its_row_and_is_used() -> None:
    without_a_row = {*AlertKind, *EventKind} - {*ALERTS, *EVENTS}
    assert not without_a_row, f"domain/kinds.py has no row for {sorted(without_a_row)}"
    assert (set(ALERTS), set(EVENTS)) == (set(AlertKind), set(EventKind))
    assert not {kind.value for kind in AlertKind} & {kind.value for kind in EventKind}
    # What only names them does not raise them.
    naming = {"kinds.py", "alert_words.py"}
    code = "".join(path.read_text() for path in CODE.rglob("*.py") if path.name not in naming)
    used = set(re.findall(r"(?:Alert|Event)Kind\.([A-Z_]+)", code))
    # Raised under either name by one line of `deliver`.
    used |= {kind.name for kind in HOOK_ALERTS}
    made = {stuck_kind(job) for job in COMMANDS} | {AlertKind.VENDURE_DOWN, AlertKind.VERACORE_DOWN}
    to_raise = {kind.name for kind in (*AlertKind, *EventKind) if kind not in made}
    assert not to_raise - used, f"nothing raises {sorted(to_raise - used)}"
    assert to_raise == used


@pytest.mark.parametrize("kind", AlertKind)
def test_an_alert_that_is_an_event_says_when(kind: AlertKind) -> None:
    assert bool(ALERTS[kind].when) == kind.is_event
    assert ALERTS[kind].what_to_do


@pytest.mark.parametrize("kind", [*EventKind, *(kind for kind in AlertKind if kind.is_event)])
def test_an_event_is_in_the_schema(kind: EventKind | AlertKind) -> None:
    assert re.fullmatch(SCHEMA["properties"]["type"]["pattern"], kind)
    told = EVENTS[kind].data if isinstance(kind, EventKind) else ALERT_DATA
    if told.startswith("the same"):
        told += EVENTS[EventKind.TRACKING_UPDATED].data
    fields = set(re.findall(r"`(\w+)`", told))
    for rule in SCHEMA["allOf"]:
        named = rule["if"]["properties"]["type"]
        if kind in named.get("enum", [named.get("const")]):
            assert set(rule["then"]["properties"]["data"]["required"]) <= fields


def test_the_schema_names_no_other_kind() -> None:
    named = [rule["if"]["properties"]["type"] for rule in SCHEMA["allOf"]]
    kinds = {kind for one in named for kind in one.get("enum", [one.get("const")])}
    assert kinds == set(EventKind)
