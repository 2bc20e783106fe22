"""Every way out with every hostile text; and what holds for any text at all."""

from __future__ import annotations

import html
import json
import logging
import smtplib
import socket
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from email import message_from_string
from email.header import decode_header
from email.message import Message
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from veracore_sync.admin.answers import redirect
from veracore_sync.admin.page import TEMPLATES
from veracore_sync.cli import output
from veracore_sync.cli.logs import JsonFormatter, TextFormatter
from veracore_sync.domain import texts
from veracore_sync.domain.errors import NeedsPerson
from veracore_sync.domain.ledger_records import Event
from veracore_sync.domain.shop_texts import code_text, is_code_of, note_text, short_text
from veracore_sync.jobs.deliver import body_of
from veracore_sync.jobs.orders.text import clean
from veracore_sync.prometheus import Metric
from veracore_sync.prometheus import render as prometheus
from veracore_sync.transport.hooks import words_for_people
from veracore_sync.transport.people import address_of, notify
from veracore_sync.veracore.oms import write
from veracore_sync.webhooks.server import Response, render
from veracore_sync.webhooks.systemd_notify import SystemdNotifier

HOSTILE = {
    "colours and cursor": "A\x1b[2J\x1b[1;31mB",
    "title of the window": "A\x1b]0;owned\x07B",
    "link of the terminal": "A\x1b]8;;http://x\x1b\\B",
    "C1": "A\x9b31mB\x85C",
    "line break": "A\nB",
    "return": "A\rB",
    "header": "A\r\nSet-Cookie: x=1",
    "header of a mail": "A\nBcc: x@example.com\n\nB",
    "separators": "A\u2028B\u2029C",
    "NUL": "A\0B",
    "backspaces": "A\x08\x08B\x7f",
    "override": "A\u202etxt.exe\u202c",
    "isolates": "A\u2066\u2067B\u2069",
    "marks": "A\u200e\u200f\u061cB",
    "zero width": "A\u200b\u200c\u200d\u2060\ufeffB",
    "soft hyphen": "A\xadB",
    "tags": "A\U000e0001\U000e0041\U000e007fB",
    "variation selectors": "A\U000e0100\U000e01efB",
    "fillers": "A\u3164\u115f\u2800B",
    "lone surrogate": "A\ud800B",
    "no character": "A\uffff\ufdd0B",
    "image": '<img src=x onerror="alert(1)">',
    "script": "</td><script>alert(1)</script>",
    "quotes": "\"'><b>A",
    "label of a metric": 'A"} 1\nother{x="',
    "rich": "[red]A[/red][link=http://x]B",
    "formula": "=HYPERLINK(1)",
    "percent": "%s%n%(x)s",
    "priority": "A\n<0>B",
}
EVERY = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


def one_printable_line(shown: str) -> bool:
    line = shown.removesuffix("\n")
    return line.isprintable() and not texts._HIDDEN.search(line)


def both(capsys: pytest.CaptureFixture[str]) -> str:
    seen = capsys.readouterr()
    return seen.out + seen.err


# ---- a terminal and a log -----------------------------------------------------------------------


def record(message: str, *arguments: object, error: Exception | None = None) -> logging.LogRecord:
    trouble = (type(error), error, None) if error else None
    name = "veracore_sync.x"
    return logging.LogRecord(name, logging.WARNING, "x.py", 1, message, arguments, trouble)


@EVERY
def test_a_line_on_a_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for write_it in (output.say, output.warn):
        write_it(f"order {text}: parked")
        assert one_printable_line(both(capsys))
    for line in output.error_lines(NeedsPerson(text, hint=text)):
        output.warn(line)
        assert one_printable_line(both(capsys))


@pytest.mark.parametrize("is_terminal", [False, True])
@EVERY
def test_a_table(
    text: str,
    is_terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: is_terminal)
    output.table(["order", "why"], [(text, "parked"), ("B", text)])
    lines = both(capsys).splitlines()
    assert len(lines) == 3
    assert all(one_printable_line(line) for line in lines)


@EVERY
def test_a_document(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"code": text, "rows": [{text: 1}]})
    shown = both(capsys)
    assert all(one_printable_line(line) for line in shown.splitlines())
    assert json.loads(shown)["code"] == text
    # As a receiver of events gets it.
    event = Event(1, "e", "order.synced", text, "2026-01-01T00:00:00Z", {"code": text}, 0)
    assert json.loads(body_of(event))["data"]["code"] == text
    assert one_printable_line(body_of(event).decode())


@EVERY
def test_a_log(text: str) -> None:
    shown = TextFormatter().format(record("order %s waits", text))
    assert one_printable_line(shown)
    assert one_printable_line(JsonFormatter().format(record("order %s waits", text)))
    with_error = TextFormatter("shop").format(record("it failed", error=ValueError(f"Zyx {text}")))
    assert "Zyx" not in with_error
    assert "ValueError" in with_error


# ---- a mail -------------------------------------------------------------------------------------


class Post:
    """A mail server in the place of smtplib's client."""

    sent: ClassVar[list[str]] = []

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def called(*arguments: Any, **_: Any) -> dict[str, Any]:
            if name == "sendmail":
                self.sent.append(arguments[2])
            return {}

        return called


def parts_of(mail: Message) -> list[tuple[str, str]]:
    found = []
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found.append((part.get_content_type(), payload.decode()))
    return found


# Of Apprise's own imports.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@EVERY
@pytest.mark.parametrize("form", ["text", "html"])
def test_a_mail_about_an_alert(form: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtplib, "SMTP", Post)
    monkeypatch.setattr(Post, "sent", [])
    address = address_of(f"mailto://pat:secret@localhost:25?to=x@example.com&format={form}")
    data = {
        "kind": "order.parked",
        "vendureOrderCode": text,
        "message": f"VeraCore says {text}",
        "openedAt": "now",
    }
    event = json.dumps({"type": "alert.opened", "data": data}).encode()
    assert notify(address, *words_for_people(event))
    assert len(Post.sent) == 1
    mail = message_from_string(Post.sent[0])
    assert {name.lower() for name, _ in mail.items()}.isdisjoint({"bcc", "set-cookie"})
    [subject] = mail.get_all("Subject") or []
    shown = "".join(
        part.decode(charset or "utf-8") if isinstance(part, bytes) else part
        for part, charset in decode_header(subject)
    )
    assert one_printable_line(shown.replace("\n ", " "))
    assert [kind for kind, _ in parts_of(mail)][-1] == (
        "text/html" if form == "html" else "text/plain"
    )
    for kind, body in parts_of(mail):
        assert kind == "text/plain" or ("<img" not in body and "<script" not in body)
        assert not texts._HIDDEN.search(body.replace("\r", "").replace("\n", ""))


# ---- the page and its answers -------------------------------------------------------------------


@EVERY
def test_the_page(text: str) -> None:
    shown = TEMPLATES.from_string("<td>{{ value }}</td>").render(value=text)
    inner = shown.removeprefix("<td>").removesuffix("</td>")
    assert "<" not in inner
    assert ">" not in inner
    assert one_printable_line(html.unescape(inner))


@EVERY
def test_a_redirect_and_an_answer(text: str) -> None:
    sent = render(redirect(f"/order?name={text}", ("X-Shop", text)), closing=True)
    names = [line.partition(b":")[0] for line in sent.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    assert names.count(b"Location") == 1
    assert not {b"Set-Cookie", b"Bcc"} & set(names)
    assert sent.isascii()
    answer = render(Response(200, {"error": text}), closing=True)
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": text}


@EVERY
def test_metrics_and_systemd(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = prometheus([Metric("orders", "gauge", [({"shop": text}, 1)], help=text)])
    assert len(shown.splitlines()) == 3
    assert all(one_printable_line(line) for line in shown.splitlines())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        notifier = SystemdNotifier()
        notifier.tell(f"STATUS={text}")
        notifier.close()
        assert one_printable_line(listener.recv(4096).decode())


# ---- the other side -----------------------------------------------------------------------------


@EVERY
def test_what_the_shop_is_told(text: str) -> None:
    for told in (code_text(text), short_text(text), note_text(text), code_text(f"{text}, 1Z")):
        assert one_printable_line(told)
        assert "<" not in told
        assert ">" not in told
    assert code_text(code_text(text)) == code_text(text)
    assert is_code_of(code_text(text), text)


@EVERY
def test_what_veracore_is_told(text: str) -> None:
    sent = clean(text)
    assert one_printable_line(sent)
    body = ET.Element("Body")
    write.operation(body, "X", "urn:x", value=sent)
    read = ET.fromstring(ET.tostring(body))
    assert next(iter(read[0])).text == sent
    assert clean(sent) == sent


LEGITIMATE = (
    "Zoë Żółć-O'Hanrahan",
    "東京都千代田区 ㈱",
    "\u0645\u062d\u0645\u062f",
    "\u0645\u06cc\u200c\u062e\u0648",
    "\u0915\u094d\u200d\u0937",
    "👩\u200d👩\u200d👧\u200d👦 ❤\ufe0f 🇩🇪",
    "<3 & Co. \"A\" 'B' =1+1 №5 7\u2019s",
    "Nguyễn Thị",
    "\u845b\U000e0100\u57ce\u5e02",
    "\u182e\u180b\u1823",
)


@pytest.mark.parametrize("text", LEGITIMATE, ids=ascii)
def test_a_customers_own_words_stay(text: str) -> None:
    assert clean(text) == unicodedata.normalize("NFC", text)


# ---- any text -----------------------------------------------------------------------------------

ANY: SearchStrategy[str] = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Mn"]),
        st.sampled_from("<>&\"'\n\r %="),
    ),
    max_size=40,
)


VALUE = TEMPLATES.from_string("{{ value }}")


@given(ANY)
@settings(max_examples=300, deadline=None)
def test_any_text_leaves_as_one_printable_line(text: str) -> None:
    for shown in (texts.visible(text), texts.one_line(text), texts.plain_words(text)):
        assert one_printable_line(shown)
        assert not unicodedata.category(shown[:1] or "A").startswith("C") or shown.isprintable()
    assert texts.one_line(texts.one_line(text)) == texts.one_line(text)
    assert len(texts.visible(text)) == len(text)
    shown = texts.without_markup(text)
    assert one_printable_line(shown)
    assert not set("<>") & set(shown)
    assert json.loads(texts.to_json({"a": text}))["a"] == text
    assert one_printable_line(texts.to_json({"a": text}))
    assert not set("<>\"'") & set(VALUE.render(value=text))
    mail = Message()
    mail["Subject"] = texts.one_line(text)
    assert "\n" not in str(mail["Subject"])


@given(ANY)
@settings(max_examples=200, deadline=None)
def test_an_identifier_is_what_it_is_or_no_identifier(text: str) -> None:
    assert texts.hides_something(text) == texts.hides_something(texts.marked(text))
    if not texts.hides_something(text):
        assert texts.marked(text) == text
        assert not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in text)
    # What goes to a customer's label is for ever the same, and holds nothing that nobody sees but
    # a joiner between two signs.
    kept = texts.for_people(text)
    assert texts.for_people(kept) == kept
    assert not texts._HIDDEN.search(texts._JOINED.sub("", kept))


def test_the_list_of_what_nobody_sees_is_whole() -> None:
    """Unicode's own: controls, format characters, separators and surrogates, but visible signs."""
    visible_signs = {"\u06dd", "\u070f", "\u08e2", "\U000110bd", "\U000110cd"}
    for number in range(sys.maxunicode + 1):
        char = chr(number)
        if unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs"):
            continue
        name = unicodedata.name(char, "")
        is_sign = char in visible_signs or "NUMBER MARK" in name or "POUND MARK" in name
        is_sign |= "ARABIC" in name and "MARK" in name and char != "\u061c"
        is_sign |= name.startswith(("ARABIC SIGN", "ARABIC NUMBER", "EGYPTIAN", "ARABIC FOOTNOTE"))
        assert texts.hides_something(char) or is_sign, hex(number)
