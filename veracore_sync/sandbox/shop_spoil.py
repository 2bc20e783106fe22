"""Broken records of the small shop: an answer that contains the broken field fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from veracore_sync.sandbox.exchange import html_answer, json_answer
from veracore_sync.sandbox.faults import RESET, Outcome

KINDS = ("null", "odd", "http_500", "reset")
"""A null where the schema allows none, a value of another kind, a server error, a reset."""


@dataclass(slots=True)
class Spoiled:
    """The broken records: id and the field that is broken, and how."""

    _kinds: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, id: str, name: str, kind: str) -> None:
        """From now on the field `name` of the record with that id is broken (`KINDS`)."""
        self._kinds[id, name] = kind

    def clear(self) -> None:
        """All records are whole again."""
        self._kinds.clear()

    def apply_to(self, outcome: Outcome) -> Outcome:
        """Fail or change an answer that contains a broken field."""
        if not self._kinds or outcome.answer is None or outcome.answer.status != 200:
            return outcome
        document, touched = json.loads(outcome.answer.body), False
        for item in _items(document.get("data")):
            for (id, name), kind in self._kinds.items():
                if item.get("id") != id or name not in item:
                    continue
                if kind != "odd":
                    return _instead(kind, name)
                item[name], touched = "odd", True
        return Outcome(json_answer(200, document), outcome.manner) if touched else outcome


def _instead(kind: str, name: str) -> Outcome:
    if kind == "reset":
        return Outcome(None, RESET)
    if kind == "http_500":
        return Outcome(html_answer(500, "Internal Server Error"))
    error = {
        "message": f"Cannot return null for non-nullable field {name}.",
        "extensions": {"code": "INTERNAL_SERVER_ERROR"},
    }
    return Outcome(json_answer(200, {"errors": [error], "data": None}))


def _items(data: Any) -> Iterator[dict[str, Any]]:
    for listing in data.values() if isinstance(data, dict) else ():
        if isinstance(listing, dict):
            yield from (item for item in listing.get("items") or () if isinstance(item, dict))
