"""Charts: scales, bars and lines within their plot, and tables that say the same."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_world import open_world

from veracore_sync.admin.charts import HEIGHT, Chart, Column, Drawing, Series
from veracore_sync.admin.overview_charts import DAYS, charts_of
from veracore_sync.admin.words import Piece, counts_in_words, ending, folded, pieces, sentence

TWO = (Series("sent", "good"), Series("parked", "bad"))
HOUR = 3600.0


def drawing(*values: tuple[float | None, float | None], is_span: bool = False) -> Drawing:
    columns = [Column(f"03-{n:02}", f"{n}", value) for n, value in enumerate(values, 1)]
    return Drawing("a", "Orders by day", "Day", TWO, columns, is_span=is_span)


def number(text: str) -> float:
    return float(text.removesuffix("%"))


def test_bars_stand_upon_one_another() -> None:
    chart = drawing((3, 1), (0, 0), (1, 0)).stacked()
    assert [tick.says for tick in chart.scale] == ["0", "1", "2", "3", "4"]
    low, high, alone = chart.bars
    assert (low.style, high.style, alone.style) == ("good", "bad", "good")
    assert high.y + high.y2 == pytest.approx(low.y, abs=0.2)
    assert low.y + low.y2 == pytest.approx(HEIGHT, abs=0.2)
    assert low.y2 == pytest.approx(3 * high.y2, abs=0.5)
    assert low.says == "03-01: 3 sent"
    assert chart.summary == "Orders by day. 03-01: 3 sent, 1 parked; 03-03: 1 sent."
    assert chart.heads == ("Day", "sent", "parked")
    assert list(chart.rows) == [("03-03", "1", "0"), ("03-01", "3", "1")]


def test_a_line_is_interrupted_where_nothing_is_known() -> None:
    chart = drawing((HOUR, 5 * HOUR), (None, None), (2 * HOUR, 2 * HOUR), (HOUR, HOUR)).stacked()
    assert chart.bars
    chart = drawing(
        (HOUR, 5 * HOUR), (None, None), (2 * HOUR, 2 * HOUR), (HOUR, HOUR), is_span=True
    ).lined()
    assert [(line.style, line.x) for line in chart.lines] == [("good", "62.50%"), ("bad", "62.50%")]
    assert len(chart.points) == 6
    assert [tick.says for tick in chart.scale] == ["0 s", "2 h", "4 h", "6 h"]
    assert list(chart.rows)[-1] == ("03-01", "1 h", "5 h")


@pytest.mark.parametrize("is_span", [False, True])
def test_nothing_at_all_has_no_axis(is_span: bool) -> None:
    for chart in (
        drawing(is_span=is_span).stacked(),
        drawing((0, 0), is_span=is_span).stacked(),
        drawing((None, None), is_span=is_span).lined(),
    ):
        assert (list(chart.scale), list(chart.bars), list(chart.rows)) == ([], [], [])
        assert chart.summary == "Orders by day. Nothing yet."


VALUES = st.one_of(st.none(), st.floats(0, 1e8))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=40), st.booleans())
@settings(max_examples=60, deadline=None)
def test_everything_is_within_the_plot(
    values: list[tuple[float | None, float | None]], is_span: bool
) -> None:
    both = drawing(*values, is_span=is_span)
    for chart in (both.stacked(), both.lined()):
        assert len(chart.scale) <= 6
        assert len({tick.says for tick in chart.scale}) == len(chart.scale)
        for bar in chart.bars:
            assert 0 <= number(bar.x) <= number(bar.x) + number(bar.x2) <= 100.01
            assert 0 <= bar.y <= bar.y + bar.y2 <= HEIGHT + 1.1
        for mark in (*chart.points, *chart.lines):
            assert 0 <= number(mark.x) <= 100
            assert 0 <= mark.y <= HEIGHT + 0.1


def test_the_charts_of_two_weeks() -> None:
    ledger, clock = open_world()
    with closing(ledger):
        charts = {chart.name: chart for chart in charts_of(ledger, clock.now())}
        counts = ledger.orders.counts()
    assert list(charts) == ["orders", "sent", "shipped", "stock", "queue", "runs"]
    for name in ("orders", "sent", "shipped", "stock", "runs"):
        assert len(charts[name].columns) == DAYS
        assert charts[name].columns[-1].is_minor is False, "today is named"
    placed = sum(int(cell) for row in charts["orders"].rows for cell in row[1:])
    # Those of the first of the fifteen days are no longer shown.
    assert sum(counts.values()) - 14 <= placed <= sum(counts.values())
    assert [one.name for one in charts["sent"].legend] == ["median", "95 of 100 at most"]
    assert {one.style for one in charts["runs"].bars} == {"calm", "bad"}
    assert "The oldest has waited for 3 h." in charts["queue"].note
    _alike(charts["orders"])


def _alike(chart: Chart) -> None:
    """A table says what the summary says."""
    for row in chart.rows:
        assert row[0] in chart.summary


# ---- words --------------------------------------------------------------------------------------


def test_what_is_in_backquotes_is_a_command() -> None:
    assert pieces("run `retry A`, then look") == [
        Piece("run "),
        Piece("retry A", is_code=True),
        Piece(", then look"),
    ]
    assert pieces("") == []


def test_many_names_are_folded_and_a_few_are_not() -> None:
    few = "3 SKUs are unknown: A, B, C"
    assert folded(few) == [Piece(few)]
    many = ", ".join(f"S {n}" for n in range(20))
    found = folded(f"26 are unknown: {many} and 6 more; 2 are shared: X, Y")
    assert [one.text for one in found] == [
        "26 are unknown: ",
        "",
        " and 6 more",
        "; 2 are shared: X, Y",
    ]
    assert len(found[1].names) == 20
    assert found[1].names[-1] == "S 19"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("no order", "No order."), ("Done!", "Done!"), ("`retry A` it", "`retry A` it."), (" ", "")],
)
def test_sentences(text: str, expected: str) -> None:
    assert sentence(text) == expected


@pytest.mark.parametrize(
    ("exit_code", "result", "words", "is_good"),
    [
        (0, {"submitted": 2, "orders": []}, "2 sent", True),
        (3, {"parked": 1}, "1 parked; something new needs you", True),
        (3, {"errorClass": "auth", "error": "refused"}, "refused", False),
        (69, {"error": "no answer"}, "no answer", False),
        (70, {}, "exit code 70", False),
        # Any other command holds a job as well, and does none of its work: the record says which.
        (75, {"error": "orders: resolve is at work"}, "orders: resolve is at work", True),
        (None, {}, "running, or its process was killed", None),
    ],
)
def test_how_a_run_ended(
    exit_code: int | None, result: dict[str, object], words: str, is_good: bool | None
) -> None:
    end = ending("sync-orders", exit_code, result)
    assert (end.words, end.is_good) == (words, is_good)


def test_counts_that_are_no_numbers_are_left_out() -> None:
    assert counts_in_words("sync-orders", {"submitted": None, "failed": True}) == "no order was due"
    assert counts_in_words("reconcile", {"differences": [1, 2], "ordersCompared": 5}) == (
        "5 orders compared, 2 differences"
    )
    assert counts_in_words("deliver", {}) == "done"
    unmoved = {"mode": "changes", "totalProcessed": 0}
    assert counts_in_words("sync-inventory", unmoved) == "no level may have changed"
