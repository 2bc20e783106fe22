"""Every document is valid in each Vendure that we support, and carries the name we give it."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, parse, validate
from vendure_schemas import base, differences, differences_file, schema_of, versions

from veracore_sync.vendure import documents
from veracore_sync.vendure.documents import Document


@pytest.fixture(scope="module", params=["3.7.3", *versions()])
def schema(request: pytest.FixtureRequest) -> GraphQLSchema:
    return base() if request.param == "3.7.3" else schema_of(request.param)


ALL = [one for one in vars(documents).values() if isinstance(one, Document)]


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.operation)
def test_document_is_valid(document: Document, schema: GraphQLSchema) -> None:
    tree = parse(document.text)
    assert validate(schema, tree) == []
    operations = [node for node in tree.definitions if isinstance(node, OperationDefinitionNode)]
    assert [node.name.value for node in operations if node.name] == [document.operation]


@pytest.mark.parametrize(
    "document",
    [one for one in ALL if one.text.startswith("query")],
    ids=lambda document: document.operation,
)
def test_a_query_can_name_its_channel(document: Document, schema: GraphQLSchema) -> None:
    asked = document.with_channel()
    assert validate(schema, parse(asked.text)) == []
    assert asked.text.count("activeChannel { code token }") == 1


@pytest.mark.parametrize(
    "document",
    [
        documents.POLL_ORDERS,
        documents.LIST_ORDERS,
        documents.READ_ORDERS.with_parts().with_custom_fields([]),
        documents.READ_FULFILMENTS,
        documents.READ_WHOLE_ORDERS,
    ],
    ids=lambda document: document.operation,
)
def test_orders_can_be_read_with_their_channels(document: Document, schema: GraphQLSchema) -> None:
    asked = document.with_channels().with_channel()
    assert validate(schema, parse(asked.text)) == []
    assert asked.text.count(" channels { code }\n") == 1
    assert "ReadChannel" in asked.permission


def test_custom_fields_can_be_asked_about(schema: GraphQLSchema) -> None:
    for asked in (
        documents.POLL_ORDERS.with_order_fields().with_channels().with_channel(),
        documents.READ_PROCESS.with_field_permissions().with_channel(),
    ):
        assert validate(schema, parse(asked.text)) == []
        assert "on CustomField" in asked.text


def test_every_file_is_a_document_or_a_fragment_of_one() -> None:
    folder = Path(documents.__file__).parent
    texts = [file.read_text("utf-8") for file in folder.glob("*.graphql")]
    fragments = sorted(text for text in texts if text.startswith("fragment "))
    for document in ALL:
        used = [text for text in fragments if text in document.text]
        texts.remove(document.text[: -sum(len(f"\n{text}") for text in used) or None])
    assert sorted(texts) == fragments
    assert all(any(text in document.text for document in ALL) for text in fragments)


def test_a_field_that_3_0_8_has_not_is_found() -> None:
    used = parse("{ apiKeys { totalItems } }")
    assert validate(base(), used) == []
    assert "apiKeys" in validate(schema_of("3.0.8"), used)[0].message


@pytest.mark.parametrize("version", versions())
def test_the_kept_differences_are_all_there_are(version: str) -> None:
    kept = differences_file(version).read_text("utf-8").splitlines()[1:]
    assert differences(schema_of(version)) == kept
