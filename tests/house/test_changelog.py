"""CHANGELOG.md has the form of Keep a Changelog 1.1.0."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

from veracore_sync import __version__

TEXT = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
RELEASED = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})( \[YANKED\])?")


def parts(text: str, mark: str) -> list[tuple[str, str]]:
    """The headings of a level, each with what is below it."""
    found = re.split(rf"(?m)^{mark} (.+)$", text)
    return list(zip(found[1::2], found[2::2], strict=True))


def test_it_says_what_it_is_and_begins_with_what_is_not_released() -> None:
    assert TEXT.startswith("# Changelog\n")
    assert "keepachangelog.com" in TEXT
    assert "semver.org" in TEXT
    assert parts(TEXT, "##")[0][0] == "[Unreleased]"


def test_versions_have_days_and_the_newest_is_first() -> None:
    released = [RELEASED.fullmatch(name) for name, _ in parts(TEXT, "##")[1:]]
    assert None not in released
    known = [(tuple(map(int, one.group(1, 2, 3))), date.fromisoformat(one[4]))
             for one in released if one]  # fmt: skip
    for newer, older in pairwise(known):
        assert newer[0] > older[0]
        assert newer[1] >= older[1]
    code = tuple(map(int, re.findall(r"\d+", __version__)))
    assert all(code >= version for version, _ in known)


def test_each_change_is_under_its_kind() -> None:
    for name, text in parts(TEXT, "##"):
        kinds = parts(text, "###")
        names = [kind for kind, _ in kinds]
        assert set(names) <= KINDS, name
        assert len(set(names)) == len(names), name
        for kind, changes in kinds:
            lines = [line for line in changes.splitlines() if line]
            assert lines, (name, kind)
            assert lines[0].startswith("- "), (name, kind)
            assert all(line.startswith(("- ", "  ")) for line in lines), (name, kind)
