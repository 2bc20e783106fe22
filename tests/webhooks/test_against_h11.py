"""The parser beside h11, and over what public parsers are tested with."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from streams import corpus, differences, ours, streams, theirs

from veracore_sync.webhooks import request_head
from veracore_sync.webhooks.chunked import ChunkedBody

CASES = list(corpus())
COUNT = 8000
"""Some seconds. `benchmarks/request_fuzz.py` goes on for as long as one likes."""


def test_the_corpus_is_whole() -> None:
    assert len(CASES) >= 190
    assert len({raw for _, _, raw in CASES}) == len(CASES)
    assert len({source for source, _, _ in CASES}) >= 10


def test_each_case_of_the_corpus_has_its_verdict() -> None:
    wrong = []
    for source, verdict, raw in CASES:
        found = ours(raw)
        told = "…"
        if found.refused:
            told = str(found.refused)
        elif found.taken:
            told = "=" + "|".join(one.body.decode("latin-1") for one in found.taken)
        if told != verdict:
            wrong.append(f"{source}: {told} instead of {verdict}: {raw!r}")
    assert wrong == []


def test_where_the_bytes_are_cut_changes_nothing() -> None:
    chance = random.Random(11)
    for _, _, raw in CASES:
        assert ours(raw, lambda: 1) == ours(raw) == ours(raw, lambda: chance.randrange(1, 40)), raw


def test_what_is_taken_h11_takes_in_the_same_way() -> None:
    every = itertools.chain((raw for _, _, raw in CASES), itertools.islice(streams(22), COUNT))
    assert [told for raw in every if (told := differences(raw))] == []


def test_the_streams_are_worth_reading() -> None:
    """Enough of them are taken by both, refused by both, and hold more than one request."""
    found = [(ours(raw), theirs(raw)) for raw in itertools.islice(streams(1), 1000)]
    assert sum(bool(mine.taken and other.taken) for mine, other in found) > 200
    assert sum(bool(mine.refused and other.refused) for mine, other in found) > 100
    assert sum(len(mine.taken) > 1 for mine, _ in found) > 30
    assert any(one.waits for mine, _ in found for one in mine.taken)


def _any_chunk_end(body: ChunkedBody) -> bool:
    if len(body._pending) < body._at + 2:
        return False
    body._at += 2
    body._read = body._size
    return True


_SPACED = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\x00\n\r]*)")


@pytest.mark.parametrize(
    ("where", "name", "looser"),
    [
        (ChunkedBody, "_data_end", _any_chunk_end),
        (request_head, "HEADER_LINE", _SPACED),
        (request_head.RequestHead, "_check_coding", lambda *_: None),
    ],
    ids=["chunk ends", "spaces before colons", "any coding"],
)
def test_a_looser_parser_is_found_out(
    where: object, name: str, looser: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison itself is tried: it finds what is broken on purpose."""
    monkeypatch.setattr(where, name, looser)
    assert any(differences(raw) for raw in itertools.islice(streams(22), COUNT))
