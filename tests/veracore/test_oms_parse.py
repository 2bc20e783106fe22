"""Reading XML: no DTD, limited depth and record size, unlimited total; else our one error."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from veracore_kit import accepted, fault, record, short

from veracore_sync.veracore.oms.parse import (
    UnreadableXml,
    is_nil,
    read_document,
    read_records,
    text,
    whole_number,
)

LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<lolz>&lol2;</lolz>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, b"<!DOCTYPE html><html/>"])
def test_a_document_type_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableXml, match="document type"):
        read_document(body)


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def test_depth_is_limited() -> None:
    assert read_document(nested(40)).tag == "a"
    with pytest.raises(UnreadableXml, match="deeply"):
        read_document(nested(41))


def test_a_record_is_limited_in_text_and_in_elements() -> None:
    assert read_document(b"<a>" + b"x" * 1_000_000 + b"</a>").text == "x" * 1_000_000
    for content in (b"x" * 4_000_001, b"<b/>" * 200_000, b"<b " + b"y" * 4_000_001 + b"=''/>"):
        with pytest.raises(UnreadableXml, match="too large"):
            read_document(b"<a>" + content + b"</a>")


def test_the_total_is_not_limited_and_memory_holds_one_record() -> None:
    rows = 60_000

    def pieces() -> Iterator[bytes]:
        yield b'<Envelope xmlns="urn:x"><Result>'
        for number in range(rows):
            yield b"<Row><PartNumber>SKU-%d</PartNumber><OnHand>%d</OnHand></Row>" % (
                number,
                number,
            )
            yield b" " * 100
        yield b"</Result></Envelope>"

    tracemalloc.start()
    found = sum(whole_number(row, "OnHand") or 0 for row in read_records(pieces(), "Row"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == rows * (rows - 1) // 2
    assert peak < 1_000_000


@given(st.integers(1, 50))
def test_records_are_the_same_however_they_are_cut(size: int) -> None:
    body = b"<r><Row><a>1</a></Row>between<Row><a>\xc3\xa42</a></Row><Other/><Row/></r>"
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert [text(row, "a") for row in read_records(pieces, "Row")] == ["1", "ä2", ""]


def test_what_is_cut_short_is_unreadable_even_after_whole_records() -> None:
    reader = read_records([b"<r><Row/><Row/>", b"<Ro"], "Row")
    assert [next(reader).tag, next(reader).tag] == ["Row", "Row"]
    with pytest.raises(UnreadableXml):
        next(reader)


def test_namespaces_and_prefixes_do_not_matter() -> None:
    root = read_document(b'<s:E xmlns:s="urn:1"><x xmlns="urn:2" s:nil="true"/></s:E>')
    assert (root.tag, root[0].tag, is_nil(root[0])) == ("E", "x", True)


@pytest.mark.parametrize("name", ["utf-8", "UTF-8", "iso-8859-1", "windows-1252"])
def test_encodings_that_are_read(name: str) -> None:
    body = f'<?xml version="1.0" encoding="{name}"?><a>ä</a>'.encode(name)
    assert read_document(body).text == "ä"


def test_utf_16_with_its_mark() -> None:
    body = '<?xml version="1.0" encoding="utf-16"?><a>ä</a>'.encode("utf-16")
    assert read_document(body).text == "ä"


@pytest.mark.parametrize("name", ["foo", "rot13", "unicode_escape", "idna", "big5", "utf-7"])
def test_other_encodings_are_unreadable(name: str) -> None:
    with pytest.raises(UnreadableXml):
        read_document(f'<?xml version="1.0" encoding="{name}"?><a/>'.encode())


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("7", 7),
        (" -3 ", -3),
        ("", None),
        ("1.0", None),
        ("1_0", None),
        ("٣", None),
        ("9" * 30, None),
    ],
)
def test_whole_numbers(written: str, number: int | None) -> None:
    assert whole_number(read_document(f"<a><n>{written}</n></a>".encode()), "n") == number


WORDS = """<a> </a> <a/> <!-- --> <![CDATA[ ]]> &amp; &#0; &#x41; &lol; <?p?> x é xmlns=''"""
ALPHABET = st.sampled_from([*WORDS.split(), "<?xml version='1.0'?>", "<!DOCTYPE a>", "<a b='c'>"])
BODIES = st.one_of(
    st.binary(),
    st.lists(ALPHABET).map(lambda parts: "".join(parts).encode()),
    st.builds(
        lambda body, at: body[: at % len(body)],
        st.sampled_from([accepted(), fault(short("Invalid Source")), record()]),
        st.integers(0, 10_000),
    ),
)


@given(BODIES, st.integers(1, 64))
@example(LAUGHS, 7)
def test_any_bytes_are_a_value_or_our_one_error(body: bytes, size: int) -> None:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    for wanted in (None, "a"):
        try:
            for element in read_records(pieces, wanted):
                assert wanted in (None, element.tag)
        except UnreadableXml:
            continue
