"""``POST /admin-api``: the queries and mutations of ``schema.graphql``, by graphql-core."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from veracore_sync.admin.access import Role
from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.jobs import stats

_LOG = logging.getLogger(__name__)
# A short query can ask for very much by nesting, aliases and fragments.
_MAX_TOKENS = 2_000
_MAX_DEPTH = 12
_MAX_FIELDS = 300
_MAX_MUTATIONS = 5
TROUBLED = ("failed", "parked", "in_doubt", "conflict", "cancelled")


class AdminApi:
    """Answers GraphQL requests on one ledger.

    Args:
        actions: Run by mutations; queries read its ledger.
    """

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    def answer(self, body: bytes, role: Role) -> tuple[int, dict[str, Any]]:
        """The HTTP status and document for a request.

        Args:
            body: ``{"query", "variables", "operationName"}`` as JSON.
            role: What the client may do.
        """
        request = _request(body)
        if isinstance(request, str):
            return 400, _errors(request, "BAD_REQUEST")
        query, variables, name = request
        try:
            document = parse(query, max_tokens=_MAX_TOKENS)
            operation = _operation(document, name)
            _refuse_large(document, operation)
        except GraphQLError as error:
            return 400, _errors(error.message, "GRAPHQL_PARSE_FAILED")
        if operation.operation is OperationType.MUTATION and role != "act":
            return 200, _errors("this token can view but not act", "FORBIDDEN")
        found = validate(self._schema, document)
        if found:
            return 400, _errors(found[0].message, "GRAPHQL_VALIDATION_FAILED")
        outcome = execute_sync(
            self._schema,
            document,
            root_value=self._roots(),
            variable_values=dict(variables),
            operation_name=name,
        )
        result: dict[str, Any] = {"data": outcome.data}
        if outcome.errors:
            result["errors"] = [_error_document(error) for error in outcome.errors]
        return 200, result

    @cached_property
    def _schema(self) -> GraphQLSchema:
        return build_schema(files(__package__).joinpath("schema.graphql").read_text("utf-8"))

    def _roots(self) -> dict[str, Callable[..., Any]]:
        ledger, act = self._actions.ledger, self._actions
        return {
            "veracoreOrderSyncStatus": lambda _info, **given: self._order(given["orderId"]),
            "veracoreOrderSyncStats": lambda _info: self._orders(),
            "veracoreFailedOrderSyncs": lambda _info: [
                _order(row) for row in ledger.orders.in_states(TROUBLED)
            ],
            "veracoreInventorySyncStats": lambda _info: stats.overall(ledger)["inventory"],
            "veracoreTrackingSyncStats": lambda _info: stats.overall(ledger)["tracking"],
            "retryVeracoreOrderSync": lambda _info, **given: _result(
                act.retry_order(given["orderId"])
            ),
            "forceVeracoreInventorySync": lambda _info: _result(act.force_inventory()),
            "syncVeracoreInventoryForSku": lambda _info, sku: _result(act.inventory_for(sku)),
            "forceVeracoreTrackingSync": lambda _info: _result(act.force_tracking()),
            "syncVeracoreTrackingForOrder": lambda _info, **given: _result(
                act.tracking_for(given["orderId"])
            ),
        }

    def _order(self, name: str) -> dict[str, Any] | None:
        row = self._actions.ledger.orders.find(name)
        return _order(row) if row else None

    def _orders(self) -> dict[str, Any]:
        document = dict(stats.overall(self._actions.ledger)["orders"])
        errors = document["recentErrors"]
        document["recentErrors"] = [{"id": one["vendureOrderId"], **one} for one in errors]
        return document


def _order(row: OrderRow) -> dict[str, Any]:
    return {"id": row.vendure_id, **stats.order_document(row)}


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


def _refuse_large(document: DocumentNode, operation: OperationDefinitionNode) -> None:
    """Limit the depth, the fields (and so the aliases), and the mutations of a request.

    Raises:
        GraphQLError: It exceeds a limit.
    """
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    fields = _count(operation.selection_set, fragments, 1, 0)
    roots = len(operation.selection_set.selections)
    if fields > _MAX_FIELDS:
        raise GraphQLError(f"more than {_MAX_FIELDS} fields")
    if operation.operation is OperationType.MUTATION and roots > _MAX_MUTATIONS:
        raise GraphQLError(f"more than {_MAX_MUTATIONS} mutations at once")


def _count(
    selections: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    depth: int,
    so_far: int,
) -> int:
    if depth > _MAX_DEPTH:
        raise GraphQLError(f"nested deeper than {_MAX_DEPTH}")
    for one in selections.selections:
        below: SelectionSetNode | None = None
        if isinstance(one, FieldNode):
            so_far += 1
            below = one.selection_set
        elif isinstance(one, FragmentSpreadNode):
            fragment = fragments.get(one.name.value)
            below = fragment.selection_set if fragment else None
        else:
            below = getattr(one, "selection_set", None)
        if below is not None and so_far <= _MAX_FIELDS:
            so_far = _count(below, fragments, depth + 1, so_far)
    return so_far


def _error_document(error: GraphQLError) -> dict[str, Any]:
    # An exception of a resolver may quote secrets or personal data, so it is logged, not returned.
    own = error.original_error is None
    if not own:
        _LOG.error("admin-api: %s failed", error.path, exc_info=error.original_error)
    message = error.message if own else "internal error; see the log of serve-admin"
    code = "BAD_USER_INPUT" if own else "INTERNAL_SERVER_ERROR"
    return {"message": message, "path": error.path, "extensions": {"code": code}}


def _errors(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}
