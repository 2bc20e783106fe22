"""Webhook deliveries and hints: names to look up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["inventory", "order", "tracking"]
KINDS: tuple[Kind, ...] = ("inventory", "order", "tracking")
WORKER = "serve-webhooks"
"""The command under which the listener's worker holds a job."""
RECEIVER, HINTS = "webhooks", "hints"
"""The jobs of the process that receives deliveries, and of the one that follows hints."""


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A verified delivery.

    Args:
        id: The sender's id; ``None`` if the signature does not cover an id.
        kind: What it is about.
        names: The SKUs or orders that it names; may be empty.
    """

    id: str | None
    kind: Kind
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hint:
    """A name to look up. `asked` is the number of the newest delivery that the look-up covers."""

    kind: Kind
    name: str
    asked: int
    tries: int
