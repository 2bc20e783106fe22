"""XML that is made to hurt: what the reader and its parser keep is bounded, whatever comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from veracore_sync.veracore.oms.parse import (
    MAX_ATTRIBUTES,
    MAX_NAMES,
    MAX_TOKEN,
    AnswerReader,
    UnreadableXml,
    cut_short,
    text,
)

PIECE = 65536
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
START = f'<s:Envelope xmlns:s="{SOAP}"><s:Body><GetResponse xmlns="n"><GetResult>'
END = "</GetResult></GetResponse></s:Body></s:Envelope>"


class Endless:
    """A beginning, then one piece again and again; counts the bytes that were taken."""

    def __init__(self, start: str, again: str) -> None:
        self._start, self._again = start.encode(), (again * (PIECE // len(again) + 1)).encode()
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._start
        while True:
            self.taken += len(self._again)
            yield self._again


TOKENS = {
    "comment": (START + "<!--", "x"),
    "comment before all": ("<!--", "x"),
    "attribute": (START + '<Row a="', "x"),
    "attributes": (START + "<Row ", ' a=""'),
    "name": (START + "<", "x"),
    "name of an end": (START + "<Row></", "x"),
    "name of an attribute": (START + "<Row ", "x"),
    "processing instruction": (START + "<?p ", "x"),
    "declaration": ("<?xml ", " "),
    "doctype": ('<!DOCTYPE a SYSTEM "', "x"),
    "entity": (START + "&", "x"),
    "namespace": (START + '<Row xmlns="', "x"),
    "blanks in a tag": (START + "<Row", " "),
}


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_without_an_end_is_not_waited_for(token: str) -> None:
    pieces = Endless(*TOKENS[token])
    with pytest.raises(UnreadableXml):
        list(AnswerReader("Get", "Row").read(pieces))
    assert pieces.taken <= MAX_TOKEN + 2 * PIECE


@pytest.mark.parametrize(("start", "end"), [("", ""), ("<![CDATA[", "]]>")])
@pytest.mark.parametrize("between", ["", "<!---->", "<?p?>", "\n", "&#65;"])
def test_a_record_without_an_end_is_cut(start: str, end: str, between: str) -> None:
    """Its text is not put together anew with each piece, which takes the square of its length."""
    inside = start + "text" * 10 + end + between
    whole = START + "<Row><A>a</A><B>" + inside * (6_000_000 // len(inside)) + "</B></Row>"
    rows = list(AnswerReader("Get", "Row").read([(whole + "<Row><A>b</A></Row>" + END).encode()]))
    assert [text(row, "A") for row in rows] == ["a", "b"]
    assert cut_short(rows[0])
    assert not cut_short(rows[1])


@pytest.mark.parametrize("where", ["<Row>", '<x:Other xmlns:x="o">', ""])
def test_names_without_an_end_are_not_collected(where: str) -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        yield (START + where).encode()
        while True:
            for _ in range(1000):
                taken += 1
            yield "".join(f"<e{n} a{n}=''/>" for n in range(taken - 1000, taken)).encode()

    with pytest.raises(UnreadableXml):
        list(AnswerReader("Get", "Row").read(pieces()))
    assert taken <= MAX_NAMES


def test_an_element_has_no_thousand_attributes() -> None:
    for count in (MAX_ATTRIBUTES, MAX_ATTRIBUTES + 1):
        attributes = " ".join(f'a{n}=""' for n in range(count))
        reader = AnswerReader("Get", "Row").read([f"{START}<Row {attributes}/>{END}".encode()])
        if count > MAX_ATTRIBUTES:
            with pytest.raises(UnreadableXml):
                list(reader)
        else:
            assert len(list(reader)) == 1


def test_a_long_list_is_read_in_the_memory_of_one_record() -> None:
    rows = 20_000

    def pieces() -> Iterator[bytes]:
        yield START.encode()
        for _ in range(rows // 1000):
            yield b"<Row><A>a</A><!-- between --></Row>" * 1000
        yield END.encode()

    assert sum(text(row, "A") == "a" for row in AnswerReader("Get", "Row").read(pieces())) == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_token_is_measured_in_every_encoding(encoding: str) -> None:
    fits = "\u00fc" * (MAX_TOKEN // 2 - 2 * PIECE)
    kind = f"text/xml; charset={encoding}"
    body = f'{START}<Row a="{fits}"><A>\u00fc</A></Row>{END}'.encode(encoding)
    rows = list(AnswerReader("Get", "Row", kind).read([body]))
    assert [text(row, "A") for row in rows] == ["\u00fc"]
