"""What a GraphQL request would cost, counted before it is validated or executed.

A short document can ask for very much: by aliases, by lists in lists, and by fragments that spread
each other, which double with every level. Validation and execution pay for that, and some rules of
validation with its square. So the whole document is counted first, each selection once: what a
fragment costs is kept, and a spread of it adds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    Lexer,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    Source,
    TokenKind,
)

from veracore_sync.admin.list_sizes import Arguments, ListSizes, type_of

MAX_CHARACTERS = 16 * 1024
MAX_TOKENS = 2_000
MAX_NESTING = 40
"""Brackets in brackets; the parser calls itself for each."""
MAX_DEFINITIONS = 50
MAX_DEPTH = 16
MAX_FIELDS = 300
MAX_VALUES = 12_000
"""A full list of orders with everything about them."""
MAX_SCHEMA_VALUES = 80_000
"""The query by which tools read a schema."""
MAX_MUTATIONS = 5

CEILING = 1_000_000_000
"""Costs stop growing here, far above every limit: doubled 200 times they would be long numbers."""
_OPENING = (TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L)
_CLOSING = (TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R)


class TooCostly(GraphQLError):
    """A request exceeds a limit; the message says which."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a selection comes to after expansion.

    Args:
        fields: Also those that ``@skip`` or ``@include`` leave out: validation looks at them all.
        roots: Fields of its first level that are executed.
        values: Values that the answer may have; a list counts at its full length.
        schema_values: Values that describe the schema (introspection).
        depth: Levels of fields.
    """

    fields: int = 0
    roots: int = 0
    values: int = 0
    schema_values: int = 0
    depth: int = 0

    def beside(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(
            min(CEILING, self.fields + other.fields),
            min(CEILING, self.roots + other.roots),
            min(CEILING, self.values + other.values),
            min(CEILING, self.schema_values + other.schema_values),
            max(self.depth, other.depth),
        )

    def left_out(self) -> Cost:
        """The same where it is not executed."""
        return Cost(fields=self.fields, depth=self.depth)


def check_text(text: str) -> None:
    """Refuse a document that is too long, or too deep for a parser that calls itself.

    Raises:
        GraphQLError: It is, or it has a malformed token.
    """
    if len(text) > MAX_CHARACTERS:
        raise TooCostly(f"more than {MAX_CHARACTERS} characters in the query")
    lexer, tokens, nesting = Lexer(Source(text)), 0, 0
    token = lexer.token
    while token.kind is not TokenKind.EOF:
        # Not `lookahead`, which passes by comments without a limit.
        token = lexer.read_next_token(token.end)
        tokens += 1
        _limit(tokens, MAX_TOKENS, "tokens")
        if token.kind in _OPENING:
            nesting += 1
            _limit(nesting, MAX_NESTING, "brackets in one another")
        elif token.kind in _CLOSING:
            nesting -= 1


def check_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, object],
) -> None:
    """Refuse a request that is too costly.

    Args:
        schema: What the document asks.
        document: Parsed, after `check_text`.
        operation: The one to execute.
        variables: Their values, as they came.

    Raises:
        GraphQLError: It exceeds a limit, or is malformed in a way that would defeat the counting.
    """
    counter = Counter(schema, document, Arguments(operation, variables))
    cost = counter.of(operation)
    # Validation looks at the other operations and at unused fragments, too.
    every = cost
    for other in counter.operations:
        if other is not operation:
            every = every.beside(counter.of(other))
    for fragment in counter.fragments.values():
        _limit(fragment.fields, MAX_FIELDS, "fields")
        _limit(fragment.depth, MAX_DEPTH, "levels")
    _limit(every.fields, MAX_FIELDS, "fields")
    _limit(every.depth, MAX_DEPTH, "levels")
    _limit(cost.values, MAX_VALUES, "values in the answer; ask for less, or for shorter lists")
    _limit(cost.schema_values, MAX_SCHEMA_VALUES, "values about the schema")
    if operation.operation is OperationType.MUTATION:
        _limit(cost.roots, MAX_MUTATIONS, "mutations at once")


def _limit(found: int, most: int, what: str) -> None:
    if found > most:
        raise TooCostly(f"more than {most} {what}")


class Counter:
    """Counts a parsed document; each selection once.

    Args:
        schema: What the document asks.
        document: Parsed.
        arguments: Of the operation to execute.

    Attributes:
        steps: Selections looked at.
        operations: Those of the document.
        fragments: The costs of its fragments.

    Raises:
        GraphQLError: Fragments spread each other in a circle or share a name, or there are too
            many definitions.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, arguments: Arguments) -> None:
        self.steps = 0
        self.operations: list[OperationDefinitionNode] = []
        self.fragments: dict[str, Cost] = {}
        self._schema = schema
        self._arguments = arguments
        self._sizes = ListSizes(schema)
        for one in _in_order(self._sort_out(document)):
            kind = schema.type_map.get(one.type_condition.name.value)
            self.fragments[one.name.value] = self._selections(one.selection_set, kind)

    def _sort_out(self, document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
        _limit(len(document.definitions), MAX_DEFINITIONS, "operations and fragments")
        found: dict[str, FragmentDefinitionNode] = {}
        for one in document.definitions:
            if isinstance(one, OperationDefinitionNode):
                self.operations.append(one)
            elif not isinstance(one, FragmentDefinitionNode):
                raise GraphQLError("only operations and fragments can be sent")
            elif one.name.value in found:
                raise GraphQLError(f"two fragments have the name {one.name.value}")
            else:
                found[one.name.value] = one
        return found

    def of(self, operation: OperationDefinitionNode) -> Cost:
        """What an operation costs.

        Raises:
            GraphQLError: A ``first`` is out of range.
        """
        root = self._schema.get_root_type(operation.operation)
        return self._selections(operation.selection_set, root)

    def _selections(self, among: SelectionSetNode, parent: GraphQLNamedType | None) -> Cost:
        total = Cost()
        for one in among.selections:
            self.steps += 1
            cost = self._selection(one, parent)
            total = total.beside(cost.left_out() if self._arguments.leaves_out(one) else cost)
        return total

    def _selection(self, one: SelectionNode, parent: GraphQLNamedType | None) -> Cost:
        if isinstance(one, FragmentSpreadNode):
            # Validation refuses one that is not defined.
            return self.fragments.get(one.name.value, Cost())
        if isinstance(one, InlineFragmentNode):
            if one.type_condition is not None:
                parent = self._schema.type_map.get(one.type_condition.name.value)
            return self._selections(one.selection_set, parent)
        return self._field(one, parent) if isinstance(one, FieldNode) else Cost()

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Cost:
        field = self._sizes.field(parent, node)
        below = Cost()
        if node.selection_set is not None:
            below = self._selections(node.selection_set, type_of(field) if field else None)
        length = self._sizes.of(parent, field, node, self._arguments) if field else None
        items = 1 if length is None else length
        own = below.values if node.selection_set is not None or length is None else 1
        describes = parent is not None and parent.name.startswith("__")
        values = 1 + items * own
        return Cost(
            fields=1 + below.fields,
            roots=1,
            values=0 if describes else values,
            schema_values=items * below.schema_values + (values if describes else 0),
            depth=1 + below.depth,
        )


def _in_order(fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[FragmentDefinitionNode]:
    """Each fragment after those that it spreads.

    Raises:
        GraphQLError: They spread each other in a circle.
    """
    spreads = {name: list(_spreads(one.selection_set)) for name, one in fragments.items()}
    done: set[str] = set()
    for start in fragments:
        # Without recursion: a chain of fragments may be longer than Python's stack.
        path = [] if start in done else [start]
        waiting = {start: iter(spreads[start])}
        while path:
            inner = next((one for one in waiting[path[-1]] if one in fragments), None)
            if inner is None:
                done.add(path[-1])
                yield fragments[path.pop()]
            elif inner in path:
                circle = " → ".join([*path[path.index(inner) :], inner])
                raise GraphQLError(f"fragments spread each other: {circle}")
            elif inner not in done:
                path.append(inner)
                waiting[inner] = iter(spreads[inner])


def _spreads(among: SelectionSetNode) -> Iterator[str]:
    """The fragments that selections spread, at every depth."""
    waiting = [among]
    while waiting:
        for one in waiting.pop().selections:
            if isinstance(one, FragmentSpreadNode):
                yield one.name.value
            elif isinstance(one, FieldNode | InlineFragmentNode) and one.selection_set is not None:
                waiting.append(one.selection_set)
