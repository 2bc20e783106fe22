"""Which operations answer, and how: each is asked about something that cannot exist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from veracore_sync.domain.failures import ONLY_THIS_OPERATION
from veracore_sync.ports.warehouse import Proof
from veracore_sync.veracore.faults import (
    is_login_refusal,
    is_outage,
    is_permission_refusal,
    says_not_found,
)
from veracore_sync.veracore.oms.parse import is_nil
from veracore_sync.veracore.oms.record import is_empty_record
from veracore_sync.veracore.probe.report import Findings
from veracore_sync.veracore.probe.wire import Heard, NotShown, Wire
from veracore_sync.veracore.probe.words import OPERATION, product

_NO_DAY = "2000-01-01T00:00:00"
# A list that holds nothing is empty. A fault instead is about the account.
_LISTS = ("GetShippingActivity", "GetProductReturns", "GetOffers")
_UNKNOWN = re.compile(r"(not|n't) (be )?recogni[sz]ed?|did not recogni[sz]e", re.IGNORECASE)
_STACK = re.compile(r"Exception: |\n\s*at \S", re.IGNORECASE)
_TOLD_HEADERS = ("server", "x-powered-by", "x-aspnet-version")
# The simulator's own words, which it has without being told.
_REFUSES = f"User does not have permission to call {OPERATION}"


def harmless(wire: Wire, probe_id: str) -> dict[str, dict[str, str]]:
    """The arguments of each operation that no record fits."""
    part = f"NO-SUCH-PART-{probe_id}"
    owner = wire.settings.company_id
    day = {"StartDate": _NO_DAY, "EndDate": _NO_DAY}
    of_product = {"OwnerID": owner, "ProductID": part}
    return {
        "GetOrderInfo": {"orderId": probe_id},
        "GetProductAvailabilities": {"partNumber": part, "owner": owner},
        "GetShippingCharge": day,
        "GetShippingActivity": day,
        "GetProductReturns": day,
        "GetOffers": {"searchString": part, "searchID": "true", "searchDescription": "false"},
        "GetProduct": of_product,
        "GetProducts": of_product,
    }


class Operations:
    """Tries the reading operations.

    Args:
        wire: The connection.
        found: Where the findings go.
        probe_id: An order id that cannot exist.
        proofs: What the warehouse's own proof says of the operations that the jobs need.
    """

    def __init__(self, wire: Wire, found: Findings, probe_id: str, proofs: Iterable[Proof]) -> None:
        self._wire = wire
        self._found = found
        self._probe_id = probe_id
        self._proofs = {one.operation: one for one in proofs}
        self._faults: list[str] = []
        self._refusals: dict[str, str] = {}
        self._forms: dict[str, Any] = {}
        self.usable: list[str] = []

    def run(self, described: list[str] | None) -> None:
        """Try them all.

        Args:
            described: The operations in the description; ``None`` if there was none.
        """
        calls = harmless(self._wire, self._probe_id)
        told = self._found.pieces.setdefault("operations", {})
        for operation in ("AddOrder", "CancelOrder"):
            told[operation] = {"called": False}
            self._found.miss(f"operations.{operation}", "a probe never calls it")
        if described is not None:
            told["AddOrder"]["described"] = "AddOrder" in described
        for operation, arguments in calls.items():
            told[operation] = {}
            if described is not None:
                told[operation]["described"] = operation in described
                if operation not in described:
                    self._found.miss(f"operations.{operation}", "the description has no such one")
                    continue
            find = partial(self._try, operation, arguments, told[operation])
            self._found.try_to(f"operations.{operation}", find)
        self._found.try_to("soap", self._versions)
        self._found.try_to("fault_text", self._fault_form)
        self._permissions()

    def _try(self, operation: str, arguments: dict[str, str], told: dict[str, Any]) -> None:
        heard = self._wire.soap(operation, arguments)
        if "headers" not in self._found.pieces:
            self._headers(heard)
        self._forms["1.1"] = heard.shape.version
        if heard.raw_fault:
            self._faults.append(heard.raw_fault)
        told["httpStatus"] = heard.answer.status
        allowed = self._is_allowed(operation, heard)
        told["allowed"] = allowed
        if allowed:
            self.usable.append(operation)
        words = self._found.cleaner.words(heard.message, operation, self._probe_id)
        if heard.raw_fault:
            told["ofNothing"] = {"fault": words}
        else:
            told["ofNothing"] = heard.shape.document(self._found.cleaner)
        if not allowed:
            self._refusals[operation] = words
        if operation == "GetOrderInfo":
            self._found.try_to("unknown_order", partial(self._unknown_order, heard, words))

    def _is_allowed(self, operation: str, heard: Heard) -> bool:
        """Whether the operation may be used.

        Raises:
            NotShown: That cannot be told.
        """
        proof = self._proofs.get(operation)
        if proof is not None:
            if proof.error is None:
                return True
            if proof.error in ONLY_THIS_OPERATION:
                return False
            if not heard.raw_fault:
                # It failed for one order, and was answered for another.
                return True
            # Its words may be about the order that was looked up.
            raise NotShown(f"its use failed ({proof.error.category})")
        message = heard.message
        if not heard.raw_fault:
            return True
        if _UNKNOWN.search(message):
            raise NotShown("the service does not know it")
        if is_login_refusal(message) or is_outage(message):
            raise NotShown("it failed, for a reason that has nothing to do with it")
        if is_permission_refusal(message):
            return False
        if operation in _LISTS:
            return False
        if says_not_found(message, f"NO-SUCH-PART-{self._probe_id}"):
            return True
        raise NotShown(f"it was refused: {message}")

    def _unknown_order(self, heard: Heard, words: str) -> None:
        if "GetOrderInfo" in self._refusals:
            raise NotShown("this login may not use GetOrderInfo")
        if heard.raw_fault:
            self._found.show("unknown_order", "fault")
            self._found.show("unknown_text", words)
            return
        result = heard.result("GetOrderInfo")
        if is_nil(result):
            self._found.show("unknown_order", "empty")
        elif is_empty_record(result):
            self._found.show("unknown_order", "record")
        else:
            raise NotShown("the answer is none of those that are known")
        self._found.miss("unknown_text", "an unknown order is no fault here")

    def _headers(self, heard: Heard) -> None:
        headers = heard.answer.headers
        told: dict[str, Any] = {
            name: product(headers[name]) for name in _TOLD_HEADERS if name in headers
        }
        told["connection"] = "close" if headers.get("connection", "").lower() == "close" else "kept"
        told["setsCookies"] = "set-cookie" in headers
        told["date"] = "date" in headers
        told["compressed"] = "content-encoding" in headers
        self._found.pieces["headers"] = told

    def _versions(self) -> None:
        """Whether the answer's version follows the request's."""
        arguments = harmless(self._wire, self._probe_id)["GetProductAvailabilities"]
        heard = self._wire.soap("GetProductAvailabilities", arguments, version="1.2")
        self._forms["1.2"] = heard.shape.version
        self._found.pieces["soap"] = {f"to{ask}": got for ask, got in self._forms.items()}
        if "1.1" not in self._forms:
            raise NotShown("nothing was answered in it")
        older, newer = self._forms["1.1"], self._forms["1.2"]
        if (older, newer) == ("1.1", "1.2"):
            self._found.show("soap", None)
        elif older == newer:
            self._found.show("soap", older)
        else:
            raise NotShown("each version is answered in the other one")

    def _fault_form(self) -> None:
        """Faults with a stack or without; where none was seen, one is asked for."""
        if not self._faults:
            # Live tenants refuse an empty pattern (docs/wire.md 4.1).
            owner = self._wire.settings.company_id
            heard = self._wire.soap("GetProductAvailabilities", {"partNumber": "", "owner": owner})
            self._faults += [heard.raw_fault] if heard.raw_fault else []
        if not self._faults:
            raise NotShown("nothing was refused")
        has_stack = any(_STACK.search(one) for one in self._faults)
        self._found.show("fault_text", "stack" if has_stack else "short")

    def _permissions(self) -> None:
        if not self._found.pieces.get("headers"):
            self._found.miss("denied", "no operation was answered")
            return
        self._found.show("denied", sorted(self._refusals))
        if not self._refusals:
            self._found.miss("denied_text", "no operation was refused")
            return
        texts = sorted(set(self._refusals.values()))
        text = texts[0]
        self._found.show("denied_text", "" if text == _REFUSES else text)
        if len(texts) > 1:
            self._found.miss("denied_text.others", f"{len(texts)} different texts were seen")
