"""Pages of what ledger, shop and VeraCore disagree about, for the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from graphql import GraphQLError

from veracore_sync.domain.differences import ORDER_TYPES, Difference
from veracore_sync.jobs import stats
from veracore_sync.ports.ledger import Ledger

_PARTS = 3


def differences_after(
    ledger: Ledger, order: str | None, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """At most so many, in the order of their ids.

    Args:
        ledger: The ledger.
        order: The code or id of the order that they are about; ``None``: all.
        after: The id of the last one of the page before; ``None``: the first page.
        limit: The most.

    Raises:
        GraphQLError: `after` is no id of a difference.
    """
    key = None if after is None else _key(after)
    if order is None:
        rows = ledger.differences.some(limit, key)
    else:
        found = ledger.orders.find(order)
        code = order if found is None else found.code
        rows = [one for one in ledger.differences.of([code]) if one.difference.type in ORDER_TYPES]
        rows.sort(key=lambda row: row.difference.key)
        rows = [one for one in rows if key is None or one.difference.key > key][:limit]
    return [{"id": _id(row.difference), **stats.difference_document(row)} for row in rows]


def _id(one: Difference) -> str:
    return ":".join(quote(part, safe="") for part in one.key)


def _key(id: str) -> tuple[str, str, str]:
    parts = id.split(":")
    if len(parts) != _PARTS:
        raise GraphQLError("after: no id of a difference")
    type, name, detail = map(unquote, parts)
    return type, name, detail
