"""The glossary explains words that are used, each once."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
ROWS = re.findall(r"(?m)^\| (\*\*.+?\*\*) \|", GLOSSARY.read_text())
TERMS = [term for row in ROWS for term in re.findall(r"\*\*(.+?)\*\*", row)]


def test_each_term_is_explained_once() -> None:
    assert len(TERMS) > 50
    assert sorted(TERMS) == sorted(set(TERMS))


def test_each_term_is_used() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]
    sources = [*(one for one in pages if one != GLOSSARY), *ROOT.glob("veracore_sync/**/*.py")]
    text = "\n".join(one.read_text() for one in sources).casefold()
    words = re.sub(r"[\s_-]+", " ", text)
    plain = {term: re.sub(r"[\s_-]+", " ", term.casefold()) for term in TERMS}
    assert [term for term, word in plain.items() if not re.search(rf"\b{word}", words)] == []
