"""Whose order it is, by its channels and `orders.channels`."""

from __future__ import annotations

from collections.abc import Set
from itertools import combinations

import pytest

from veracore_sync.config.orders import DEFAULT_CHANNEL as HOME
from veracore_sync.config.orders import OrdersSettings

CODES = (HOME, "east", "west")
SETS = [frozenset(some) for size in range(4) for some in combinations(CODES, size)]


def claim(named: Set[str], channels: Set[str]) -> str:
    return OrdersSettings(channels=tuple(sorted(named))).claim(channels)


@pytest.mark.parametrize(
    ("named", "channels", "whose"),
    [
        (set(), {HOME, "east"}, "ours"),
        ({HOME}, set(), "ours"),
        ({HOME}, {HOME}, "ours"),
        ({HOME}, {HOME, "east"}, "others"),
        ({"east"}, {HOME}, "others"),
        ({"east"}, {HOME, "east"}, "ours"),
        ({"east"}, {HOME, "east", "west"}, "shared"),
        ({HOME, "east"}, {HOME, "east", "west"}, "shared"),
        ({HOME}, {HOME, "east", "west"}, "others"),
        ({"east", "west"}, {HOME, "east", "west"}, "ours"),
        ({"East"}, {HOME, "east"}, "others"),
    ],
)
def test_whose_order(named: Set[str], channels: Set[str], whose: str) -> None:
    assert claim(named, channels) == whose


@pytest.mark.parametrize(
    "channels", [one for one in SETS if HOME in one], ids=lambda one: "+".join(sorted(one))
)
def test_configurations_that_share_no_channel_never_both_send_an_order(channels: Set[str]) -> None:
    for mine in SETS:
        for theirs in SETS:
            if mine and theirs and not mine & theirs:
                assert "ours" not in {claim(mine, channels)} & {claim(theirs, channels)}
