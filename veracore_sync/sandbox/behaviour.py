"""Switches between the variants of behaviour that docs/wire.md leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from veracore_sync.sandbox.exchange import OPERATIONS, SECRET


class BadInput(Exception):
    """A control document that cannot be obeyed; `field` is the key at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How this warehouse answers where real ones differ.

    Attributes:
        unknown_order: What `GetOrderInfo` says of an order that is not there: ``empty`` (an empty
            result), ``record`` (a record with an empty id) or ``fault``.
        unknown_text: What the fault says instead of its own words; ``{order}`` is the id asked for.
        fault_text: Faults with the .NET ``stack``, or the ``short`` text.
        soap: Answer in this version whatever the request's; None: in the request's.
        timezone: The warehouse's zone, for all local times.
        sources, carriers, services, freight_codes, shipping_options, variables: What the account
            has set up; None: anything goes. A missing source is refused too.
        longest_id: The most characters of an order's id. No limit is documented: one client keeps
            to 20, ids of 24 are in a real report.
        require_city: Whether a ship-to needs a city.
        reserve: Whether an order takes from what is available once ``accepted``, or only once it
            is ``processed`` (by ``/_sandbox/process``, or when it ships).
        backorder_slips: Whether backordered units show as a slip before there is stock.
        voided_charges: Whether `GetShippingCharge` lists voided packages.
        window_end: Whether the end of a date window belongs to it.
        token_seconds: How long a bearer token lives.
        cancel: Until when `CancelOrder` works (``until_picked``, ``until_shipped``, ``never``), or
            how its answer misleads (``says_yes_does_nothing``, ``says_no_does_it``), or that this
            login may not use it (``no_permission``).
        cancel_text: What it answers instead of its own words; empty for those.
        secret: The secret of the only login; a token that was given out outlives its change.
        reference: Whether answers have an order's reference ``whole``, its first 50 characters
            (``cut50``), or not at all (``omitted``).
        denied: The operations that the login may not use, by their names in either dialect.
        denied_text: What VeraCore says then; ``{operation}`` is its name. Empty: a text with it.
    """

    unknown_order: str = "empty"
    fault_text: str = "stack"
    soap: str | None = None
    timezone: str = "UTC"
    sources: tuple[str, ...] | None = None
    carriers: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None
    freight_codes: tuple[str, ...] | None = None
    shipping_options: tuple[str, ...] | None = None
    variables: tuple[str, ...] | None = None
    longest_id: int = 20
    require_city: bool = True
    reserve: str = "accepted"
    backorder_slips: bool = False
    voided_charges: bool = False
    window_end: str = "inclusive"
    token_seconds: int = 3600
    cancel: str = "until_picked"
    cancel_text: str = ""
    secret: str = SECRET
    reference: str = "whole"
    denied: tuple[str, ...] = ()
    denied_text: str = ""
    unknown_text: str = ""

    def refusal_of(self, operation: str) -> str:
        """What a call of the operation is told; empty if it may be used."""
        if operation not in self.denied:
            return ""
        text = self.denied_text or "User does not have permission to call {operation}"
        return text.replace("{operation}", operation)

    def absence_of(self, order_id: str) -> str:
        """What the fault for an order says that is not there."""
        text = self.unknown_text or "Can NOT find information for Order ID {order}"
        return text.replace("{order}", order_id)

    def changed(self, document: Mapping[str, Any]) -> Behaviour:
        """A copy with the given switches set.

        Raises:
            BadInput: A key is unknown or its value is not one of those it may have.
        """
        changes: dict[str, Any] = {}
        for key, value in document.items():
            if key not in _READERS:
                raise BadInput(key, f"unknown; one of {', '.join(_READERS)}")
            changes[key] = _READERS[key](key, value)
        return replace(self, **changes)

    def returned_reference(self, reference: str) -> str | None:
        """An order's reference as answers have it; None where they leave it out."""
        if self.reference == "omitted":
            return None
        return reference[:50] if self.reference == "cut50" else reference

    def document(self) -> dict[str, Any]:
        """The switches as JSON values; `changed` reads them back."""
        return asdict(self)


def _one_of(*choices: object) -> Callable[[str, Any], Any]:
    def read(key: str, value: Any) -> Any:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise BadInput(key, f"one of {', '.join(map(repr, choices))}")
        return value

    return read


def _secret(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadInput(key, "a text that is not empty")
    return value


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadInput(key, "a text")
    return value


def _operations(key: str, value: Any) -> tuple[str, ...]:
    named = _texts(key, value) or ()
    unknown = sorted(set(named) - OPERATIONS)
    if unknown:
        raise BadInput(key, f"{', '.join(unknown)} is none of {', '.join(sorted(OPERATIONS))}")
    return named


def _texts(key: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise BadInput(key, "a list of texts, or null")
    return tuple(value)


def _characters(key: str, value: Any) -> int:
    if type(value) is not int or value <= 0:
        raise BadInput(key, "a whole number of characters above 0")
    return value


def _timezone(key: str, value: Any) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise BadInput(key, "an IANA time zone such as America/Chicago") from error


def _seconds(key: str, value: Any) -> int:
    if type(value) is not int or value <= 0:
        raise BadInput(key, "a whole number of seconds above 0")
    return value


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "unknown_order": _one_of("empty", "record", "fault"),
    "fault_text": _one_of("stack", "short"),
    "soap": _one_of("1.1", "1.2", None),
    "timezone": _timezone,
    "sources": _texts,
    "carriers": _texts,
    "services": _texts,
    "freight_codes": _texts,
    "shipping_options": _texts,
    "variables": _texts,
    "longest_id": _characters,
    "require_city": _one_of(True, False),
    "reserve": _one_of("accepted", "processed"),
    "backorder_slips": _one_of(True, False),
    "voided_charges": _one_of(True, False),
    "window_end": _one_of("inclusive", "exclusive"),
    "token_seconds": _seconds,
    "cancel": _one_of(
        "until_picked",
        "until_shipped",
        "never",
        "says_yes_does_nothing",
        "says_no_does_it",
        "no_permission",
    ),
    "cancel_text": _text,
    "secret": _secret,
    "reference": _one_of("whole", "cut50", "omitted"),
    "denied": _operations,
    "denied_text": _text,
    "unknown_text": _text,
}
