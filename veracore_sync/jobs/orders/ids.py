"""The id that an order has at VeraCore."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Sequence

MOST = 20
"""Most characters of an order id; what VeraCore does with more is uncertain (docs/wire.md 3.4)."""

_PLAIN = re.compile(r"[A-Za-z0-9-]+")
_FOREIGN = re.compile(r"[^A-Za-z0-9-]")


def warehouse_id(code: str, prefix: str, is_taken: Callable[[str], bool]) -> str:
    """The VeraCore id of the order with this code.

    Args:
        code: The shop's order code, in full.
        prefix: ``orders.id_prefix``.
        is_taken: Whether another order already has an id, compared without case.

    Returns:
        Prefix and code if they fit; else their beginning and eight characters of the code's hash.
    """
    plain = prefix + code
    if len(plain) <= MOST and _PLAIN.fullmatch(plain) and not is_taken(plain):
        return plain
    return _hashed(plain, code)


def renewed_id(code: str, prefix: str, count: int) -> str:
    """Another id for the same order, after a person decided that the first one cannot be used."""
    # From code and count alone: a ledger that was lost derives the same id again, and VeraCore then
    # refuses a second order under it.
    return _hashed(prefix + code, f"{code}\n{count}")


MAX_RENEWALS = 9
"""How many other ids an order may get."""

MAX_ABSENT = 3
"""How many of the other ids, one after the other, are seen absent before the next ones count as
absent too. `resolve --new-id` leaves fewer of them unused, so that a ledger that was lost finds
again under which id the order went out, without looking up all nine of every order."""


def renewed_ids(code: str, prefix: str) -> tuple[str, ...]:
    """Every other id that the order may have been given, in the order in which they are given."""
    return tuple(renewed_id(code, prefix, count) for count in range(1, MAX_RENEWALS + 1))


def other_ids(
    code: str, prefixes: Sequence[str], own: str, is_taken: Callable[[str], bool]
) -> tuple[str, ...]:
    """Every id under which an earlier ledger may have sent the order, besides the one in use.

    Args:
        code: The shop's order code, in full.
        prefixes: All that ids may have (`OrdersSettings.id_prefixes`), that of new ids first.
        own: The id in use.
        is_taken: Whether another order already has an id.

    Returns:
        In the sequence in which they are looked up, until `most_absent` in a row are absent.
    """
    # With the first prefix an order has its own id instead, or never had another.
    first = (warehouse_id(code, one, is_taken) for one in prefixes[1:])
    # By count and not by prefix, so that the rule about absent ones holds for each prefix.
    renewed = zip(*(renewed_ids(code, one) for one in prefixes), strict=True)
    ids = (*first, *(one for of_a_count in renewed for one in of_a_count))
    distinct = {one.casefold(): one for one in reversed(ids) if one.casefold() != own.casefold()}
    return tuple(reversed(distinct.values()))


def most_absent(prefixes: Collection[str]) -> int:
    """How many of `other_ids` in a row are seen absent before the next ones count as absent too."""
    return (MAX_ABSENT + 1) * len(prefixes) - 1


def _hashed(plain: str, seed: str) -> str:
    digest = base64.b32encode(hashlib.sha256(seed.encode()).digest()).decode()[:8]
    head = _FOREIGN.sub("", plain)[: MOST - 9]
    return f"{head}-{digest}"


def is_derived(veracore_id: str, code: str, prefixes: Collection[str]) -> bool:
    """Whether we may have sent the order with this code under this id, also by another ledger."""
    ours = (one for prefix in prefixes for one in _all_ids(code, prefix))
    return veracore_id.strip().casefold() in {one.casefold() for one in ours}


def _all_ids(code: str, prefix: str) -> tuple[str, ...]:
    plain = prefix + code
    return (plain, _hashed(plain, code), *renewed_ids(code, prefix))
