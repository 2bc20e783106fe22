"""``resolve``: a person decides about one order."""

from __future__ import annotations

from dataclasses import dataclass

from veracore_sync.errors import NeedsPerson, UsageError
from veracore_sync.jobs.orders.ids import renewed_id
from veracore_sync.ledger import Ledger, OrderRow
from veracore_sync.veracore.port import Absent, LookUpFailed, Present, Warehouse

_DECIDED = ("synced", "shipped")


@dataclass(frozen=True, slots=True)
class Resolver:
    """Carries a decision out. The caller holds the job lock.

    Args:
        ledger: Where it is written.
        warehouse: Where it is looked up.
        id_prefix: ``orders.id_prefix``.
    """

    ledger: Ledger
    warehouse: Warehouse
    id_prefix: str

    def adopt(self, row: OrderRow, veracore_id: str | None) -> None:
        """The order at VeraCore with that id (default: its own) is this one.

        Raises:
            UsageError: The ledger already counts it as handed over, or the id is another order's.
            NeedsPerson: VeraCore does not have it.
            UpstreamError: The look-up failed.
        """
        _must_be_open(row)
        wanted = veracore_id or row.veracore_id
        if wanted is None:
            raise UsageError(f"{row.code} has no VeraCore id yet", hint="name it: `--adopt ID`")
        if self.ledger.orders.id_taken(wanted, row.code):
            raise UsageError(f"the id {wanted} belongs to another order of this ledger")
        found = self.warehouse.look_up(wanted)
        if isinstance(found, LookUpFailed):
            raise found.error
        if isinstance(found, Absent):
            raise NeedsPerson(
                f"VeraCore has no order {wanted}; nothing was changed",
                hint="check the id at VeraCore, or send it with `--new-id`",
            )
        self.ledger.moves.adopt(row.code, wanted, found.record)

    def new_id(self, row: OrderRow) -> str:
        """Send it under a fresh id; the id.

        Raises:
            UsageError: It is handed over already.
            NeedsPerson: VeraCore has it under its present id, as ours.
            UpstreamError: The look-up failed.
        """
        _must_be_open(row)
        if row.state == "in_doubt" and row.veracore_id is not None:
            self._must_be_absent(row, row.veracore_id)
        generation = row.attempt + 1
        fresh = renewed_id(row.code, self.id_prefix, generation)
        self.ledger.moves.renew_id(row.code, fresh)
        return fresh

    def _must_be_absent(self, row: OrderRow, veracore_id: str) -> None:
        found = self.warehouse.look_up(veracore_id)
        if isinstance(found, LookUpFailed):
            raise found.error
        if isinstance(found, Present):
            raise NeedsPerson(
                f"VeraCore has an order {veracore_id}: a new id would ship it twice; "
                "nothing was changed",
                hint=f"`veracore-sync resolve {row.code} --adopt`",
            )


def skip(ledger: Ledger, row: OrderRow) -> None:
    """It shall never be sent by this tool.

    Raises:
        UsageError: It is handed over already.
    """
    _must_be_open(row)
    ledger.moves.skip(row.code, "resolved", "a person decided that it is not sent")


def _must_be_open(row: OrderRow) -> None:
    if row.state in _DECIDED:
        raise UsageError(
            f"{row.code} is {row.state}: VeraCore has it as {row.veracore_id}",
            hint="cancel or change it at VeraCore",
        )
