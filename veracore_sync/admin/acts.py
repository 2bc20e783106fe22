"""What a person may start from the page: its words, what it asks for, and the code that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.domain.advice import PROGRAM, as_line, typed
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import OrderState

_S = OrderState
LONGEST_REASON = 500

Do = Callable[[Actions, Mapping[str, str]], ActionOutcome]


@dataclass(frozen=True, slots=True)
class PageAct:
    """An act of the page.

    Args:
        name: In addresses and forms.
        label: On buttons.
        question: The heading of its confirmation; ``NAME`` is what it is about.
        says: What it does, and what it does not, for the confirmation.
        command: What does the same on a command line, without the program's name.
        do: Does it, with the fields of the form.
        about: What `name` of the form is: an order, a SKU, another thing, or nothing.
        needs: Further fields of the form, those that must be filled in.
        takes: Those that may be.
        is_grave: Whether it cannot be taken back.
    """

    name: str
    label: str
    question: str
    says: str
    command: str
    do: Do
    about: str = ""
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    is_grave: bool = False

    def missing(self, fields: Mapping[str, str]) -> str:
        """What the form lacks, as a sentence; empty if nothing."""
        if self.about and not fields.get("name", "").strip():
            return f"Name the {self.about}."
        if "type" in self.needs and fields.get("type") not in set(DifferenceType):
            return "There is no such type of differences."
        for one in self.needs:
            if not fields.get(one, "").strip():
                return f"Fill in the {one}."
        return ""

    def typed(self, fields: Mapping[str, str]) -> str:
        """The command, with what the form has."""
        names, words = {}, []
        for word in self.command.split():
            field = word.lower() if word.isupper() else ""
            given = fields.get(field, "").strip()
            if given:
                names[word] = given
            if given or not field:
                words.append(word)
            elif field in self.needs:
                words.append('"why"')
        return as_line(f"{PROGRAM} {typed(' '.join(words), **names)}")


_REASON = "The reason is stored and shown, so it should not name a customer."

ACTS: Mapping[str, PageAct] = {
    act.name: act
    for act in (
        PageAct(
            "sync-orders",
            "Sync orders now",
            "Sync orders now?",
            "The shop's paid orders that are due go to VeraCore now, as with the next run of the "
            "timer. No order is sent twice.",
            "sync-orders",
            lambda actions, _fields: actions.sync_orders(),
        ),
        PageAct(
            "force-inventory",
            "Sync all stock",
            "Sync all stock now?",
            "Reads VeraCore's stock and writes every level to the shop, also those that are right "
            "already. What a guard would withhold is withheld.",
            "sync-inventory --force",
            lambda actions, _fields: actions.force_inventory(),
        ),
        PageAct(
            "allow-mass-change",
            "Write what was withheld",
            "Write the stock that the guard withheld?",
            "Reads VeraCore's stock anew and writes all levels that differ, without any guard. If "
            "VeraCore reports wrong stock, the shop sells by it: check the message below first.",
            "sync-inventory --allow-mass-change",
            lambda actions, _fields: actions.inventory_without_guards(),
            is_grave=True,
        ),
        PageAct(
            "inventory-sku",
            "Sync this SKU",
            "Sync the stock of NAME?",
            "Reads VeraCore's stock of this SKU and writes its levels to the shop.",
            "sync-inventory --sku NAME",
            lambda actions, fields: actions.inventory_for(fields["name"]),
            about="SKU",
        ),
        PageAct(
            "force-tracking",
            "Sync all tracking",
            "Look for all shipments now?",
            "Looks up every order that has not shipped, without the pauses after failures.",
            "sync-tracking --force",
            lambda actions, _fields: actions.force_tracking(),
        ),
        PageAct(
            "tracking-order",
            "Look for shipments",
            "Look for shipments of NAME?",
            "Looks the order up at VeraCore, and brings what has shipped to the shop.",
            "sync-tracking --order NAME",
            lambda actions, fields: actions.tracking_for(fields["name"]),
            about="order",
        ),
        PageAct(
            "retry",
            "Try again",
            "Try NAME again?",
            "The order is sent now if it can be. If VeraCore may have it already, it is looked up "
            "first, so it is never sent twice.",
            "retry NAME",
            lambda actions, fields: actions.retry_order(fields["name"]),
            about="order",
        ),
        PageAct(
            "adopt",
            "VeraCore has it",
            "Take over the order that VeraCore has as NAME?",
            "VeraCore is asked. If it has the order, the ledger takes it as sent, and nothing is "
            "sent. Leave the id empty if VeraCore has it under the id it was sent with.",
            "resolve NAME --adopt ID",
            lambda actions, fields: actions.resolve(
                fields["name"], "adopt", veracore_id=fields.get("id", "").strip() or None
            ),
            about="order",
            takes=("id",),
        ),
        PageAct(
            "new-id",
            "Send under a new id",
            "Send NAME under a new id?",
            "VeraCore is asked first: only if the order cannot arrive under any earlier id does it "
            "get a new one, and goes out with the next run.",
            "resolve NAME --new-id",
            lambda actions, fields: actions.resolve(fields["name"], "new-id"),
            about="order",
            is_grave=True,
        ),
        PageAct(
            "skip",
            "Never send it",
            "Never send NAME?",
            "The order is not sent any more, whatever becomes of it in the shop; only a new id, "
            "given on a command line, sends it after all. Refused if VeraCore has it, because then "
            "it ships.",
            "resolve NAME --skip",
            lambda actions, fields: actions.resolve(fields["name"], "skip"),
            about="order",
        ),
        PageAct(
            "cancel",
            "Cancel at VeraCore",
            "Cancel NAME at VeraCore?",
            "VeraCore is asked to cancel the order; look-ups show whether it did. The shop's order "
            "stays as it is: cancel and refund it there.",
            "cancel NAME",
            lambda actions, fields: actions.cancel(fields["name"]),
            about="order",
            is_grave=True,
        ),
        PageAct(
            "accept",
            "Accept it",
            "Accept what is reported of NAME?",
            "Its alerts end, and are opened again only by another difference. Neither side is "
            f"changed. {_REASON}",
            "resolve NAME --accept REASON",
            lambda actions, fields: actions.resolve(
                fields["name"], "accept", reason=fields["reason"]
            ),
            about="order or alert",
            needs=("reason",),
        ),
        PageAct(
            "accept-difference",
            "Accept it",
            "Accept the difference of NAME?",
            "It stays as it is, and is reported again only with other evidence. Nothing is changed "
            f"on either side. {_REASON}",
            "reconcile --accept REASON --type TYPE --name NAME",
            lambda actions, fields: actions.accept_difference(
                DifferenceType(fields["type"]), fields["name"], fields["reason"]
            ),
            about="name",
            needs=("type", "reason"),
        ),
    )
}

_OF_STATES: Mapping[str, tuple[OrderState, ...]] = {
    "retry": (_S.FAILED, _S.PARKED, _S.IN_DOUBT),
    "adopt": (_S.IN_DOUBT, _S.CONFLICT),
    "new-id": (_S.IN_DOUBT, _S.CONFLICT, _S.CANCELLED),
    "skip": (_S.PENDING, _S.FAILED, _S.PARKED, _S.IN_DOUBT, _S.CONFLICT, _S.CANCELLED),
    "tracking-order": (_S.SYNCED, _S.SHIPPED),
    "cancel": (_S.SYNCED, _S.IN_DOUBT),
}
"""Where an act may lead anywhere; look-ups decide whether it is done."""


def acts_of(row: OrderRow, *, can_accept: bool) -> list[PageAct]:
    """What may be done about an order."""
    names = [name for name, states in _OF_STATES.items() if row.state in states]
    return [ACTS[name] for name in (*names, *(["accept"] if can_accept else []))]
