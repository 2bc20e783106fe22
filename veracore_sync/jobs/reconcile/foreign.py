"""Orders in VeraCore's list of shipments that neither the ledger nor the shop knows.

A warehouse may ship for several systems. Then such orders are normal, thousands a month, and each
reported on its own would hide the one that matters; so they are only counted where they are many.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import islice

from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import ShippedRow
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import in_batches, read_apart
from veracore_sync.jobs.orders.ids import other_ids, warehouse_id
from veracore_sync.jobs.reconcile.findings import PartFindings
from veracore_sync.jobs.reconcile.listed import ListedShipments
from veracore_sync.jobs.reconcile.report import ReconcileReport

MANY = "reconcile.foreign_are_many"
"""The ledger's key: more foreign orders than are reported one by one were seen."""

_MOST_TOLD = 20
_UNEXPLAINED = "its id may be one of ours, and not all orders of the shop were listed"
_AT_ONCE = 200
_TYPE = DifferenceType.FOREIGN_AT_WAREHOUSE
_CODE = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9_./#-]{2,39}")
_ONLY_DIGITS = re.compile(r"[0-9./#-]+")
_MOST_DIGITS = 8
_ID = re.compile(r"[A-Za-z0-9_./#-]{1,40}")
_CUT_ID = re.compile(r"[A-Za-z0-9-]*-[A-Z2-7]{8}", re.IGNORECASE)
"""What we make of a code that is too long for an id, or was sent again under another one."""


@dataclass(slots=True)
class ForeignOrders(RunPart[ReconcileReport]):
    """Finds them in what was listed.

    Args:
        listed: VeraCore's list of shipments.
        since: Only so much was asked for (UTC); ``None``: as much as always.
        codes: Orders of the shop that are not in the ledger as sent, found by their packages.
    """

    listed: ListedShipments
    since: datetime | None
    codes: list[str] = field(default_factory=list)
    _found: dict[str, ShippedRow] = field(default_factory=dict, init=False)
    _unread: dict[str, str] = field(default_factory=dict, init=False)

    # ---- before the orders are compared ---------------------------------------------------------

    def look(self) -> None:
        """Find what neither knows, and (`codes`) what the shop knows.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        keys = iter(self.listed.rows)
        while page := list(islice(keys, _AT_ONCE)):
            rows = {key: self.listed.rows[key][0] for key in page}
            self._in_shop(self._not_in_ledger(rows))

    def _not_in_ledger(self, rows: Mapping[str, ShippedRow]) -> dict[str, ShippedRow]:
        held = self.ledger.orders.at_warehouse(list(rows))
        left = {key: row for key, row in rows.items() if key not in held}
        references = list({row.reference for row in left.values() if row.reference})
        ours = self.ledger.orders.held(references)
        shared = self.ledger.orders.set_aside_from(references)
        unknown: dict[str, ShippedRow] = {}
        for key, row in left.items():
            if row.reference in ours:
                # The ledger has it under another id, or not as sent: the comparison tells.
                self.codes.append(row.reference)
            elif (
                row.reference not in shared
                and not self._is_of_others(row)
                and not self.ledger.orders.id_sent_for(key, "")
            ):
                unknown[key] = row
        return unknown

    def _in_shop(self, rows: Mapping[str, ShippedRow]) -> None:
        forms = {key: list(self._forms(row)) for key, row in rows.items()}
        failed: dict[str, str] = {}

        def note(code: str, error: SyncError) -> None:
            failed[code] = error.message

        there: dict[str, str] = {}
        asked = list(dict.fromkeys(form for some in forms.values() for form in some))
        for batch in in_batches(asked):
            read = read_apart(self.shop.audit.named, batch, self.ledger.meta.probe_id, note)
            there |= {order.code.casefold(): order.code for order in read}
        for key, row in rows.items():
            known = [there[form.casefold()] for form in forms[key] if form.casefold() in there]
            unread = [failed[form] for form in forms[key] if form in failed]
            if known:
                self.codes.append(known[0])
            elif unread:
                self._unread[_name(row)] = unread[0]
            else:
                self._found[key] = row

    def _forms(self, row: ShippedRow) -> Iterator[str]:
        """The codes that the order may have in the shop."""
        id = row.order_id.strip()
        names = [row.reference.strip(), id]
        for prefix in self.settings.orders.id_prefixes:
            if prefix and id.casefold().startswith(prefix.casefold()):
                names.append(id[len(prefix) :])
        # VeraCore may return them in another case, and Vendure's own codes are in capitals.
        yield from dict.fromkeys(form for one in names if one for form in (one, one.upper()))

    def _is_of_others(self, row: ShippedRow) -> bool:
        names = (row.order_id.strip().casefold(), row.reference.strip().casefold())
        patterns = self.settings.reconcile.other_systems
        return any(fnmatchcase(name, one.casefold()) for one in patterns for name in names)

    # ---- afterwards -----------------------------------------------------------------------------

    def findings(self, codes: Collection[str], *, is_whole: bool) -> PartFindings:
        """What was found.

        Args:
            codes: The orders of the shop in this run: a list may show no reference, or the
                beginning of one, and an id that only its order's code explains.
            is_whole: Whether those are all.
        """
        self._explain(codes, is_whole=is_whole)
        findings = PartFindings(
            _TYPE, unseen=list(self._unread.items()), count=len(self.listed.rows)
        )
        standing = {
            row.difference.name: row.difference.since
            for row in self.ledger.differences.standing()
            if row.difference.type is _TYPE
        }
        if self.settings.reconcile.foreign == "off" or self._are_counted():
            if self._found and self.settings.reconcile.foreign != "off":
                findings.notes.append(
                    f"VeraCore shipped {len(self._found)} orders that neither the ledger nor the "
                    "shop knows: they are counted, not named (reconcile.foreign)"
                )
            findings.compared = sorted(standing)
            return findings
        findings.differences = [self._difference(row) for row in self._found.values()]
        # One that has left the days that are always listed ends; nobody could act on it any more.
        findings.compared = [
            name
            for name, since in standing.items()
            if name not in self._unread
            and (since is None or self.since is None or since >= self.since)
        ]
        return findings

    def _explain(self, codes: Collection[str], *, is_whole: bool) -> None:
        odd = [key for key in self._found if _CUT_ID.fullmatch(key)]
        if not odd:
            return
        prefixes = self.settings.orders.id_prefixes
        for code in codes:
            hashed = warehouse_id(code, prefixes[0], lambda _: True)
            for id in (hashed, *other_ids(code, prefixes, hashed, lambda _: True)):
                # The comparison of that order looks it up.
                self._found.pop(id.casefold(), None)
        if not is_whole:
            left = [self._found.pop(key) for key in odd if key in self._found]
            self._unread |= {_name(row): _UNEXPLAINED for row in left}

    def _are_counted(self) -> bool:
        wanted = self.settings.reconcile.foreign
        if wanted != "auto":
            return wanted == "count"
        were_many = bool(self.ledger.meta.get(MANY))
        # Few again is half as many, so that none is reported a second time.
        are_many = len(self._found) > (_MOST_TOLD // 2 if were_many else _MOST_TOLD)
        if are_many != were_many and not self.context.must_not_write:
            self.ledger.meta.put(MANY, "1" if are_many else "")
        return are_many

    def _difference(self, row: ShippedRow) -> Difference:
        day = ""
        if row.shipped_at is not None:
            day = f" on {row.shipped_at.astimezone(self.settings.tracking_zone).date()}"
        slip = f" with slip {one_line(row.slip)}" if _ID.fullmatch(row.slip) else ""
        return Difference(
            _TYPE,
            _name(row),
            ledger="does not know it",
            shop="has no such order",
            warehouse=f"shipped{day}{slip}, {_shown(row.reference)}",
            since=row.shipped_at,
            veracore_id=_name(row),
        )


def _name(row: ShippedRow) -> str:
    """By what a person finds it at VeraCore, unless another system uses names of people as ids."""
    id = row.order_id.strip()
    return id if _ID.fullmatch(id) else f"slip {one_line(row.slip)}"


def _shown(reference: str) -> str:
    """A reference as far as it may be shown: another system may keep names or numbers there."""
    text = reference.strip()
    if not text:
        return "no reference"
    digits = sum(one.isdecimal() for one in text)
    is_code = _CODE.fullmatch(text) is not None
    if is_code and not (_ONLY_DIGITS.fullmatch(text) and digits > _MOST_DIGITS):
        return f"reference {text}"
    return f"a reference of {len(text)} characters"
