"""A part of a table that is a product, for the suite; TEST_ALL=1 asks for the whole.

Each value of each axis is met, so a reader or a fault that is handled wrongly is found; a fault
of one pair alone is left to the whole table.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

IS_WHOLE = os.environ.get("TEST_ALL") == "1"
"""Whether whole tables are asked for."""

Case = TypeVar("Case")


def sample(
    cases: Sequence[Case], axes: Callable[[Case], Sequence[Hashable]], times: int = 2
) -> list[Case]:
    """Return so few cases that each value of each axis is in as many as `times`, or in all it has.

    Args:
        cases: The whole table.
        axes: The values of a case, one an axis.
        times: How often each value is wanted.
    """
    if os.environ.get("TEST_ALL") == "1":
        return list(cases)
    values = {at: list(enumerate(axes(case))) for at, case in enumerate(cases)}
    there = Counter(value for row in values.values() for value in row)
    wanted = Counter({value: min(times, count) for value, count in there.items()})
    left, chosen = dict(values), []
    while any(wanted.values()):
        # the first of those that bring most; a value that is seldom in the table counts for more
        at = max(left, key=lambda one: sum(1 + 1 / there[v] for v in left[one] if wanted[v] > 0))
        for value in left.pop(at):
            wanted[value] = max(0, wanted[value] - 1)
        chosen.append(at)
    return [cases[at] for at in sorted(chosen)]
