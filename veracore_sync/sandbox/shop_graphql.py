"""Real GraphQL over HTTP: from a request to the answer that Vendure would give it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSyntaxError,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from veracore_sync.clock import from_text, to_text
from veracore_sync.sandbox.exchange import Answer, Request, json_answer
from veracore_sync.sandbox.shop_access import Access
from veracore_sync.sandbox.shop_errors import Thrown
from veracore_sync.sandbox.shop_resolvers import (
    FROM_RECORD,
    WITH_CONTEXT,
    Context,
    field_of,
    type_of,
)
from veracore_sync.sandbox.shop_roots import MUTATIONS, QUERIES, guarded
from veracore_sync.sandbox.shop_state import ShopState

SCHEMA_FILE = Path(__file__).with_name("shop_schema.graphql")
_CUSTOM_FIELDS_FILE = Path(__file__).with_name("shop_custom_fields.graphql")
BODY_LIMIT = 100 * 1024
_KEPT_DOCUMENTS = 256
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that can be executed; `name` is its operation's, or ''."""

    document: DocumentNode
    chosen: str | None
    variables: Mapping[str, Any]
    name: str
    is_read: bool = True


class GraphQLApi:
    """The Admin API over a `ShopState`."""

    def __init__(self, state: ShopState, access: Access) -> None:
        self._state = state
        self._access = access

    def read(self, request: Request) -> Operation | Answer:
        """The operation that a request asks for, or the answer that refuses to read it."""
        body = self._body(request)
        if isinstance(body, Answer):
            return body
        try:
            document = _checked(body["query"])
        except _NotThisSchema as error:
            return json_answer(400, {"errors": error.told})
        chosen = body.get("operationName") or None
        operation = get_operation_ast(document, chosen)
        if operation is None:
            return _unresolved(document, chosen)
        name = operation.name.value if operation.name else ""
        is_read = operation.operation is OperationType.QUERY
        return Operation(document, chosen, body.get("variables") or {}, name, is_read)

    def execute(self, operation: Operation, headers: Mapping[str, str]) -> Answer:
        """Do what an operation asks, alone: one transaction at a time, as on SQLite."""
        with self._state.lock:
            try:
                caller = self._access.caller(headers)
            except Thrown as thrown:
                error = GraphQLError(thrown.message, extensions={"code": thrown.code})
                return json_answer(200, {"errors": [error.formatted], "data": None})
            result = execute_sync(
                _schema(),
                operation.document,
                variable_values=dict(operation.variables),
                operation_name=operation.chosen,
                context_value=Context(self._state, self._access, caller),
                field_resolver=field_of,
            )
        reply = caller.reply_token
        return json_answer(
            200, _document(result), () if reply is None else ((self._access.token_header, reply),)
        )

    def _body(self, request: Request) -> Document | Answer:
        if len(request.body) > BODY_LIMIT:
            return self.plain(500, "", request)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _bad_request(_NO_BODY)
        try:
            body = json.loads(request.body or b"{}")
        except ValueError as error:
            return self.plain(400, f"{error}", request)
        if isinstance(body, list):
            return _bad_request("Operation batching disabled.")
        if not isinstance(body, dict) or not body:
            return _bad_request(_NO_BODY)
        if not isinstance(body.get("query"), str) or not body["query"]:
            return _bad_request(_NO_QUERY)
        return body

    def plain(self, status: int, message: str, request: Request) -> Answer:
        """An answer in the shape of the web framework below GraphQL."""
        now = to_text(self._state.now())
        body = {"statusCode": status, "message": message, "timestamp": now, "path": request.path}
        return json_answer(status, body)


_NO_BODY = "POST body missing, invalid Content-Type, or JSON object has no keys."
_NO_QUERY = "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension."


class _NotThisSchema(Exception):
    def __init__(self, errors: Sequence[GraphQLError], code: str) -> None:
        super().__init__(code)
        self.told = [{**error.formatted, "extensions": {"code": code}} for error in errors]


@lru_cache(_KEPT_DOCUMENTS)
def _checked(query: str) -> DocumentNode:
    try:
        document = parse(query)
    except GraphQLSyntaxError as error:
        raise _NotThisSchema([error], "GRAPHQL_PARSE_FAILED") from error
    errors = validate(_schema(), document)
    if errors:
        raise _NotThisSchema(errors, "GRAPHQL_VALIDATION_FAILED")
    return document


def _document(result: ExecutionResult) -> Document:
    if not result.errors:
        return {"data": result.data}
    if result.data is None and all(error.path is None for error in result.errors):
        code = {"code": "BAD_USER_INPUT"}
        return {"errors": [{**error.formatted, "extensions": code} for error in result.errors]}
    return {"errors": [error.formatted for error in result.errors], "data": result.data}


def _bad_request(message: str) -> Answer:
    error = {"message": message, "extensions": {"code": "BAD_REQUEST"}}
    return json_answer(400, {"errors": [error]})


def _unresolved(document: DocumentNode, chosen: str | None) -> Answer:
    several = sum(isinstance(one, OperationDefinitionNode) for one in document.definitions) > 1
    message = (
        f'Unknown operation named "{chosen}".'
        if chosen
        else "Must provide operation name if query contains multiple operations."
        if several
        else "Must provide an operation."
    )
    error = {"message": message, "extensions": {"code": "OPERATION_RESOLUTION_FAILURE"}}
    return json_answer(400, {"errors": [error]})


# ---- the schema -----------------------------------------------------------------------------


@cache
def _schema() -> GraphQLSchema:
    """The schema, once a process: building it takes longer than most of what is asked of a shop."""
    files = (SCHEMA_FILE, _CUSTOM_FIELDS_FILE)
    schema = build_schema("\n".join(one.read_text(encoding="utf-8") for one in files))
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            _resolve_fields(kind)
        elif isinstance(kind, GraphQLUnionType):
            kind.resolve_type = type_of
        elif isinstance(kind, GraphQLScalarType):
            _fit_scalar(kind)
    return schema


def _resolve_fields(kind: GraphQLObjectType) -> None:
    for name, made in FROM_RECORD.get(kind.name, {}).items():
        kind.fields[name].resolve = lambda source, _info, made=made: made(source)
    for name, resolve in WITH_CONTEXT.get(kind.name, {}).items():
        kind.fields[name].resolve = resolve
    roots = {"Query": QUERIES, "Mutation": MUTATIONS}.get(kind.name, {})
    for name, root in roots.items():
        kind.fields[name].resolve = guarded(name, root)


def _fit_scalar(kind: GraphQLScalarType) -> None:
    if kind.name != "DateTime":
        return
    # graphql-core 3.3 renamed both methods, but still calls the old ones for literals.
    for name in ("serialize", "coerce_output_value"):
        setattr(kind, name, to_text)
    for name in ("parse_value", "coerce_input_value"):
        setattr(kind, name, _moment)


def _moment(value: Any) -> datetime:
    try:
        return from_text(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError(f"DateTime cannot represent an invalid date-time-string {value}.") from (
            error
        )
