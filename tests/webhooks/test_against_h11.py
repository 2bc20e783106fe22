"""The parser beside h11, and over what public parsers are tested with."""

from __future__ import annotations

import itertools
import random
import re
import socket
from dataclasses import replace

import pytest
from hook_kit import read_all
from streams import MOST, corpus, differences, ours, streams, theirs

from veracore_sync.webhooks import request_head
from veracore_sync.webhooks.chunked import ChunkedBody
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.request_head import RequestHead
from veracore_sync.webhooks.server import HookServer, Limits, Response

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


class _Everything:
    """Takes whatever the parser takes."""

    def check(self, head: RequestHead) -> None:
        """Every path and method is known."""

    def answer(self, head: RequestHead, body: bytes, peer: str) -> Response:
        """With the length of the body."""
        return Response(200, {"length": len(body)})


def test_the_server_answers_as_often_as_the_parser_takes(caplog: pytest.LogCaptureFixture) -> None:
    """Over real sockets: one answer a request, one for a refusal, and none for anything else."""
    limits = replace(Limits(), body_bytes=MOST, request_seconds=60.0)
    server = HookServer("127.0.0.1", 0, _Everything(), meter=Counters(), limits=limits)
    server.start()
    try:
        for raw in itertools.islice(streams(33), 400):
            with socket.create_connection(server.server_address[:2], 30) as connection:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
                received = read_all(connection)
            found = ours(raw)
            told = [int(one) for one in re.findall(rb"HTTP/1\.1 (\d+) [^\r]*\r\nDate", received)]
            assert told == [200] * len(found.taken) + [found.refused] * bool(found.refused), raw
    finally:
        server.stop()
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []


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
