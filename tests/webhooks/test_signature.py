"""The signature against the reference library, and against arbitrary input."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest
from hook_kit import INVENTORY, Bed
from hook_kit import SECRET as HOOK_SECRET
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from veracore_sync.transport.signature import (
    BODY_SIGNATURE,
    ID,
    SIGNATURE,
    TIMESTAMP,
    BadSignature,
    Verifier,
    keys_of,
    sign,
    sign_body,
)
from veracore_sync.webhooks.payload import BadPayload, names_in

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = b"0123456789abcdef0123456789abcdef"
PLAIN = base64.b64encode(KEY).decode()
SECRET = "whsec_" + PLAIN
VERIFIER = Verifier([SECRET], tolerance_seconds=300, body_signature=True)

ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)
bodies = st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)


def verify(headers: dict[str, str], body: bytes, verifier: Verifier = VERIFIER) -> str | None:
    return verifier.verify({k.lower(): (v,) for k, v in headers.items()}, body, NOW)


@given(ids, st.integers(AT - 300, AT + 300), bodies)
def test_what_the_reference_library_signs_is_accepted(
    delivery_id: str, at: int, body: bytes
) -> None:
    moment = datetime.fromtimestamp(at, UTC)
    given_value = Webhook(SECRET).sign(delivery_id, moment, body.decode())
    ours = sign(SECRET, delivery_id, at, body)
    assert ours[SIGNATURE] == given_value
    assert verify(ours, body) == delivery_id


@pytest.mark.parametrize("secret", [SECRET, PLAIN])
def test_the_reference_library_accepts_what_we_sign(secret: str) -> None:
    body = json.dumps({"sku": "Ä-1"}).encode()
    at = int(datetime.now(UTC).timestamp())
    headers = sign(secret, "msg_1", at, body)
    assert Webhook(secret).verify(body, headers) == {"sku": "Ä-1"}


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        (SECRET, (KEY,)),
        (PLAIN, (KEY, PLAIN.encode())),
        ("your-webhook-secret", (b"your-webhook-secret",)),
        ("pässword", ("pässword".encode(),)),
    ],
)
def test_a_secret_in_each_of_its_spellings(secret: str, keys: tuple[bytes, ...]) -> None:
    assert keys_of(secret) == keys
    headers = sign(secret, "msg_1", AT, b"{}")
    verifier = Verifier([secret], tolerance_seconds=300, body_signature=True)
    assert verify(headers, b"{}", verifier) == "msg_1"
    assert verify(sign_body(secret, b"{}"), b"{}", verifier) is None


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!"])
def test_an_empty_or_malformed_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"secret|base64"):
        Verifier([secret], tolerance_seconds=300)


@pytest.mark.parametrize(("away", "accepted"), [(300, True), (301, False)])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_tolerance_holds_on_both_sides(away: int, accepted: bool, side: int) -> None:
    headers = sign(SECRET, "msg_1", AT + side * away, b"{}")
    if accepted:
        assert verify(headers, b"{}") == "msg_1"
        return
    with pytest.raises(BadSignature):
        verify(headers, b"{}")


def test_a_header_given_twice_is_refused() -> None:
    headers = {name: (value,) for name, value in sign(SECRET, "msg_1", AT, b"{}").items()}
    for name in headers:
        twice = headers | {name: headers[name] * 2}
        with pytest.raises(BadSignature):
            VERIFIER.verify(twice, b"{}", NOW)


def test_github_style_body_signature() -> None:
    verifier = Verifier(["it's a secret"], tolerance_seconds=1, body_signature=True)
    digest = hmac.new(b"it's a secret", b"{}", hashlib.sha256).hexdigest()
    assert verify({BODY_SIGNATURE: f"sha256={digest}"}, b"{}", verifier) is None


values = st.lists(st.text(max_size=60), max_size=3).map(tuple)
names = st.sampled_from([ID, TIMESTAMP, SIGNATURE, BODY_SIGNATURE, "host"])


@given(st.dictionaries(names, values), st.binary(max_size=200))
def test_arbitrary_headers_have_one_outcome(
    headers: dict[str, tuple[str, ...]], body: bytes
) -> None:
    with pytest.raises(BadSignature):
        VERIFIER.verify(headers, body, NOW)


@given(st.text(max_size=80), st.binary(max_size=80))
def test_an_arbitrary_signature_beside_a_good_id_and_time(value: str, body: bytes) -> None:
    headers = {ID: ("msg_1",), TIMESTAMP: (str(AT),), SIGNATURE: (value,)}
    with pytest.raises(BadSignature):
        VERIFIER.verify(headers, body, NOW)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["sku", "SKUs", "data", "items", "order", "code"]) | st.text(), inner
        ),
    ).map(lambda document: json.dumps(document).encode())
)  # fmt: skip
def test_an_arbitrary_body_has_two_outcomes(body: bytes) -> None:
    for kind in ("inventory", "order", "tracking"):
        try:
            found = names_in(kind, body)  # type: ignore[arg-type]
        except BadPayload:
            continue
        assert all(name and name == name.strip() and name.isprintable() for name in found)
        assert len(found) <= 100


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"sku": " A-1 "}, ("A-1",)),
        ({"skus": ["A", "B", "A"]}, ("A", "B")),
        ({"type": "inventory.updated", "data": {"partNumber": "A", "available": 5}}, ("A",)),
        ({"items": [{"sku": "A"}, {"SKU": "B", "onHand": 1}]}, ("A", "B")),
        ({"data": [{"part_id": "A"}]}, ("A",)),
        ({"sku": None, "quantity": 4}, ()),
        ({"orderCode": "X"}, ()),
    ],
)
def test_the_spellings_of_a_sku(document: object, found: tuple[str, ...]) -> None:
    assert names_in("inventory", json.dumps(document).encode()) == found


RELAY = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is missing")
def test_the_relay_in_the_docs_signs_what_we_accept() -> None:
    code = re.findall(r"```js\n(.*?)```", RELAY.read_text(), re.S)[0]
    script = code + "\nconsole.log(JSON.stringify(sign(process.argv[1], process.argv[2])));"
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script, "--", SECRET, '{"sku":"Ä-1"}'],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    headers = json.loads(done.stdout)
    at = datetime.fromtimestamp(int(headers[TIMESTAMP]), UTC)
    lists = {name: (value,) for name, value in headers.items()}
    assert VERIFIER.verify(lists, '{"sku":"Ä-1"}'.encode(), at) == headers[ID]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is missing")
def test_the_relay_in_the_docs_signs_for_nobody_else(bed: Bed) -> None:
    code = re.findall(r"```js\n(.*?)```", RELAY.read_text(), re.S)[0]
    token, target = "t" * 32, f"http://127.0.0.1:{bed.port}"
    environ = {"RELAY_PORT": "0", "RELAY_TARGET": target, "RELAY_SECRET": HOOK_SECRET}

    def node(**more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["node", "--input-type=module", "-e", code],
            env={"PATH": os.environ["PATH"], **environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    for more, said in (
        ({}, "RELAY_TOKEN"),
        ({"RELAY_TOKEN": "t" * 31}, "RELAY_TOKEN"),
        ({"RELAY_TOKEN": token, "RELAY_TARGET": "http://h.example"}, "must be https"),
    ):
        refused = node(**more)
        assert said in refused.communicate(timeout=600)[1]
        assert refused.returncode != 0
    relay = node(RELAY_TOKEN=token)
    assert relay.stdout is not None
    port = int(relay.stdout.readline())

    def ask(path: str, authorization: str | None, body: bytes = b'{"sku": "A"}') -> int:
        headers = {"Authorization": authorization} if authorization is not None else {}
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        except (ConnectionError, BrokenPipeError):
            return 0
        finally:
            connection.close()

    try:
        basic = "Basic " + base64.b64encode(f"relay:{token}".encode()).decode()
        strangers = (None, "", "Bearer", "Bearer x", f"Bearer {token}x", token, "constructor x")
        assert {ask(INVENTORY, one) for one in strangers} == {401}
        assert bed.ledger.inbox.summary()["waiting"] == 0
        assert bed.seen.names == []
        assert ask("/admin-api", f"Bearer {token}") == 404
        assert ask(INVENTORY, f"Bearer {token}", b"x" * 70_000) in (413, 0)
        assert [ask(INVENTORY, one) for one in (f"Bearer {token}", basic)] == [200, 200]
    finally:
        relay.kill()
        relay.communicate()
