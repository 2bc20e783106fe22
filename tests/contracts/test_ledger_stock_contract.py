"""The contract of the port `Ledger`: what a run of the stock stages, and what is remembered."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from fakes import START
from ledger_beds import (
    MINUTE,
    LedgerBed,
)

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import (
    LedgerError,
)
from veracore_sync.domain.staged_stock import ANY, Planned, StagedStock, StagedVariant
from veracore_sync.ports.ledger import Ledger


def variant(number: int, sku: str, kind: str = "plain") -> StagedVariant:
    part = sku.casefold()
    return StagedVariant(str(number), sku, part, part, kind, {"1": (5, 0, 5)})


def stage(ledger: Ledger, *skus: str, stock: tuple[str, ...]) -> None:
    ledger.stock.clear()
    ledger.stock.add_variants(variant(number, sku) for number, sku in enumerate(skus))
    ledger.stock.add_stock(StagedStock(sku.casefold(), "1", "1", sku, 3) for sku in stock)
    ledger.stock.add_up()


def test_variants_meet_the_stock_of_their_parts(ledger: Ledger) -> None:
    stage(ledger, "MUG", "TEE", stock=("MUG",))
    found = {one.variant.sku: (one.stock, one.state) for one in ledger.stock.matched()}
    assert found == {"MUG": ({"1": 3}, None), "TEE": (None, None)}
    assert ledger.stock.stock_of("mug") == {"1": 3}
    assert (ledger.stock.count_variants(), ledger.stock.count_variants("kit")) == (2, 0)
    assert (ledger.stock.count_parts(), ledger.stock.count_known()) == (1, (0, 0))
    ledger.stock.set_kind("unknown", [2])
    assert ledger.stock.names("unknown", 9) == ["TEE"]


def test_what_cannot_be_read_or_is_spelled_twice_is_told(ledger: Ledger) -> None:
    stage(ledger, "MUG", stock=("MUG",))
    ledger.stock.add_stock([StagedStock("tee", "1", "1", "TEE", 0, ANY)])
    ledger.stock.add_stock([StagedStock("mug", "1", "2", "Mug", 1)])
    ledger.stock.add_up()
    assert (ledger.stock.count_unread(), ledger.stock.unread_parts(9)) == (1, ["TEE"])
    assert ledger.stock.unread_of("tee") == {"1": ANY}
    assert ledger.stock.is_spelled_twice("mug")
    assert not ledger.stock.is_spelled_twice("tee")
    assert ledger.stock.count_variants("ambiguous") == 1


def test_a_variant_that_is_staged_after_the_stock_may_share_a_part(ledger: Ledger) -> None:
    stage(ledger, "MUG", stock=("MUG",))
    ledger.stock.add_variants([variant(7, "Mug")])
    assert ledger.stock.count_variants("ambiguous") == 0
    ledger.stock.mark_ambiguous()
    assert ledger.stock.count_variants("ambiguous") == 2


def test_a_plan_is_gone_on_with_in_its_order(ledger: Ledger) -> None:
    stage(ledger, "MUG", "TEE", stock=("MUG", "TEE"))
    plan = [Planned(n, str(n - 1), "X", {"1": 3}, {"1": 5}, {"1": 0}) for n in (2, 1)]
    ledger.stock.add_plan(plan)
    assert [one.ordinal for one in ledger.stock.planned()] == [1, 2]
    ledger.stock.note_levels({"0": {"1": (3, 0)}}, wrote=True)
    ledger.stock.note_levels({"1": {"1": (4, 0)}}, wrote=False)
    assert ledger.stock.count_written() == 1
    written = {
        one.variant.id: one.variant.levels for one in ledger.stock.matched(written_only=True)
    }
    assert written == {"0": {"1": [3, 0, 5]}, "1": {"1": [4, 0, 5]}}
    ledger.stock.clear_plan()
    assert ledger.stock.count_plan() == 0


def test_skus_are_remembered_from_run_to_run(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    def run(*stock: str, complete: bool = True) -> dict[str, tuple[str | None, int]]:
        stage(ledger, "MUG", "TEE", "CAP", stock=stock)
        found = {one.variant.sku: (one.state, one.missing) for one in ledger.stock.matched()}
        unknown = [one.ordinal for one in ledger.stock.matched() if not one.state and not one.stock]
        ledger.stock.set_kind("unknown", unknown)
        news.append(ledger.stock.new_names("unknown", 9))
        ledger.stock.remember(complete=complete)
        return found

    news: list[tuple[int, list[str]]] = []
    assert run("MUG", "TEE") == {"MUG": (None, 0), "TEE": (None, 0), "CAP": (None, 0)}
    assert run("MUG") == {"MUG": ("known", 0), "TEE": ("known", 0), "CAP": ("unknown", 0)}
    assert run("MUG", complete=False)["TEE"] == ("known", 1)
    assert run("MUG", "TEE", "CAP")["TEE"] == ("known", 1)
    assert run("MUG") == {"MUG": ("known", 0), "TEE": ("known", 0), "CAP": ("known", 0)}
    assert news[0] == (1, ["CAP"])
    assert ledger.stock.count_known() == (3, 2)


def test_staging_is_no_other_process_business(shared: LedgerBed) -> None:
    with closing(shared.open()) as ledger, closing(shared.open(read_only=True)) as reader:
        stage(ledger, "MUG", stock=("MUG",))
        ledger.stock.remember(complete=True)
        stage(reader, "MUG", "TEE", stock=("MUG", "TEE"))
        assert (ledger.stock.count_variants(), reader.stock.count_variants()) == (1, 2)
        assert reader.stock.count_known() == (1, 0)
        with pytest.raises(LedgerError):
            reader.stock.remember(complete=True)


def test_the_newest_run_of_each_mode_that_did_its_work(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    runs = ledger.runs

    def ran(code: int, mode: str, **said: str | None) -> None:
        result = {"mode": mode, "guard": None, "errorClass": None, **said}
        runs.end(runs.begin("sync-inventory"), code, result)

    def newest(mode: str = "") -> Any:
        found = runs.last_done("sync-inventory", mode)
        return found and (found.ended_at, found.result.get("mode"), found.result.get("fullBecause"))

    assert newest() is None
    ran(0, "full", fullBecause="--full")
    ledger_bed.clock.forward(minutes=1)
    ran(3, "full", guard="zero")
    ran(69, "full", errorClass="unavailable")
    ran(3, "changes")
    runs.begin("sync-inventory")
    assert newest() == (to_text(START + MINUTE), "changes", None)
    assert newest("full") == (to_text(START), "full", "--full")
    assert newest("named") is None
    # As by a version that did not say it.
    runs.end(runs.begin("sync-inventory"), 0, {"updated": 3})
    assert newest() == (to_text(START + MINUTE), None, None)
