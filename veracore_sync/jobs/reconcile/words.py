"""A difference in words, as alerts and ``stats`` tell it."""

from __future__ import annotations

from veracore_sync.domain.advice import PROGRAM, about, advised, typed
from veracore_sync.domain.differences import DIFFERENCES, Difference
from veracore_sync.domain.texts import one_line

_REPAIR = "Repair: "
_SIDE = 160
"""The most characters of a side's evidence in an alert."""


def in_words(one: Difference) -> str:
    """A difference in one sentence: its type, what each side has, and what repairs it."""
    sides = (("ledger", one.ledger), ("shop", one.shop), ("VeraCore", one.warehouse))
    shown = "; ".join(f"{side}: {_short(text)}" for side, text in sides if text)
    about = f"{one.type} ({one.detail})" if one.detail else str(one.type)
    return f"{about}: {shown}. {advice(one)}"


def advice_here(one: Difference) -> str:
    """The same for whoever reads it now: with the options that the command needs."""
    text = advised(advice(one))
    # A command that is all there is to say stands bare.
    return text.replace("`", "") if text.startswith(_REPAIR) else text


def advice(one: Difference) -> str:
    """What repairs it: the command, or what a person does."""
    entry = DIFFERENCES[one.type]
    if entry.by_hand and not one.repair:
        return about(entry.by_hand, NAME=one.name)
    return f"{_REPAIR}`{PROGRAM} {one.repair or typed(entry.repair, NAME=one.name)}`"


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _SIDE else text[: _SIDE - 1] + "…"
