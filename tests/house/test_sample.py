from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample import is_due, sample

TABLE = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abcdef")), max_size=20, unique=True)


@settings(max_examples=40)
@given(TABLE, st.integers(1, 3))
def test_each_value_is_met_so_often_or_as_often_as_it_is_there(
    table: list[tuple[int, str]], times: int
) -> None:
    chosen = sample(table, lambda case: case, times)
    assert [case for case in table if case in set(chosen)] == chosen
    for axis in (0, 1):
        there = Counter(case[axis] for case in table)
        met = Counter(case[axis] for case in chosen)
        assert all(met[value] >= min(times, count) for value, count in there.items())


def test_it_is_small_and_the_whole_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    table = list(product(range(8), "abcdefgh"))
    assert len(sample(table, lambda case: case, 1)) == 8
    monkeypatch.setenv("TEST_ALL", "1")
    assert sample(table, lambda case: case) == table


@given(st.text(), st.integers(1, 9), st.integers(0, 2**32))
def test_each_case_is_due_in_one_turn_of_any_that_follow(case: str, turns: int, first: int) -> None:
    assert sum(is_due(case, turns, first + one) for one in range(turns)) == 1
