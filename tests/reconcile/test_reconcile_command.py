"""The command ``reconcile`` between the small shop and the simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rig import HereRig

from veracore_sync.domain.differences import DifferenceType
from veracore_sync.jobs.reconcile.document import RECONCILE_COUNTS
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/reconcile.json").read_text())
DIFFERENCE = SCHEMA["$defs"]["difference"]


class CommandBed(HereRig):
    """Four orders that VeraCore has."""

    codes: list[str]

    def reconcile(self, *arguments: str, code: int = 0) -> Any:
        ended = self.run("reconcile", "--json", *arguments)
        assert ended.code == code, (ended.code, ended.out, ended.err)
        return ended.json


@contextmanager
def command_bed(folder: Path, dialect: str = "oms") -> Iterator[CommandBed]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=1000)
        sandbox.world.set_stock("MUG", "MAIN", 1000)
        made = CommandBed(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        made.env["VERACORE_SYNC_RECONCILE__SETTLE_MINUTES"] = "0"
        made.codes = [shop.state.place_order([("MUG", 2)]).code for _ in range(4)]
        made.sync("--allow-first-run")
        yield made


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[CommandBed]:
    with command_bed(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandBed]:
    """For what changes nothing."""
    with command_bed(tmp_path_factory.mktemp("shared")) as made:
        yield made


def test_from_agreement_to_a_difference_and_back(bed: CommandBed) -> None:
    said = bed.run("reconcile")
    assert (said.code, said.err) == (0, "")
    assert "4 of 4 orders compared, 0 differ" in said.out
    code = bed.codes[1]
    bed.control("cancel", {"order": code})
    found = bed.reconcile(code=3)
    (one,) = found["differences"]
    assert (one["type"], one["name"]) == ("cancelled_there_open_here", code)
    assert (one["isNew"], one["isAccepted"]) == (True, False)
    assert found["complete"] is True
    table = bed.run("reconcile")
    assert (table.code, table.err) == (0, "")
    assert "cancelled_there_open_here" in table.out
    assert "4 of 4 orders compared, 1 differ" in table.out
    assert bed.reconcile("--type", "paid_not_sent")["differences"] == []
    accept = ["--accept", "agreed by phone", "--type", one["type"], "--order", code]
    (accepted,) = bed.reconcile(*accept)["accepted"]
    assert (accepted["isAccepted"], accepted["reason"]) == (True, "agreed by phone")
    again = bed.reconcile()
    assert [one["isAccepted"] for one in again["differences"]] == [True]
    assert again["totals"]["accepted"] == 1


def test_a_dialect_that_shows_little_says_so(tmp_path: Path) -> None:
    with command_bed(tmp_path, "rest") as bed:
        document = bed.reconcile()
        assert document["totals"]["ordersCompared"] == 4
        assert document["differences"] == []
        assert any("shows neither the content" in note for note in document["notes"])


def test_the_document_is_as_its_schema_says(bed: CommandBed) -> None:
    bed.control("cancel", {"order": bed.codes[0]})
    document = bed.reconcile(code=3)
    assert document.keys() == set(SCHEMA["required"])
    assert set(SCHEMA["properties"]) >= document.keys()
    assert set(document["totals"]) == set(SCHEMA["properties"]["totals"]["required"])
    assert set(RECONCILE_COUNTS) == set(document["totals"])
    assert document["differences"][0].keys() == set(DIFFERENCE["required"])
    assert DIFFERENCE["properties"].keys() == set(DIFFERENCE["required"])
    assert DIFFERENCE["properties"]["type"]["enum"] == [str(one) for one in DifferenceType]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--type", "paid_not_send"], 'did you mean "paid_not_sent"?'),
        (["--since", "2999-01-01"], "lies ahead"),
        (["--since", "2026-01-01", "--order", "X"], "exclude each other"),
        (["--name", "X"], "--name goes with --accept"),
        (["--max", "3"], "--max goes with --apply"),
        (["--accept", "why"], "--accept needs one --type"),
        (["--accept", "why", "--type", "paid_not_sent", "--order", "X"], "has no difference"),
        (["--order", "NO-SUCH"], "neither the ledger nor the shop"),
    ],
)
def test_what_is_asked_for_wrongly(shared: CommandBed, arguments: list[str], words: str) -> None:
    error = shared.reconcile(*arguments, code=2)["error"]
    assert words in error["message"]


def test_a_run_is_recorded_and_a_dry_run_is_not(bed: CommandBed) -> None:
    bed.control("cancel", {"order": bed.codes[0]})
    dry = bed.reconcile("--dry-run")
    assert (dry["dryRun"], len(dry["differences"])) == (True, 1)
    with bed.ledger() as ledger:
        assert ledger.runs.last_ended("reconcile") is None
        assert ledger.differences.standing() == []
    bed.reconcile(code=3)
    with bed.ledger() as ledger:
        last = ledger.runs.last_ended("reconcile")
        assert last is not None
        assert last.exit_code == 3


def test_another_run_holds_the_job(bed: CommandBed) -> None:
    bed.reconcile()
    holder = open_ledger(bed.ledger_path)
    with holder.runs.lock("reconcile", "reconcile"):
        assert bed.reconcile(code=75)["error"]["exitCode"] == 75
    holder.close()


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("VERACORE_CLIENT_SECRET", "wrong", 77),
        ("VENDURE_PASSWORD", "wrong", 77),
        ("VERACORE_SYNC_RECONCILE__DAYS", "0", 78),
    ],
)
def test_a_side_that_cannot_be_read(
    shared: CommandBed, setting: str, value: str, code: int
) -> None:
    was = dict(shared.env)
    shared.env[setting] = value
    document = shared.reconcile(code=code)
    shared.env = was
    assert document["differences"] == []
    with shared.ledger() as ledger:
        assert ledger.differences.agreed_of(shared.codes) == {}
