"""The paths and commands that CONTRIBUTING.md and docs/architecture.md name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "docs/architecture.md")}
TABLE = PAGES["CONTRIBUTING.md"].split("## Where to add what")[1].split("### ")[0]


def paths(text: str) -> set[str]:
    """What is quoted and looks like a path of the repository, without a recipe's placeholder."""
    quoted = re.findall(r"`([^`\s]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    below = tuple(f"{one.name}/" for one in ROOT.iterdir() if one.is_dir())
    return {re.sub(r"<\w+>.*", "", name) for name in quoted if name.startswith(below)}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_is_there(page: str) -> None:
    found = paths(PAGES[page])
    assert [name for name in sorted(found) if not (ROOT / name).exists()] == []


def test_each_recipe_has_a_row_with_its_files_and_a_section() -> None:
    rows = re.findall(r"(?m)^\| \[[^\]]+\]\(#([a-z-]+)\) \| ([^|]+) \|", TABLE)
    sections = re.findall(r"(?m)^### (.+)$", PAGES["CONTRIBUTING.md"])
    assert [anchor for anchor, _ in rows] == [slug(title) for title in sections]
    assert len(rows) == 8
    assert [anchor for anchor, files in rows if not paths(files)] == ["a-second-shop"]


def test_scripts_that_are_typed_are_there() -> None:
    typed = set(re.findall(r"python ([a-z]+/\w+\.py)", PAGES["CONTRIBUTING.md"]))
    assert typed
    assert [name for name in sorted(typed) if not (ROOT / name).exists()] == []


def test_links_and_anchors_lead_somewhere() -> None:
    page = ROOT / "CONTRIBUTING.md"
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"(?m)^#+ (.+)$", there.read_text())
            assert anchor in map(slug, titles), f"{target}#{anchor}"


def slug(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_room_is_described_and_every_described_room_is_there() -> None:
    table = PAGES["docs/architecture.md"].split("## Rooms")[1].split("\n## ")[0]
    rooms = re.findall(r"(?m)^\| `([a-z_/]+)/` \|", table)
    described = {room.split("/")[0] for room in rooms}
    folders = {one.parent.name for one in (ROOT / "veracore_sync").glob("*/__init__.py")}
    assert described == folders
