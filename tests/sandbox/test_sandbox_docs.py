"""docs/sandbox.md names everything that the simulator has."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from veracore_sync.sandbox.behaviour import Behaviour
from veracore_sync.sandbox.control import Control
from veracore_sync.sandbox.exchange import OPERATIONS
from veracore_sync.sandbox.faults import KINDS, Faults
from veracore_sync.sandbox.soap_types import operations
from veracore_sync.sandbox.warehouse import World

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
NAMED = set(re.findall(r"`(\w+)`", PAGE))


def test_every_switch_is_documented() -> None:
    assert {field.name for field in fields(Behaviour)} <= NAMED


def test_every_fault_and_every_operation_is_documented() -> None:
    assert set(KINDS) | OPERATIONS | set(operations()) <= NAMED


def test_every_control_is_documented(clock: object) -> None:
    control = Control(World(False, None, clock), Faults())  # type: ignore[arg-type]
    assert {*control._reads, *control._writes} <= NAMED
