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


def test_every_file_is_a_document() -> None:
    folder = Path(documents.__file__).parent
    texts = {file.read_text("utf-8") for file in folder.glob("*.graphql")}
    assert texts == {document.text for document in ALL}


def test_a_field_that_3_0_8_has_not_is_found() -> None:
    used = parse("{ apiKeys { totalItems } }")
    assert validate(base(), used) == []
    assert "apiKeys" in validate(schema_of("3.0.8"), used)[0].message


@pytest.mark.parametrize("version", versions())
def test_the_kept_differences_are_all_there_are(version: str) -> None:
    kept = differences_file(version).read_text("utf-8").splitlines()[1:]
    assert differences(schema_of(version)) == kept
