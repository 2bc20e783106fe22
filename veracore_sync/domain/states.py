"""The states of orders and pick slips.

The texts are stored in the ledger and shown in ``--json`` documents: they never change.
"""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands between the shop and VeraCore."""

    PENDING = "pending"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    FAILED = "failed"
    PARKED = "parked"
    SYNCED = "synced"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    CONFLICT = "conflict"
    SKIPPED = "skipped"


UNSENT = (OrderState.PENDING, OrderState.FAILED, OrderState.PARKED)
"""In the queue, or kept out of it until something changes."""
HANDED_OVER = (OrderState.SYNCED, OrderState.SHIPPED)
"""VeraCore took it."""


class OrderCause(StrEnum):
    """Why an order is in its state, where the state alone does not say what ends it."""

    # pending
    WAITING = "waiting"  # it cannot be sent in the state that the shop has it in
    # parked
    OURS = "ours"  # a setting or the address: planned again when either changes
    REFUSED = "refused"  # by VeraCore: tried again now and then
    EXHAUSTED = "exhausted"  # it failed too often
    # in doubt
    LOST = "lost"  # no answer came: absent means that it never arrived
    ANSWER = "answer"  # an answer that nobody knows: absent means that it was a refusal
    DUPLICATE = "duplicate"  # VeraCore says that its id is used
    # skipped
    RULE = "rule"  # a setting excludes it
    STATE = "state"  # it has left the trigger states
    EARLY = "early"  # placed before go-live
    RESOLVED = "resolved"  # for good, by a person


class AttemptOutcome(StrEnum):
    """How an attempt to create an order at VeraCore ended; ``None`` in the ledger: not yet."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not sent"
    IN_DOUBT = "in doubt"  # VeraCore may have taken it, or not
    ABSENT = "absent"
    CANCELLED = "cancelled"
    CONFLICT = "conflict"


class PickSlipState(StrEnum):
    """What came of a slip that VeraCore shipped."""

    OPEN = "open"
    INTENDED = "intended"  # the shop is asked, or was, and its answer is not known
    ADDED = "added"  # the shop has a fulfilment of it that is not shipped yet
    DONE = "done"
    COVERED = "covered"  # its units are in fulfilments that were not made from it
    HANDED = "handed"  # a person decides


OPEN_SLIPS = (PickSlipState.OPEN, PickSlipState.INTENDED, PickSlipState.ADDED)
"""The states of a slip that is still to be worked on."""
