"""The parts of the docs that are written from the code; run it to write them anew.

.venv/bin/python tests/generated_docs.py
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from admin_mutations import handled

from veracore_sync.domain.differences import DIFFERENCES, DifferenceEntry, DifferenceType
from veracore_sync.domain.kinds import ALERT_DATA, ALERTS, EVENTS, AlertKind, EventKind
from veracore_sync.domain.states import (
    CANCEL_TRANSITIONS,
    QUEUED,
    SLIP_TRANSITIONS,
    TRANSITIONS,
    UNDECIDED,
    OrderState,
    State,
    Transition,
)

DOCS = Path(__file__).parents[1] / "docs"


# ---- states ----------------------------------------------------------------------------------


GROUPS = {"any": tuple(OrderState), "undecided": UNDECIDED, "queued": QUEUED}
"""Boxes that stand for several states, so that not each of them needs its own arrow."""


def diagram(transitions: Mapping[str, Transition[State]]) -> str:
    """The changes of state as a diagram; what keeps the state is no arrow."""
    acts: dict[tuple[str, str], list[str]] = {}
    for act, transition in transitions.items():
        for source in _boxes(transition.sources):
            for target in transition.targets:
                if source != target:
                    acts.setdefault((source, target), []).append(act)
    used = {source for source, _ in acts}
    boxes = (
        f'    state "{"any state" if name == "any" else " / ".join(states)}" as {name}'
        for name, states in GROUPS.items()
        if name in used
    )
    arrows = (
        f"    {source} --> {target}: {', '.join(by)}" for (source, target), by in acts.items()
    )
    return "\n".join(("```mermaid", "stateDiagram-v2", *boxes, *arrows, "```"))


def _boxes(sources: tuple[str, ...]) -> list[str]:
    if not sources:
        return ["[*]"]
    for name, states in GROUPS.items():
        if set(states) <= set(sources):
            return [name, *(one for one in sources if one not in states)]
    return list(sources)


def allowed(transitions: Mapping[str, Transition[State]]) -> str:
    """Every transition: from where it may happen, and where it leads."""
    rows = (
        (f"`{act}`", _names(one.sources) or "new", _names(one.targets) or "as it was")
        for act, one in transitions.items()
    )
    return table(("transition", "from", "to"), rows)


def states() -> str:
    """The state machines of orders, slips and cancellations."""
    return "\n\n".join(
        (
            diagram(TRANSITIONS),
            "Every transition of an order, and the states in which it is written:",
            allowed(TRANSITIONS),
            "A pick slip that VeraCore shipped:",
            diagram(SLIP_TRANSITIONS),
            "The cancellation of an order that VeraCore accepted:",
            diagram(CANCEL_TRANSITIONS),
        )
    )


def _names(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# ---- kinds -----------------------------------------------------------------------------------


def alerts() -> str:
    """What to do about each kind of alert."""
    rows = ((kind, (ALERTS[kind].what_to_do,)) for kind in AlertKind)
    return table(("alert", "what to do"), _grouped(rows))


def events() -> str:
    """Each kind of event, and the alerts that are events."""
    own = [(kind, (ALERTS[kind].when, ALERT_DATA)) for kind in AlertKind if kind.is_event]
    told = [(kind, (EVENTS[kind].when, EVENTS[kind].data)) for kind in EventKind]
    of_alerts = [one for one in told if one[0].startswith("alert.")]
    rows = (*(one for one in told if one not in of_alerts), *own, *of_alerts)
    return table(("type", "when", "data beside `vendureOrderCode`"), _grouped(rows))


def differences() -> str:
    """Each type of difference, what repairs it, and the alerts that tell the same."""
    rows = (
        (
            f"[`{type}`](#{type})",
            entry.meaning,
            _repair(entry),
            _names(sorted(entry.told_by)) or "none",
        )
        for type, entry in ((one, DIFFERENCES[one]) for one in DifferenceType)
    )
    return table(("type", "what differs", "what repairs it", "alerts that tell the same"), rows)


def _repair(entry: DifferenceEntry) -> str:
    command = f"`{entry.repair}`" if entry.repair else ""
    applied = "`--apply`" if entry.applied else ""
    by_hand = f"by hand: {entry.by_hand[:1].lower()}{entry.by_hand[1:]}" if entry.by_hand else ""
    return "; ".join(filter(None, (command, applied, by_hand)))


def _grouped(rows: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, ...]]:
    """Kinds of which the same is said share a row."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for kind, texts in rows:
        groups.setdefault(texts, []).append(kind)
    for texts, kinds in groups.items():
        yield (_names(kinds), *texts)


# ---- blocks ----------------------------------------------------------------------------------


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


BLOCKS: dict[tuple[str, str], Callable[[], str]] = {
    ("guarantees.md", "states"): states,
    ("troubleshoot.md", "alerts"): alerts,
    ("events.md", "events"): events,
    ("reconcile.md", "differences"): differences,
    ("vendure.md", "mutations"): handled,
}
"""What is written into which page, between ``<!-- name: generated -->`` and ``<!-- end -->``."""


def filled(page: str, name: str, text: str) -> str:
    """The page with that block as it is to be."""
    begin, end = f"<!-- {name}: generated by tests/generated_docs.py -->", "<!-- end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{end}", re.S)
    if not pattern.search(page):
        raise ValueError(f"no block {name}")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page, count=1)


if __name__ == "__main__":
    for (file, block), write in BLOCKS.items():
        path = DOCS / file
        path.write_text(filled(path.read_text(), block, write()))
