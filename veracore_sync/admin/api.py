"""``POST /admin-api``: the queries and mutations of ``schema.graphql``, by graphql-core."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from veracore_sync.admin.access import Role
from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.admin.cost import TooCostly, check_cost, check_text
from veracore_sync.admin.differences import differences_after
from veracore_sync.admin.list_sizes import MAX_FIRST
from veracore_sync.admin.requests import is_text
from veracore_sync.composition.decisions import Choice
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import LedgerError
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.jobs import stats
from veracore_sync.webhooks.throttled_log import ThrottledLogger

_LOG = logging.getLogger(__name__)
TROUBLED = ("failed", "parked", "in_doubt", "conflict", "cancelled")
_CHOICES: Mapping[str, Choice] = {
    "ADOPT": "adopt",
    "NEW_ID": "new-id",
    "SKIP": "skip",
}
_LONGEST_MESSAGE = 300
_BUSY = "too many requests at once; try again"
_AT_ONCE = 4
_PATIENCE = 5.0
"""Seconds that a request waits for others to end."""


class AdminApi:
    """Answers GraphQL requests on one ledger.

    Args:
        actions: Run by mutations; queries read its ledger.
        at_once: How many queries, and how many mutations, are executed at the same time.
        patience: Seconds that a further one waits.
    """

    def __init__(
        self, actions: Actions, at_once: int = _AT_ONCE, patience: float = _PATIENCE
    ) -> None:
        self._actions = actions
        self._patience = patience
        self._trouble = ThrottledLogger(_LOG, logging.ERROR, "admin-api")
        # Apart, because a mutation lasts as long as the run that it starts.
        self._room = {
            OperationType.QUERY: threading.BoundedSemaphore(at_once),
            OperationType.MUTATION: threading.BoundedSemaphore(at_once),
        }

    def answer(self, body: bytes, role: Role, actor: Actor) -> tuple[int, dict[str, Any]]:
        """The HTTP status and document for a request.

        Args:
            body: ``{"query", "variables", "operationName"}`` as JSON.
            role: What the client may do.
            actor: Who the client is.
        """
        request = _request(body)
        if isinstance(request, str):
            return 400, _errors(request, "BAD_REQUEST")
        query, variables, name = request
        with self._place(OperationType.QUERY) as free:
            if not free:
                return 503, _errors(_BUSY, "BUSY")
            read = self._read(query, variables, name)
            if isinstance(read, dict):
                return 400, read
            document, kind = read
            if kind is not OperationType.MUTATION:
                return 200, self._execute(document, variables, name, actor)
        if role != "act":
            return 200, _errors("this token can view but not act", "FORBIDDEN")
        with self._place(kind) as free:
            if not free:
                return 503, _errors(_BUSY, "BUSY")
            return 200, self._execute(document, variables, name, actor)

    def _read(
        self, query: str, variables: Mapping[str, Any], name: str | None
    ) -> tuple[DocumentNode, OperationType] | dict[str, Any]:
        """The document and what it asks for; or why it is refused."""
        try:
            # All limits come before validation, which itself takes long for a hostile document.
            check_text(query)
            document = parse(query)
            operation = _operation(document, name)
            check_cost(self._schema, document, operation, variables)
        except TooCostly as error:
            return _errors(error.message, "LIMIT_EXCEEDED")
        except GraphQLError as error:
            return _errors(error.message, "GRAPHQL_PARSE_FAILED")
        found = validate(self._schema, document, max_errors=1)
        if found:
            return _errors(found[0].message, "GRAPHQL_VALIDATION_FAILED")
        return document, operation.operation

    def _execute(
        self, document: DocumentNode, variables: Mapping[str, Any], name: str | None, actor: Actor
    ) -> dict[str, Any]:
        outcome = execute_sync(
            self._schema,
            document,
            root_value=self._roots(actor),
            variable_values=dict(variables),
            operation_name=name,
        )
        result: dict[str, Any] = {"data": outcome.data}
        if outcome.errors:
            result["errors"] = [self._error_document(error) for error in outcome.errors]
        return result

    def _error_document(self, error: GraphQLError) -> dict[str, Any]:
        original = error.original_error
        if not isinstance(original, LedgerError):
            return _error_document(error)
        # As the page says it: a server or a disk that is away for a while is no bug.
        self._trouble.say(f"a request cannot be answered: {original.message}")
        return {
            "message": f"the ledger cannot be used: {original.message}; {original.hint}",
            "path": error.path,
            "extensions": {"code": "LEDGER_UNAVAILABLE"},
        }

    @contextmanager
    def _place(self, kind: OperationType) -> Iterator[bool]:
        room = self._room[kind]
        free = room.acquire(timeout=self._patience)
        try:
            yield free
        finally:
            if free:
                room.release()

    @cached_property
    def _schema(self) -> GraphQLSchema:
        return build_schema(files(__package__).joinpath("schema.graphql").read_text("utf-8"))

    def _roots(self, actor: Actor) -> dict[str, Callable[..., Any]]:
        act, seen = self._actions.by(actor), _Reading(self._actions)
        return {
            "veracoreOrderSyncStatus": lambda _info, **given: seen.order(_name(given["orderId"])),
            "veracoreOrderSyncStats": lambda _info: seen.orders(),
            "veracoreFailedOrderSyncs": lambda _info, first: seen.failed[:first],
            "veracoreInventorySyncStats": lambda _info: seen.inventory,
            "veracoreTrackingSyncStats": lambda _info: seen.overall["tracking"],
            "veracoreReconcileStats": lambda _info: seen.overall["reconcile"],
            "veracoreDifferences": lambda _info, first, **given: seen.differences(
                given.get("orderId"), given.get("after")
            )[:first],
            "retryVeracoreOrderSync": lambda _info, **given: _result(
                act.retry_order(_name(given["orderId"]))
            ),
            "syncVeracoreOrders": lambda _info: _result(act.sync_orders()),
            "resolveVeracoreOrder": lambda _info, **given: _result(_resolve(act, given)),
            "acceptVeracoreAlerts": lambda _info, **given: _result(
                act.resolve(_name(given["orderId"]), "accept", reason=_name(given["reason"]))
            ),
            "cancelVeracoreOrder": lambda _info, **given: _result(
                act.cancel(_name(given["orderId"]))
            ),
            "acceptVeracoreDifference": lambda _info, **given: _result(
                _accept(act, given["type"], given["name"], given["reason"])
            ),
            "forceVeracoreInventorySync": lambda _info, **given: _result(
                act.inventory_without_guards()
                if given["allowMassChange"]
                else act.force_inventory()
            ),
            "syncVeracoreInventoryForSku": lambda _info, sku: _result(
                act.inventory_for(_name(sku))
            ),
            "forceVeracoreTrackingSync": lambda _info: _result(act.force_tracking()),
            "syncVeracoreTrackingForOrder": lambda _info, **given: _result(
                act.tracking_for(_name(given["orderId"]))
            ),
        }


class _Reading:
    """What one request reads of the ledger: once, however many aliases ask for it."""

    def __init__(self, actions: Actions) -> None:
        self._actions, self._ledger = actions, actions.ledger
        self._differences: dict[tuple[str | None, str | None], list[dict[str, Any]]] = {}

    @cached_property
    def overall(self) -> dict[str, Any]:
        return stats.overall(self._ledger)

    @cached_property
    def inventory(self) -> dict[str, Any]:
        found: dict[str, Any] = self.overall["inventory"]
        return found | {"nextFullTime": stats.next_full(self._ledger, self._actions.settings)}

    @cached_property
    def failed(self) -> list[dict[str, Any]]:
        rows = self._ledger.orders.in_states(TROUBLED, limit=MAX_FIRST)
        return [_order(row) for row in rows]

    @cached_property
    def _recent(self) -> list[dict[str, Any]]:
        return [_order(row) for row in self._ledger.orders.recent_errors(MAX_FIRST)]

    def differences(self, order: str | None, after: str | None) -> list[dict[str, Any]]:
        """A page of what differs."""
        if (order, after) not in self._differences:
            rows = differences_after(
                self._ledger,
                None if order is None else _name(order),
                None if after is None else _name(after),
                MAX_FIRST,
            )
            self._differences[order, after] = rows
        return self._differences[order, after]

    def order(self, name: str) -> dict[str, Any] | None:
        row = self._ledger.orders.find(name)
        return _order(row) if row else None

    def orders(self) -> dict[str, Any]:
        recent = {"recentErrors": lambda _info, first: self._recent[:first]}
        return {**self.overall["orders"], **recent}


def _name(given: str) -> str:
    """The name of an order or a SKU, if it is one that a ledger can look for.

    Raises:
        GraphQLError: It holds a NUL or half a character, as JSON may.
    """
    if not is_text(given):
        raise GraphQLError("no text")
    return given


def _resolve(act: Actions, given: Mapping[str, Any]) -> ActionOutcome:
    id = given.get("veracoreOrderId")
    return act.resolve(
        _name(given["orderId"]),
        _CHOICES[given["decision"]],
        veracore_id=None if id is None else _name(id),
    )


def _accept(act: Actions, type: str, name: str, reason: str) -> ActionOutcome:
    if type not in set(DifferenceType):
        raise GraphQLError("type: no type of differences")
    return act.accept_difference(DifferenceType(type), _name(name), _name(reason))


def _order(row: OrderRow) -> dict[str, Any]:
    document = stats.order_document(row)
    warnings = document["warnings"]
    return {"id": row.vendure_id, **document, "warnings": lambda _info, first: warnings[:first]}


def _result(outcome: ActionOutcome) -> dict[str, Any]:
    return {"success": outcome.success, "error": outcome.error, "result": outcome.result or None}


def _request(body: bytes) -> tuple[str, Mapping[str, Any], str | None] | str:
    """The query, its variables and the operation's name; or what is wrong with the request."""
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return "the body is not JSON"
    if not isinstance(document, dict) or not isinstance(document.get("query"), str):
        return "the body is not an object with a query"
    variables, name = document.get("variables") or {}, document.get("operationName")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        return "variables is an object, operationName a text"
    return document["query"], variables, name


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [
        one
        for one in document.definitions
        if isinstance(one, OperationDefinitionNode)
        and (name is None or (one.name is not None and one.name.value == name))
    ]
    if len(found) != 1:
        raise GraphQLError("name one operation of the document")
    return found[0]


def _error_document(error: GraphQLError) -> dict[str, Any]:
    # An exception of a resolver may quote secrets or personal data, so it is logged, not returned.
    own = isinstance(error.original_error, GraphQLError | None)
    if not own:
        _LOG.error("admin-api: %s failed", error.path, exc_info=error.original_error)
    message = error.message if own else "internal error; see the log of serve-admin"
    code = "BAD_USER_INPUT" if own else "INTERNAL_SERVER_ERROR"
    return {"message": message, "path": error.path, "extensions": {"code": code}}


def _errors(message: str, code: str) -> dict[str, Any]:
    # graphql-core quotes names of any length.
    return {
        "errors": [{"message": message[:_LONGEST_MESSAGE], "extensions": {"code": code}}],
        "data": None,
    }
