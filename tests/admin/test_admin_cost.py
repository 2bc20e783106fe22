"""What a GraphQL request costs is counted right, in one pass, and before anything else is done."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    get_introspection_query,
    parse,
    validate,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.admin import api as admin_api
from veracore_sync.admin import cost
from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.admin.api import AdminApi
from veracore_sync.admin.cost import Cost, Counter, check_text
from veracore_sync.admin.list_sizes import Arguments
from veracore_sync.domain.audit import Actor
from veracore_sync.ledger import open_ledger

ACTOR = Actor("act_token 01234567", "api", "192.0.2.7")
SCHEMA = build_schema("""
type Query { one: Thing! many(first: Int! = 10): [Thing!]! count: Int! }
type Thing {
  id: ID!
  self: Thing
  others(first: Int! = 3): [Thing!]!
  words(first: Int! = 7): [String!]
}
""")
DEFAULTS = {"many": 10, "others": 3, "words": 7}


# ---- the property -------------------------------------------------------------------------------


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Small documents with fragments that later ones spread, and values of their variables."""
    names = [f"F{n}" for n in range(draw(st.integers(0, 4)))]

    def directive() -> str:
        return draw(st.sampled_from(["", "", " @skip(if: $yes)", " @include(if: $no)"]))

    def length() -> str:
        shown = draw(
            st.sampled_from(["", "(first: 0)", "(first: 2)", "(first: $n)", "(first: $d)"])
        )
        return str(shown)

    def selections(kind: str, depth: int, usable: list[str]) -> str:
        found = []
        for number in range(draw(st.integers(1, 3))):
            choice = draw(st.integers(0, 5)) if depth else 0
            if choice == 1 and kind == "Query":
                found.append(
                    f"a{number}: one{directive()} {selections('Thing', depth - 1, usable)}"
                )
            elif choice in (1, 2):
                name = "many" if kind == "Query" else "others"
                inner = selections("Thing", depth - 1, usable)
                found.append(f"b{number}_{depth}: {name}{length()}{directive()} {inner}")
            elif choice == 3 and kind == "Thing" and usable:
                found.append(f"...{draw(st.sampled_from(usable))}{directive()}")
            elif choice == 4:
                found.append(f"... {directive()} {selections(kind, depth - 1, usable)}")
            elif kind == "Thing" and choice == 5:
                found.append(f"w{number}: words{length()}")
            else:
                found.append(("count" if kind == "Query" else "id") + directive())
        return "{ " + " ".join(found) + " }"

    text = "query($yes: Boolean!, $no: Boolean!, $n: Int!, $d: Int! = 5) "
    text += selections("Query", 3, names)
    for place, name in enumerate(names):
        text += f" fragment {name} on Thing {selections('Thing', 2, names[place + 1 :])}"
    booleans = {"yes": draw(st.booleans()), "no": draw(st.booleans())}
    return text, {**booleans, "n": draw(st.integers(0, 9))}


class Naive:
    """Expands everything, each time anew."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        document = parse(text)
        self.variables = {"d": 5, **variables}
        self.fragments = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        (self.operation,) = (
            one for one in document.definitions if isinstance(one, OperationDefinitionNode)
        )

    def live(self, node: Any) -> bool:
        for one in node.directives or ():
            value = self.variables[one.arguments[0].value.name.value]
            if value is (one.name.value == "skip"):
                return False
        return True

    def fields(self, among: SelectionSetNode, every: bool) -> Iterator[FieldNode]:
        """The fields of one level, with fragments replaced by what they hold."""
        for one in among.selections:
            if not every and not self.live(one):
                continue
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, FragmentSpreadNode):
                yield from self.fields(self.fragments[one.name.value].selection_set, every)
            else:
                yield from self.fields(cast(InlineFragmentNode, one).selection_set, every)

    def written(self, among: SelectionSetNode) -> int:
        return sum(
            1 + (self.written(one.selection_set) if one.selection_set else 0)
            for one in self.fields(among, every=True)
        )

    def depth(self, among: SelectionSetNode) -> int:
        return max(
            (
                1 + (self.depth(one.selection_set) if one.selection_set else 0)
                for one in self.fields(among, every=True)
            ),
            default=0,
        )

    def values(self, among: SelectionSetNode) -> int:
        return sum(1 + self.below(one) for one in self.fields(among, every=False))

    def below(self, node: FieldNode) -> int:
        length = DEFAULTS.get(node.name.value)
        for one in node.arguments or ():
            value = cast(Any, one.value)
            length = (
                self.variables[value.name.value] if hasattr(value, "name") else int(value.value)
            )
        own = self.values(node.selection_set) if node.selection_set else int(length is not None)
        return (1 if length is None else length) * own


def counted(schema: GraphQLSchema, text: str, variables: Mapping[str, Any]) -> tuple[Counter, Cost]:
    document = parse(text)
    operation = next(
        one for one in document.definitions if isinstance(one, OperationDefinitionNode)
    )
    counter = Counter(schema, document, Arguments(operation, variables))
    return counter, counter.of(operation)


@settings(max_examples=80)
@given(documents())
def test_the_cost_is_that_of_naive_expansion(made: tuple[str, dict[str, Any]]) -> None:
    text, variables = made
    naive = Naive(text, variables)
    among = naive.operation.selection_set
    counter, found = counted(SCHEMA, text, variables)
    assert found == Cost(
        fields=naive.written(among),
        roots=len(list(naive.fields(among, every=False))),
        values=naive.values(among),
        depth=naive.depth(among),
    )
    assert counter.steps <= text.count(" ")


class Endless:
    """A thing whose lists are as long as they may be."""

    def __getattr__(self, name: str) -> Any:
        things = {
            "one": Endless(),
            "self": Endless(),
            "many": lambda _info, first: [Endless()] * first,
            "others": lambda _info, first: [Endless()] * first,
            "words": lambda _info, first: ["x"] * first,
        }
        return things.get(name, 1)


def size(answer: Any) -> int:
    if isinstance(answer, dict):
        return sum(
            1 + (size(one) if isinstance(one, dict | list) else 0) for one in answer.values()
        )
    return sum(size(one) if isinstance(one, dict | list) else 1 for one in answer)


@settings(max_examples=25)
@given(documents())
def test_no_answer_has_more_values_than_were_counted(made: tuple[str, dict[str, Any]]) -> None:
    text, variables = made
    document = parse(text)
    if validate(SCHEMA, document):
        return
    _, found = counted(SCHEMA, text, variables)
    if found.values > 20_000:
        return
    outcome = execute_sync(SCHEMA, document, Endless(), variable_values=variables)
    assert outcome.errors is None
    assert size(outcome.data) <= found.values


@settings(max_examples=30)
@given(st.integers(1, 200), st.integers(1, 8))
def test_counting_is_one_step_a_selection(levels: int, spreads: int) -> None:
    """However much it comes to: here `spreads` to the power of `levels`."""
    levels = min(levels, cost.MAX_DEFINITIONS - 2)
    text = "{ one { ...F0 } }" + "".join(
        f" fragment F{n} on Thing {{ {f' ...F{n + 1}' * spreads} }}" for n in range(levels)
    )
    counter, found = counted(SCHEMA, text + f" fragment F{levels} on Thing {{ id }}", {})
    assert counter.steps == 2 + levels * spreads + 1
    assert found.fields == min(cost.CEILING, 1 + spreads**levels)


def test_the_counting_does_not_need_the_stack() -> None:
    """A chain of fragments, each deep in the one before."""
    deep, end = "self { " * 30, " }" * 30
    text = "{ one { ...F0 } }" + "".join(
        f" fragment F{n} on Thing {{ {deep} ...F{n + 1} {end} }}" for n in range(40)
    )
    _, found = counted(SCHEMA, text + " fragment F40 on Thing { id }", {})
    assert found.depth == 1 + 40 * 30 + 1


# ---- attacks ------------------------------------------------------------------------------------


def bomb(levels: int) -> str:
    return "{ ...F0 }" + "".join(
        f" fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)
    )


def many(text: str, times: int) -> str:
    return " ".join(text.replace("#", str(n)) for n in range(times))


FORCE = "a#: forceVeracoreInventorySync { success }"
STATS = "a#: veracoreOrderSyncStats { totalSynced }"
FAILED = "veracoreFailedOrderSyncs"
RECENT = "veracoreOrderSyncStats { recentErrors(first: 100) { id warnings } }"
ATTACKS = [
    pytest.param(bomb(40) + " fragment F40 on Query { __typename }", "300 fields", id="doubling"),
    pytest.param(bomb(2) + " fragment F2 on Query { ...F0 }", "each other: F0 → F1", id="a circle"),
    pytest.param("{ ...A } fragment A on Query { ...A }", "each other: A → A", id="itself"),
    pytest.param(
        "{ __typename } fragment A on Query { ...B } fragment B on Query { x { ...A } }",
        "each other",
        id="an unused circle",
    ),
    pytest.param(
        f"{{ {many('a#: ' + FAILED + ' { id warnings }', 75)} }}", "12000 values", id="75 lists"
    ),
    pytest.param(
        f"{{ ...A }} fragment A on Query {{ {many('a#: ' + FAILED + ' { id warnings }', 75)} }}",
        "12000 values",
        id="75 lists in a fragment",
    ),
    pytest.param(
        f"{{ {many('a#: ' + RECENT, 70)} }}",
        "12000 values",
        id="lists below",
    ),
    pytest.param(f"{{ {FAILED}(first: 101) {{ id }} }}", "between 0 and 100", id="101"),
    pytest.param(f"{{ {FAILED}(first: -1) {{ id }} }}", "between 0 and 100", id="-1"),
    pytest.param(f"{{ {FAILED}(first: {'9' * 5000}) {{ id }} }}", "between 0 and 100", id="9…"),
    pytest.param(
        f"{{ {FAILED} {{ warnings(first: 1000) }} }}", "between 0 and 100", id="a nested list"
    ),
    pytest.param(
        f"query($n: Int! = 5000) {{ {FAILED}(first: $n) {{ id }} }}", "between 0", id="a default"
    ),
    pytest.param(f"mutation {{ {many(FORCE, 9)} }}", "5 mutations", id="nine mutations"),
    pytest.param(
        f"mutation {{ ...M }} fragment M on Mutation {{ {many(FORCE, 20)} }}",
        "5 mutations",
        id="twenty in a fragment",
    ),
    pytest.param(
        f"mutation {{ ... {{ ... {{ {many(FORCE, 20)} }} }} }}", "5 mutations", id="twenty inline"
    ),
    pytest.param(
        "mutation { ...M ...M ...M } fragment M on Mutation { " + many(FORCE, 2) + " }",
        "5 mutations",
        id="two, three times",
    ),
    pytest.param(
        f"mutation {{ {many(FORCE.replace('{', '@skip(if: false) {'), 6)} }}",
        "5 mutations",
        id="not skipped",
    ),
    pytest.param(f"{{ {many(STATS, 151)} }}", "300 fields", id="aliases"),
    pytest.param(
        f"{{ {many(STATS.replace('{', '@skip(if: true) {'), 151)} }}",
        "300 fields",
        id="aliases left out",
    ),
    pytest.param(f"{{ __typename }} query B {{ {many(STATS, 151)} }}", "name one", id="unnamed"),
    pytest.param("{" * 5000, "40 brackets", id="braces"),
    pytest.param("{ a(b: " + "[" * 1500, "40 brackets", id="brackets"),
    pytest.param("{ a(b: " + "{c:" * 600, "40 brackets", id="objects"),
    pytest.param("#\n" * 8000 + "{ __typename }", "2000 tokens", id="comments"),
    pytest.param("{ __typename " + "@a" * 1000 + " }", "2000 tokens", id="directives"),
    pytest.param("{ " + "a" * 17_000 + " }", "16384 characters", id="a long name"),
    pytest.param(
        "{ __typename } " + many("fragment F# on Query { __typename }", 60),
        "50 operations and fragments",
        id="definitions",
    ),
    pytest.param(
        "{ __typename } fragment A on Query { a } fragment A on Query { b }",
        "two fragments have the name A",
        id="one name",
    ),
    pytest.param("{ __typename } type A { b: Int }", "only operations", id="a type"),
    pytest.param("{ " + "__schema { " * 20 + "a" + " }" * 21, "16 levels", id="levels"),
    pytest.param(
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "80000 values about the schema",
        id="introspection",
    ),
    pytest.param(
        f"{{ __schema {{ {many('a#: types { fields { args { type { name kind } } } }', 48)} }} }}",
        "80000 values about the schema",
        id="introspection by aliases",
    ),
]


class Forbidden:
    """Fails if an attack comes as far as validation or execution."""

    def __call__(self, *_given: object, **_more: object) -> Any:
        raise AssertionError("it went on")


@pytest.fixture
def api() -> Iterator[AdminApi]:
    with closing(open_ledger(None)) as ledger:
        names = ("retry_order", "inventory_for", "tracking_for", "force_inventory")
        actions = SimpleNamespace(ledger=ledger, **dict.fromkeys(names, Forbidden()))
        actions.by = lambda _actor: actions
        yield AdminApi(cast(Actions, actions), patience=0.0)


def ask(api: AdminApi, query: str, **variables: Any) -> tuple[int, dict[str, Any]]:
    return api.answer(json.dumps({"query": query, "variables": variables}).encode(), "act", ACTOR)


@pytest.mark.parametrize(("query", "why"), ATTACKS)
def test_attacks_are_refused_before_anything_is_done(
    api: AdminApi, query: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_api, "validate", Forbidden())
    monkeypatch.setattr(admin_api, "execute_sync", Forbidden())
    steps = []

    class Watched(Counter):
        def _selections(self, *given: Any) -> Cost:
            try:
                return super()._selections(*given)
            finally:
                steps.append(self.steps)

    monkeypatch.setattr(cost, "Counter", Watched)
    status, document = ask(api, query)
    assert status == 400
    assert why in document["errors"][0]["message"]
    assert max(steps, default=0) <= cost.MAX_TOKENS


def test_a_variable_asks_for_no_longer_list_than_a_number(api: AdminApi) -> None:
    query = f"query($n: Int!) {{ {FAILED}(first: $n) {{ id }} }}"
    assert ask(api, query, n=100)[0] == 200
    for wrong in (101, -1, 10**30, 101.0):
        status, document = ask(api, query, n=wrong)
        assert (status, "between 0 and 100" in document["errors"][0]["message"]) == (400, True)
    for odd in (True, "5", [5], None, {}):
        document = ask(api, query, n=odd)[1]
        assert document["data"] is None


def test_what_is_skipped_costs_nothing(api: AdminApi) -> None:
    lists = many("a#: " + FAILED + " @include(if: $all) { id warnings }", 10)
    query = f"query($all: Boolean!) {{ __typename {lists} }}"
    assert ask(api, query, all=False) == (200, {"data": {"__typename": "Query"}})
    assert ask(api, query, all=True)[0] == 400


def test_what_tools_send_passes(api: AdminApi) -> None:
    for query in (get_introspection_query(), get_introspection_query(input_value_deprecation=True)):
        status, document = ask(api, query)
        assert status == 200, document
        assert "errors" not in document
    every = " ".join(SCALARS)
    assert ask(api, f"{{ {FAILED} {{ {every} }} }}") == (200, {"data": {FAILED: []}})


SCALARS = (
    *("id", "vendureOrderId", "vendureOrderCode", "veracoreOrderId", "syncStatus", "errorClass"),
    *("errorMessage", "warnings", "retryCount", "lastSyncAttempt", "lastSuccessfulSync"),
    *("nextAttempt", "createdAt", "updatedAt"),
)


@pytest.mark.parametrize("name", ["\0", "a\0b", "\ud800", "x\udfff"])
def test_what_no_ledger_can_look_for_is_no_name(api: AdminApi, name: str) -> None:
    for query in (
        "query($i: String!) { veracoreOrderSyncStatus(orderId: $i) { id } }",
        "mutation($i: String!) { retryVeracoreOrderSync(orderId: $i) { error } }",
        "mutation($i: String!) { syncVeracoreInventoryForSku(sku: $i) { error } }",
        "mutation($i: String!) { syncVeracoreTrackingForOrder(orderId: $i) { error } }",
    ):
        status, document = ask(api, query, i=name)
        assert (status, document["errors"][0]["extensions"]["code"]) == (200, "BAD_USER_INPUT")


def test_a_long_name_is_not_repeated_in_full(api: AdminApi) -> None:
    status, document = ask(api, "{ " + "a" * 10_000 + " }")
    assert status == 400
    assert len(json.dumps(document)) < 500


def test_only_a_few_are_executed_at_once() -> None:
    inside, end = threading.Semaphore(0), threading.Event()

    def slow() -> ActionOutcome:
        inside.release()
        end.wait(60)
        return ActionOutcome(True)

    with closing(open_ledger(None)) as ledger:
        actions = SimpleNamespace(ledger=ledger, force_inventory=slow, by=lambda _actor: actions)
        api = AdminApi(cast(Actions, actions), at_once=2, patience=0.0)
        force = "mutation { forceVeracoreInventorySync { success } }"
        busy = [threading.Thread(target=ask, args=(api, force)) for _ in range(2)]
        for one in busy:
            one.start()
        for _ in busy:
            assert inside.acquire(timeout=60)
        status, document = ask(api, force)
        assert (status, document["errors"][0]["extensions"]["code"]) == (503, "BUSY")
        # Runs that last do not keep anybody from looking.
        assert ask(api, "{ __typename }")[0] == 200
        end.set()
        for one in busy:
            one.join(60)
        assert ask(api, force)[0] == 200


def test_what_the_schema_has_not_is_refused(api: AdminApi) -> None:
    assert ask(api, "subscription { __typename }")[0] == 400
    assert ask(api, "subscription { a }")[0] == 400
    assert ask(api, "{ a }")[0] == 400


def test_however_many_aliases_the_ledger_is_read_once(
    api: AdminApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    overall = admin_api.stats.overall
    monkeypatch.setattr(
        admin_api.stats, "overall", lambda ledger: reads.append(1) or overall(ledger)
    )
    assert ask(api, f"{{ {many(STATS, 100)} }}")[0] == 200
    assert len(reads) == 1


@pytest.mark.parametrize("text", ['{ a(b: "x) }', "{ \x00 }", '"""', "{ é }"])
def test_a_malformed_token_is_an_error_of_the_document(text: str) -> None:
    with pytest.raises(GraphQLError):
        check_text(text)
