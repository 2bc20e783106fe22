"""The states of orders and pick slips, and the transitions between them.

The texts are stored in the ledger and shown in ``--json`` documents, so they never change. The
ledger writes a transition only if the row is in one of the states that the table allows: a process
that comes too late overwrites nothing. The diagrams in docs/guarantees.md are generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Generic, TypeVar


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
"""Waiting to be sent, or until something is corrected."""
HANDED_OVER = (OrderState.SYNCED, OrderState.SHIPPED)
"""VeraCore accepted the order."""


class OrderCause(StrEnum):
    """Why an order is in its state, where the state alone does not say what ends it."""

    # pending
    WAITING = "waiting"  # its state in the shop does not allow sending
    # parked
    OURS = "ours"  # a setting or the address: planned again when either changes
    REFUSED = "refused"  # by VeraCore: tried again at intervals
    EXHAUSTED = "exhausted"  # it failed too often
    # in doubt
    LOST = "lost"  # no answer came: absent means that the request never arrived
    ANSWER = "answer"  # an unlisted answer: absent means that it was a refusal
    DUPLICATE = "duplicate"  # VeraCore says that the id is used
    # skipped
    RULE = "rule"  # a setting excludes it
    STATE = "state"  # it left the trigger states
    EARLY = "early"  # placed before go-live
    TYPE = "type"  # a Seller or Aggregate order where the settings do not send them
    CHANNEL = "channel"  # of another channel than the settings send: never again by itself
    RESOLVED = "resolved"  # by a person, permanently


class AttemptOutcome(StrEnum):
    """How an attempt to create an order at VeraCore ended; ``None`` in the ledger: not yet."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not sent"
    IN_DOUBT = "in doubt"  # VeraCore may have accepted it, or not
    ABSENT = "absent"
    CANCELLED = "cancelled"
    CONFLICT = "conflict"


class PickSlipState(StrEnum):
    """What became of a slip that VeraCore shipped."""

    OPEN = "open"
    INTENDED = "intended"  # the request to the shop is in progress, or its outcome is unknown
    ADDED = "added"  # the shop has a fulfilment of it that is not Shipped yet
    DONE = "done"
    COVERED = "covered"  # its units are in fulfilments that were not made from it
    HANDED = "handed"  # a person decides


OPEN_SLIPS = (PickSlipState.OPEN, PickSlipState.INTENDED, PickSlipState.ADDED)
"""The states of a slip that is not finished."""


class CancelState(StrEnum):
    """What became of the wish to cancel an order that VeraCore accepted."""

    WANTED = "wanted"
    ASKING = "asking"  # a request is in progress, or its run was killed
    UNKNOWN = "unknown"  # VeraCore was asked; only look-ups show what it did
    CANCELLED = "cancelled"  # two look-ups show it, some time apart
    TOO_LATE = "too_late"  # it has left, as a whole or in part
    REFUSED = "refused"  # VeraCore does not cancel it: a person does, at VeraCore


class NoteState(StrEnum):
    """Where the note about a receipt of returned goods stands."""

    NONE = "none"
    WANTED = "wanted"
    ASKED = "asked"  # the request to the shop is in progress, or its outcome is unknown
    WRITTEN = "written"
    DROPPED = "dropped"  # the shop no longer has the order


State = TypeVar("State", OrderState, PickSlipState, CancelState, NoteState)


@dataclass(frozen=True, slots=True)
class Transition(Generic[State]):
    """A change of a row.

    Args:
        sources: The states in which it is allowed; empty: the row is new.
        targets: The states it leads to; empty: the row keeps its state.
    """

    sources: tuple[State, ...]
    targets: tuple[State, ...] = ()

    def target(self, wanted: State | None) -> State | None:
        """The state to write; ``None``: the row keeps its state.

        Raises:
            ValueError: The transition does not lead to `wanted`, or `wanted` is ``None`` and it
                leads to several states.
        """
        if wanted is None and len(self.targets) <= 1:
            return next(iter(self.targets), None)
        if wanted not in self.targets:
            raise ValueError(f"{wanted} is not one of {self.targets}")
        return wanted


class Applied(Enum):
    """The result of a transition."""

    LOST = "lost"  # the row had left the states that allow it: nothing was written
    DONE = "done"
    NEWS = "news"  # written, and it opened an alert


LOST_RACE = "another run changed it meanwhile; nothing was overwritten"
"""What a run reports of an order whose transition was lost."""


# ---- orders ----------------------------------------------------------------------------------


class OrderAct(StrEnum):
    """The transitions of an order, named after the ledger's methods."""

    DISCOVER = "discover"
    SET_ASIDE = "set_aside"
    WAIT = "wait"
    CAME_BACK = "came_back"
    SKIP = "skip"
    GIVE_UP = "give_up"
    PARK = "park"
    FAIL = "fail"
    POSTPONE = "postpone"
    REQUEUE = "requeue"
    RENEW_ID = "renew_id"
    INTEND = "intend"
    ACCEPT = "accept"
    WITHHOLD = "withhold"
    REFUSE = "refuse"
    DOUBT = "doubt"
    WAS_ANSWERED = "was_answered"
    WAS_FOR_ALL = "was_for_all"
    RECOVER = "recover"
    DOUBT_AGAIN = "doubt_again"
    ADOPT = "adopt"
    CONFLICT = "conflict"
    CANCEL = "cancel"
    ABSENT_ONCE = "absent_once"
    ABSENT_FOR_A_PERSON = "absent_for_a_person"
    LOOK_AGAIN = "look_again"
    RESEND = "resend"
    REFUSED_AFTER_ALL = "refused_after_all"
    SHIP = "ship"


_S = OrderState
QUEUED = (*UNSENT, _S.SKIPPED)
"""The states from which a run may send an order."""
UNDECIDED = (*QUEUED, _S.IN_DOUBT, _S.CONFLICT, _S.CANCELLED)
"""Neither being sent nor accepted by VeraCore: a look-up or a person may still decide."""

TRANSITIONS: Mapping[OrderAct, Transition[OrderState]] = {
    OrderAct.DISCOVER: Transition((), (_S.PENDING, _S.SKIPPED, _S.CONFLICT)),
    # Not while it is sent: the answer is recorded under the name that the order has now.
    OrderAct.SET_ASIDE: Transition(tuple(one for one in _S if one is not _S.SENDING)),
    OrderAct.WAIT: Transition(QUEUED, (_S.PENDING,)),
    OrderAct.CAME_BACK: Transition((_S.PENDING,)),
    OrderAct.SKIP: Transition(QUEUED, (_S.SKIPPED,)),
    OrderAct.GIVE_UP: Transition(UNDECIDED, (_S.SKIPPED,)),
    OrderAct.PARK: Transition(QUEUED, (_S.PARKED,)),
    OrderAct.FAIL: Transition(QUEUED, (_S.FAILED, _S.PARKED)),
    OrderAct.POSTPONE: Transition(QUEUED),
    OrderAct.REQUEUE: Transition((_S.FAILED, _S.PARKED), (_S.PENDING,)),
    OrderAct.RENEW_ID: Transition(UNDECIDED, (_S.PENDING,)),
    OrderAct.INTEND: Transition(QUEUED, (_S.SENDING,)),
    # The only transition from every state. A late acceptance is a fact, whatever a person or
    # another run decided meanwhile: if it were dropped, the order would be sent again.
    OrderAct.ACCEPT: Transition(tuple(_S), (_S.SYNCED,)),
    OrderAct.WITHHOLD: Transition((_S.SENDING,), UNSENT),
    OrderAct.REFUSE: Transition((_S.SENDING,), (_S.PARKED,)),
    OrderAct.DOUBT: Transition((_S.SENDING,), (_S.IN_DOUBT,)),
    OrderAct.WAS_ANSWERED: Transition((_S.IN_DOUBT,)),
    OrderAct.WAS_FOR_ALL: Transition((_S.IN_DOUBT,)),
    OrderAct.RECOVER: Transition((_S.SENDING,), (_S.IN_DOUBT,)),
    OrderAct.DOUBT_AGAIN: Transition(QUEUED, (_S.IN_DOUBT,)),
    OrderAct.ADOPT: Transition(UNDECIDED, (_S.SYNCED,)),
    OrderAct.CONFLICT: Transition(UNDECIDED, (_S.CONFLICT,)),
    OrderAct.CANCEL: Transition((*UNDECIDED, _S.SYNCED), (_S.CANCELLED,)),
    OrderAct.ABSENT_ONCE: Transition((_S.IN_DOUBT,)),
    OrderAct.ABSENT_FOR_A_PERSON: Transition(UNDECIDED),
    OrderAct.LOOK_AGAIN: Transition((_S.IN_DOUBT,)),
    OrderAct.RESEND: Transition((_S.IN_DOUBT,), (_S.PENDING,)),
    OrderAct.REFUSED_AFTER_ALL: Transition((_S.IN_DOUBT,), (_S.PARKED,)),
    OrderAct.SHIP: Transition((_S.SYNCED,), (_S.SHIPPED,)),
}


# ---- pick slips ------------------------------------------------------------------------------


class SlipAct(StrEnum):
    """The transitions of a pick slip, named after the ledger's methods."""

    SEE = "see"
    HOLD = "hold"
    INTEND = "intend"
    UNANSWERED = "unanswered"
    WITHDRAW = "withdraw"
    ADD = "add"
    FINISH = "finish"
    COVER = "cover"
    HAND_OVER = "hand_over"
    REOPEN = "reopen"
    RETRY_NOW = "retry_now"
    CORRECT = "correct"


_P = PickSlipState
_UNMADE = (_P.OPEN, _P.INTENDED)

SLIP_TRANSITIONS: Mapping[SlipAct, Transition[PickSlipState]] = {
    SlipAct.SEE: Transition((), (_P.OPEN,)),
    SlipAct.HOLD: Transition(OPEN_SLIPS),
    SlipAct.INTEND: Transition(_UNMADE, (_P.INTENDED,)),
    SlipAct.UNANSWERED: Transition((_P.INTENDED,)),
    SlipAct.WITHDRAW: Transition((_P.INTENDED,), _UNMADE),
    SlipAct.ADD: Transition(_UNMADE, (_P.ADDED,)),
    SlipAct.FINISH: Transition((_P.ADDED,), (_P.DONE,)),
    SlipAct.COVER: Transition(_UNMADE, (_P.COVERED,)),
    SlipAct.HAND_OVER: Transition((*OPEN_SLIPS, _P.DONE, _P.COVERED), (_P.HANDED,)),
    SlipAct.REOPEN: Transition((_P.HANDED,), (_P.OPEN, _P.ADDED)),
    SlipAct.RETRY_NOW: Transition(OPEN_SLIPS),
    SlipAct.CORRECT: Transition((_P.DONE,)),
}


# ---- cancellations after the hand-over --------------------------------------------------------


class CancelAct(StrEnum):
    """The transitions of a cancellation, named after the ledger's methods."""

    WANT = "want"
    WANT_AGAIN = "want_again"
    WITHDRAW = "withdraw"
    ASK = "ask"
    NOT_ASKED = "not_asked"
    ASKED = "asked"
    RECOVER = "recover"
    LOOK_AGAIN = "look_again"
    SAW_CANCELLED = "saw_cancelled"
    CONFIRM = "confirm"
    MISS = "miss"
    REFUSE = "refuse"
    LEAVE = "leave"


_K = CancelState
CANCELLING = (_K.WANTED, _K.ASKING, _K.UNKNOWN)
"""The states of a cancellation that has not ended."""
_NOT_CANCELLED = (*CANCELLING, _K.TOO_LATE, _K.REFUSED)

CANCEL_TRANSITIONS: Mapping[CancelAct, Transition[CancelState]] = {
    CancelAct.WANT: Transition((), (_K.WANTED,)),
    CancelAct.WANT_AGAIN: Transition((_K.CANCELLED, _K.TOO_LATE, _K.REFUSED), (_K.WANTED,)),
    CancelAct.WITHDRAW: Transition((_K.WANTED,)),
    CancelAct.ASK: Transition((_K.WANTED, _K.UNKNOWN), (_K.ASKING,)),
    CancelAct.NOT_ASKED: Transition((_K.ASKING,), (_K.WANTED, _K.UNKNOWN)),
    CancelAct.ASKED: Transition((_K.ASKING,), (_K.UNKNOWN,)),
    CancelAct.RECOVER: Transition((_K.ASKING,), (_K.UNKNOWN,)),
    CancelAct.LOOK_AGAIN: Transition((_K.WANTED, _K.UNKNOWN, _K.TOO_LATE, _K.REFUSED)),
    CancelAct.SAW_CANCELLED: Transition(_NOT_CANCELLED),
    CancelAct.CONFIRM: Transition(_NOT_CANCELLED, (_K.CANCELLED,)),
    CancelAct.MISS: Transition((*CANCELLING, _K.REFUSED), (_K.TOO_LATE,)),
    CancelAct.REFUSE: Transition(CANCELLING, (_K.REFUSED,)),
    # Also of one that two look-ups showed as cancelled: goods that leave are a fact.
    CancelAct.LEAVE: Transition(tuple(_K), (_K.TOO_LATE,)),
}


# ---- notes about returned goods ----------------------------------------------------------------


class NoteAct(StrEnum):
    """The transitions of the note about a receipt, named after the ledger's methods."""

    RECORD = "record"
    ASK = "ask"
    NOT_ASKED = "not_asked"
    UNANSWERED = "unanswered"
    WRITTEN = "written"
    DROP = "drop"


_N = NoteState
OPEN_NOTES = (_N.WANTED, _N.ASKED)
"""The states of a note that is to be written."""

NOTE_TRANSITIONS: Mapping[NoteAct, Transition[NoteState]] = {
    NoteAct.RECORD: Transition((), (_N.NONE, _N.WANTED)),
    NoteAct.ASK: Transition(OPEN_NOTES, (_N.ASKED,)),
    NoteAct.NOT_ASKED: Transition((_N.ASKED,), (_N.WANTED,)),
    NoteAct.UNANSWERED: Transition((_N.ASKED,)),
    NoteAct.WRITTEN: Transition(OPEN_NOTES, (_N.WRITTEN,)),
    NoteAct.DROP: Transition(OPEN_NOTES, (_N.DROPPED,)),
}
