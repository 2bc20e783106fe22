"""The small shop's schema is a part of the real one: nothing more, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    parse,
    validate,
)

from veracore_sync.sandbox import shop_roots
from veracore_sync.sandbox.shop_graphql import SCHEMA_FILE
from veracore_sync.sandbox.shop_resolvers import FROM_RECORD, WITH_CONTEXT
from veracore_sync.vendure import documents
from veracore_sync.vendure.documents import Document

REAL_FILE = Path(__file__).parents[1] / "data" / "vendure-admin-schema.graphql"
SMALL = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
REAL = build_schema(REAL_FILE.read_text(encoding="utf-8"))
NAMES = sorted(name for name in SMALL.type_map if not name.startswith("__"))


def arguments(field: GraphQLField) -> dict[str, tuple[str, str]]:
    return {name: (f"{one.type}", f"{one.default_value}") for name, one in field.args.items()}


def strangers(small: GraphQLNamedType, real: GraphQLNamedType | None) -> list[str]:
    """What `small` has that `real` has not, or has otherwise."""
    if type(small) is not type(real):
        return [small.name]
    if isinstance(small, GraphQLEnumType) and isinstance(real, GraphQLEnumType):
        return [] if list(small.values) == list(real.values) else [small.name]
    if isinstance(small, GraphQLUnionType) and isinstance(real, GraphQLUnionType):
        same = {one.name for one in small.types} == {one.name for one in real.types}
        return [] if same else [small.name]
    if isinstance(small, GraphQLInputObjectType) and isinstance(real, GraphQLInputObjectType):
        return strange_inputs(small, real)
    if isinstance(small, GraphQLObjectType | GraphQLInterfaceType):
        assert isinstance(real, GraphQLObjectType | GraphQLInterfaceType)
        return strange_fields(small, real)
    return []


def strange_inputs(small: GraphQLInputObjectType, real: GraphQLInputObjectType) -> list[str]:
    found = [
        f"{small.name}.{name}"
        for name, one in small.fields.items()
        if name not in real.fields
        or f"{one.type}" != f"{real.fields[name].type}"
        or f"{one.default_value}" != f"{real.fields[name].default_value}"
    ]
    needed = [name for name, one in real.fields.items() if f"{one.type}".endswith("!")]
    return found + [f"{small.name}.{name}" for name in needed if name not in small.fields]


def strange_fields(
    small: GraphQLObjectType | GraphQLInterfaceType, real: GraphQLObjectType | GraphQLInterfaceType
) -> list[str]:
    found = [
        f"{small.name}.{name}"
        for name, one in small.fields.items()
        if name not in real.fields
        or f"{one.type}" != f"{real.fields[name].type}"
        or arguments(one) != arguments(real.fields[name])
    ]
    if {one.name for one in small.interfaces} != {one.name for one in real.interfaces}:
        found.append(f"{small.name} implements")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_type_is_as_in_the_real_schema(name: str) -> None:
    assert strangers(SMALL.type_map[name], REAL.type_map.get(name)) == []


@pytest.mark.parametrize(
    ("sdl", "strange"),
    [
        ("type Channel { nope: Int }", ["Channel.nope", "Channel implements"]),
        ("type Success { success: Boolean }", ["Success.success"]),
        ("input BooleanOperators { eq: Int }", ["BooleanOperators.eq"]),
        ("input StockLevelInput { stockOnHand: Int! }", ["StockLevelInput.stockLocationId"]),
        ("enum SortOrder { ASC }", ["SortOrder"]),
        ("type Nobody { id: ID! }", ["Nobody"]),
    ],
)
def test_a_stranger_is_found(sdl: str, strange: list[str]) -> None:
    (kind,) = (one for one in parse(sdl).definitions)
    name = kind.name.value  # type: ignore[attr-defined]
    schema: GraphQLSchema = build_schema(f"{sdl} type Query {{ a: Int }}")
    assert strangers(schema.type_map[name], REAL.type_map.get(name)) == strange


def test_every_root_field_and_every_resolver_has_its_place() -> None:
    assert SMALL.query_type is not None
    assert SMALL.mutation_type is not None
    assert set(SMALL.query_type.fields) == set(shop_roots.QUERIES)
    assert set(SMALL.mutation_type.fields) == set(shop_roots.MUTATIONS)
    for table in (FROM_RECORD, WITH_CONTEXT):
        for name, fields in table.items():
            kind = SMALL.type_map[name]
            assert isinstance(kind, GraphQLObjectType)
            assert set(fields) <= set(kind.fields)


def test_the_product_asks_nothing_that_the_small_shop_has_not() -> None:
    asked = [one for one in vars(documents).values() if isinstance(one, Document)]
    assert asked
    for one in asked:
        assert validate(SMALL, parse(one.text)) == [], one.operation
