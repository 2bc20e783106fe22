"""The Admin API's schema of each Vendure that we support, kept as differences to that of 3.7.3.

A schema is seen as a set of lines, each a whole statement about one field or value. A file of
differences holds those that this version has not (``-``) and those that it alone has (``+``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from graphql import GraphQLSchema, build_schema, print_type

DATA = Path(__file__).parent / "data"
DESCRIPTION = re.compile(r'"""(?:.|\n)*?"""\n?')
DEPRECATION = re.compile(r' @deprecated(\(reason: "(?:[^"\\]|\\.)*"\))?')


@cache
def base() -> GraphQLSchema:
    """Return the schema of 3.7.3."""
    return build_schema((DATA / "vendure-admin-schema.graphql").read_text("utf-8"))


def differences_file(version: str) -> Path:
    """Where the differences of a version are kept."""
    return DATA / f"vendure-{version}.differences"


def versions() -> list[str]:
    """Return the versions that differences are kept of."""
    found = DATA.glob("vendure-*.differences")
    return sorted(file.name.removeprefix("vendure-").removesuffix(".differences") for file in found)


def schema_of(version: str) -> GraphQLSchema:
    """Return the schema of a version, put together from 3.7.3's and its differences."""
    lines = statements(base())
    for line in differences_file(version).read_text("utf-8").splitlines():
        if line.startswith("- "):
            lines.remove(line[2:])
        elif line.startswith("+ "):
            lines.add(line[2:])
    return build_schema(_text(lines))


def differences(schema: GraphQLSchema) -> list[str]:
    """Return what ``schema`` has not of 3.7.3's, and what it has beyond that."""
    ours, theirs = statements(schema), statements(base())
    gone = [f"- {line}" for line in sorted(theirs - ours)]
    return gone + [f"+ {line}" for line in sorted(ours - theirs)]


def statements(schema: GraphQLSchema) -> set[str]:
    """Return a schema's lines, without its descriptions."""
    found: set[str] = set()
    for name, kind in schema.type_map.items():
        if not name.startswith("__"):
            found.update(_statements(DEPRECATION.sub("", DESCRIPTION.sub("", print_type(kind)))))
    return found


def _statements(text: str) -> list[str]:
    head, *rest = [line.strip() for line in text.splitlines() if line.strip() not in ("", "}")]
    if not rest:
        return [head]
    found, begun = [], ""
    for line in rest:
        begun = f"{begun} {line}".strip()
        if begun.count("(") == begun.count(")"):  # else the list of arguments goes on
            found.append(f"{head} {begun} }}")
            begun = ""
    return found


def _text(lines: Iterable[str]) -> str:
    types: dict[str, list[str]] = {}
    for line in sorted(lines):
        head, _, body = line.partition(" { ")
        types.setdefault(head, []).append(body.removesuffix(" }"))
    return "\n".join(
        f"{head} {{\n" + "\n".join(bodies) + "\n}" if any(bodies) else head
        for head, bodies in types.items()
    )
