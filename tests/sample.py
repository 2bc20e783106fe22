"""Parts of what would take too long as a whole; TEST_ALL=1 asks for the whole.

Of a table that is a product each value of each axis is met, so a reader or a fault that is handled
wrongly is found; a fault of one pair alone is left to the whole table. What else is left out is
chosen by the commit: the same for the same one, and over many commits everything.
"""

from __future__ import annotations

import os
import subprocess
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

IS_WHOLE = os.environ.get("TEST_ALL") == "1" or "TEST_VENDURE" in os.environ
"""Whether everything is asked for: also where a Vendure is chosen (tests/vendure_cells.py)."""

Case = TypeVar("Case")


def _of_commit() -> int:
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    with suppress(OSError):
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return int(done.stdout[:8], 16)
    return 0


TURN = _of_commit()
"""A number that the commit chooses; 0 where there is no repository."""


def is_due(case: str, turns: int, turn: int = TURN) -> bool:
    """Whether a case, by its name, is among those of this turn; each is so in one of the turns."""
    return zlib.crc32(case.encode()) % turns == turn % turns


def one_of(*values: Case) -> list[Case]:
    """Return the value that is this commit's turn, or all."""
    return list(values) if IS_WHOLE else [values[TURN % len(values)]]


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
