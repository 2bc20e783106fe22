"""How long a list of an answer can be, and which selections a request takes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from graphql.type import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
)

MAX_FIRST = 100
"""The longest list of an answer, and what an unreadable ``first`` is counted as."""
_META: Mapping[str, GraphQLField] = {
    "__schema": SchemaMetaFieldDef,
    "__type": TypeMetaFieldDef,
    "__typename": TypeNameMetaFieldDef,
}


class Arguments:
    """The values of a request's variables, as far as they decide about its cost.

    Args:
        operation: The operation to execute, whose variables have default values.
        variables: The values that came with the request.
    """

    def __init__(self, operation: OperationDefinitionNode, variables: Mapping[str, object]) -> None:
        self._values: dict[str, object] = {
            one.variable.name.value: _literal(one.default_value)
            for one in operation.variable_definitions or ()
            if one.default_value is not None
        } | dict(variables)

    def leaves_out(self, selection: SelectionNode) -> bool:
        """Whether ``@skip`` or ``@include`` takes the selection out of the execution."""
        for one in selection.directives or ():
            wanted = {"skip": True, "include": False}.get(one.name.value)
            if wanted is not None and self._condition(one) is wanted:
                return True
        return False

    def _condition(self, directive: DirectiveNode) -> object:
        for one in directive.arguments or ():
            if one.name.value == "if":
                return self._value(one.value)
        return None

    def first(self, node: FieldNode, default: object) -> int:
        """The length of the list that a field asks for.

        Raises:
            GraphQLError: It is negative, or above `MAX_FIRST`.
        """
        value = default
        for one in node.arguments or ():
            if one.name.value == "first":
                given = self._value(one.value)
                value = default if given is Undefined else given
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return MAX_FIRST
        if not 0 <= value <= MAX_FIRST:
            raise GraphQLError(f"{node.name.value}: first must be between 0 and {MAX_FIRST}")
        return value

    def _value(self, node: ValueNode) -> object:
        if isinstance(node, VariableNode):
            return self._values.get(node.name.value, Undefined)
        return _literal(node)


def _literal(node: ValueNode) -> object:
    if isinstance(node, BooleanValueNode):
        return node.value
    if isinstance(node, IntValueNode):
        # Python refuses to read a number of thousands of digits.
        return int(node.value) if len(node.value) < 20 else MAX_FIRST + 1
    return None if isinstance(node, NullValueNode) else Undefined


class ListSizes:
    """The lists of a schema; those that describe the schema itself have no ``first``."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._introspection = _introspection_sizes(schema)

    def field(self, parent: GraphQLNamedType | None, node: FieldNode) -> GraphQLField | None:
        """The field of the schema, or ``None``: validation will refuse it."""
        meta = _META.get(node.name.value)
        if meta is not None:
            return meta
        if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            fields: Mapping[str, GraphQLField] = parent.fields
            return fields.get(node.name.value)
        return None

    def of(
        self,
        parent: GraphQLNamedType | None,
        field: GraphQLField,
        node: FieldNode,
        arguments: Arguments,
    ) -> int | None:
        """How many items the field has at most; ``None``: it is no list.

        Raises:
            GraphQLError: The request asks for more than a list may have.
        """
        kind = field.type
        if is_non_null_type(kind):
            kind = kind.of_type
        if not is_list_type(kind):
            return None
        if parent is not None and parent.name.startswith("__"):
            return self._introspection.get(node.name.value, MAX_FIRST)
        return arguments.first(node, _default(field))


def _default(field: GraphQLField) -> object:
    """The ``first`` of a list whose request names none, as the schema's text has it."""
    first = field.args.get("first")
    written = first.ast_node.default_value if first and first.ast_node else None
    return _literal(written) if written else Undefined


def type_of(field: GraphQLField) -> GraphQLNamedType:
    """What a field has below it."""
    return get_named_type(field.type)


def _introspection_sizes(schema: GraphQLSchema) -> dict[str, int]:
    types = list(schema.type_map.values())
    composed = [one for one in types if isinstance(one, GraphQLObjectType | GraphQLInterfaceType)]
    fields = [field for one in composed for field in one.fields.values()]
    return {
        "types": len(types),
        "possibleTypes": len(types),
        "directives": len(schema.directives),
        "fields": _longest(one.fields for one in composed),
        "interfaces": _longest(one.interfaces for one in composed),
        "inputFields": _longest(
            one.fields for one in types if isinstance(one, GraphQLInputObjectType)
        ),
        "enumValues": _longest(one.values for one in types if isinstance(one, GraphQLEnumType)),
        "args": _longest([one.args for one in (*fields, *schema.directives)]),
        "locations": _longest(one.locations for one in schema.directives),
    }


def _longest(lists: Iterable[Sized]) -> int:
    return max(map(len, lists), default=0)
