"""What a GraphQL request costs, and each limit of it: the least that is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLError, OperationDefinitionNode, build_schema, parse

from veracore_sync.admin import cost
from veracore_sync.admin.cost import Cost, Counter, TooCostly, check_cost, check_text
from veracore_sync.admin.list_sizes import Arguments

SCHEMA = build_schema("""
type Query { one: Thing! many(first: Int! = 10): [Thing!]! count: Int! }
type Mutation { act: Int! }
type Thing {
  id: ID!
  self: Thing
  others(first: Int! = 3): [Thing!]!
  words(first: Int! = 7): [String!]
}
""")
BILLION = 1_000_000_000


def counter(text: str, variables: Mapping[str, Any] | None = None) -> tuple[Counter, Cost]:
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    made = Counter(SCHEMA, document, Arguments(operation, variables or {}))
    return made, made.of(operation)


def check(text: str) -> None:
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    check_cost(SCHEMA, document, operation, {})


def aliases(count: int, field: str = "count") -> str:
    return " ".join(f"a{n}: {field}" for n in range(count))


def deep(levels: int) -> str:
    """So many levels of fields."""
    return "{ one " + "{ self " * (levels - 2) + "{ id }" + " }" * (levels - 1)


# ---- the text ------------------------------------------------------------------------------------


def spaced(length: int) -> str:
    return "{a}" + " " * (length - 3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (spaced(16 * 1024), None),
        (spaced(16 * 1024 + 1), "more than 16384 characters in the query"),
        # the end counts as a token, as each comment does
        ("{" + " a" * 1997 + "}", None),
        ("{" + " a" * 1998 + "}", "more than 2000 tokens"),
        ("#\n" * 1996 + "{a}", None),
        ("#\n" * 1997 + "{a}", "more than 2000 tokens"),
        *((opening * 40, None) for opening in "{[("),
        *((opening * 41, "more than 40 brackets in one another") for opening in "{[("),
        ("{a" * 40, None),
        ("{a" * 41, "more than 40 brackets in one another"),
        *((pair * 50 + "(" * 40, None) for pair in ("{}", "[]", "()")),
        *(("{" + pair * 9 + "[" * 40, "more than 40 brackets") for pair in ("{}", "[]", "()")),
    ],
)
def test_a_text_that_a_parser_should_not_see(text: str, why: str | None) -> None:
    if why is None:
        check_text(text)
        return
    with pytest.raises(TooCostly, match=why):
        check_text(text)


# ---- what a selection comes to -------------------------------------------------------------------


def test_costs_stop_growing() -> None:
    most, more = Cost(BILLION, BILLION, BILLION, BILLION, 7), Cost(1, 1, 1, 1, 9)
    assert most.beside(more) == more.beside(most) == Cost(*[BILLION] * 4, 9)
    assert Cost(1, 2, 3, 4, 5).beside(Cost(1, 2, 3, 4, 4)) == Cost(2, 4, 6, 8, 5)
    assert Cost(1, 2, 3, 4, 5).left_out() == Cost(1, 0, 0, 0, 5)
    assert Cost() == Cost(0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ count }", Cost(1, 1, 1, 0, 1)),
        ("{ count b: count }", Cost(2, 2, 2, 0, 1)),
        ("{ one { id self { id } } }", Cost(4, 1, 4, 0, 3)),
        # a list counts at its full length, and one of texts by its texts
        ("{ many { id } }", Cost(2, 1, 11, 0, 2)),
        ("{ many(first: 5) { id others { id } } }", Cost(4, 1, 1 + 5 * (1 + 1 + 3), 0, 3)),
        ("{ one { words } }", Cost(2, 1, 1 + 1 + 7, 0, 2)),
        # what is left out is validated, and not executed
        ("{ count @skip(if: true) one { id } }", Cost(3, 1, 2, 0, 2)),
        ("{ one { id @include(if: false) self { id } } }", Cost(4, 1, 3, 0, 3)),
        # fragments count wherever they are spread, and one that is not there counts nothing
        ("{ ...F ...F } fragment F on Query { count }", Cost(2, 2, 2, 0, 1)),
        ("{ count ...Gone }", Cost(1, 1, 1, 0, 1)),
        ("{ ...F } fragment F on Query { count ...Gone }", Cost(1, 1, 1, 0, 1)),
        ("{ one { ...F } } fragment F on Thing { ...G } fragment G on Thing { id }", (2, 2)),
        ("{ one { ...G } } fragment G on Thing { id } fragment F on Thing { ...G }", (2, 2)),
        (
            "{ one { self { ...F } } } fragment F on Thing { self { ... { ...G } } } "
            "fragment G on Thing { others { id } }",
            (5, 3 + 1 + 3),
        ),
        # of the type that an inline fragment names, else of the one around it
        ("{ ... on Thing { others { id } } }", Cost(2, 1, 4, 0, 2)),
        ("{ one { ... { others { id } } } }", Cost(3, 1, 5, 0, 3)),
        ("{ unheard { of { it } } }", Cost(3, 1, 3, 0, 3)),
        ("mutation { act b: act }", Cost(2, 2, 2, 0, 1)),
        # what describes the schema is counted for itself
        ("{ __schema { queryType { name } } }", Cost(3, 1, 1, 2, 3)),
        ("{ __typename }", Cost(1, 1, 1, 0, 1)),
    ],
)
def test_what_a_selection_comes_to(text: str, expected: Cost | tuple[int, int]) -> None:
    _, found = counter(text)
    if isinstance(expected, Cost):
        assert found == expected
    else:
        assert (found.fields, found.values) == expected


def test_each_selection_is_looked_at_once() -> None:
    made, _ = counter("{ one { ...F ...F } } fragment F on Thing { id self { id } }")
    assert made.steps == 3 + 3
    assert made.fragments == {"F": Cost(3, 2, 3, 0, 2)}


def test_what_grows_without_end_does_not() -> None:
    lists = "{ many(first: 100) " + "{ others(first: 100) " * 5 + "{ id }" + " }" * 6
    assert counter(lists)[1].values == BILLION
    twice = "".join(f" fragment F{n} on Thing {{ ...F{n + 1} ...F{n + 1} }}" for n in range(32))
    doubled = "{ one { ...F0 } }" + twice + " fragment F32 on Thing { id }"
    assert counter(doubled)[1] == Cost(BILLION, 1, BILLION, 0, 2)
    schema = "{ __schema { types " + "{ fields { type " * 30 + "{ name }" + " } }" * 30 + " } }"
    assert counter(schema)[1].schema_values == BILLION


# ---- the limits ----------------------------------------------------------------------------------

VALUES = (
    "{ a: many(first: 100) { others(first: 100) { id } } "
    "b: many(first: 18) { others(first: 100) { id } } c: many(first: #) { id } }"
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{ " + aliases(300) + " }", None),
        ("{ " + aliases(301) + " }", "more than 300 fields"),
        # of the other operations and of unused fragments, too
        ("query A { " + aliases(150) + " } query B { " + aliases(150) + " }", None),
        ("query A { " + aliases(150) + " } query B { " + aliases(151) + " }", "300 fields"),
        ("{ count } fragment F on Query { " + aliases(300) + " }", None),
        ("{ count } fragment F on Query { " + aliases(301) + " }", "300 fields"),
        (deep(16), None),
        (deep(17), "more than 16 levels"),
        ("query A { count } query B " + deep(17), "16 levels"),
        ("{ count } fragment F on Query " + deep(16), None),
        ("{ count } fragment F on Query " + deep(17), "16 levels"),
        (VALUES.replace("#", "79"), None),
        (VALUES.replace("#", "80"), "more than 12000 values in the answer; ask for less"),
        # only one of the operations is executed
        ("query A { count } query B " + VALUES.replace("#", "80"), None),
        ("mutation { " + aliases(5, "act") + " }", None),
        ("mutation { " + aliases(6, "act") + " }", "more than 5 mutations at once"),
        ("{ " + aliases(6) + " }", None),
        ("{ count }" + "".join(f" fragment F{n} on Query {{ count }}" for n in range(49)), None),
        (
            "{ count }" + "".join(f" fragment F{n} on Query {{ count }}" for n in range(50)),
            "more than 50 operations and fragments",
        ),
        ("{ count } type A { b: Int }", "only operations and fragments can be sent"),
        (
            "{ count } fragment F on Query { count } fragment F on Query { count }",
            "two fragments have the name F",
        ),
        ("{ ...F } fragment F on Query { ...F }", "spread each other: F → F$"),
        (
            "{ ...X } fragment X on Query { ...A } fragment A on Query { one { ...B } } "
            "fragment B on Thing { self { ... { ...A } } }",
            "spread each other: A → B → A$",
        ),
    ],
)
def test_what_is_refused(text: str, why: str | None) -> None:
    if why is None:
        check(text)
        return
    with pytest.raises(GraphQLError, match=why):
        check(text)


def test_the_schema_may_be_read_as_tools_do(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{ __schema { queryType { name } } }"
    assert cost.MAX_SCHEMA_VALUES == 80_000
    monkeypatch.setattr(cost, "MAX_SCHEMA_VALUES", 2)
    check(text)
    monkeypatch.setattr(cost, "MAX_SCHEMA_VALUES", 1)
    with pytest.raises(TooCostly, match="values about the schema"):
        check(text)
