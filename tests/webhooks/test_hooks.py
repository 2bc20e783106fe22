"""Deliveries: believed or not, stored once, followed, and never trusted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hook_kit import INVENTORY, ORDER, SECRET, TRACKING, Bed, signed, start_bed, stop_bed, until

from veracore_sync.ledger import open_ledger
from veracore_sync.transport.signature import sign_body

OTHER = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA=="


def body_of(**document: object) -> bytes:
    return json.dumps(document).encode()


def test_each_hook_is_followed(bed: Bed) -> None:
    assert bed.post(INVENTORY, {"sku": "A-1"}) == (200, {"status": "stored"})
    assert bed.post(ORDER, {"data": {"orderCode": "CODE1"}})[0] == 200
    assert bed.post(TRACKING, {"orders": ["CODE2", {"code": "CODE3"}]})[0] == 200
    until(lambda: len(bed.seen.names) == 4)
    assert set(bed.seen.names) == {
        ("inventory", "A-1"),
        ("order", "CODE1"),
        ("tracking", "CODE2"),
        ("tracking", "CODE3"),
    }


def test_a_delivery_that_names_nothing_is_taken_and_has_no_effect(bed: Bed) -> None:
    assert bed.post(INVENTORY, {"type": "ping"})[0] == 200
    assert bed.listener.state()["waiting"] == 0


BODY = body_of(sku="A-1")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(body_of(sku="A-2"), lambda: signed(BODY), id="altered body"),
        pytest.param(BODY, lambda: signed(BODY) | {"webhook-id": "msg_other"}, id="altered id"),
        pytest.param(
            BODY,
            lambda: signed(BODY) | {"webhook-timestamp": str(int(time.time()) - 5)},
            id="altered time",
        ),
        pytest.param(BODY, lambda: signed(BODY, at=time.time() - 400), id="stale"),
        pytest.param(BODY, lambda: signed(BODY, at=time.time() + 400), id="future"),
        pytest.param(BODY, dict, id="unsigned"),
        pytest.param(BODY, lambda: signed(BODY, secret=OTHER), id="another secret"),
        pytest.param(BODY[:-1], lambda: signed(BODY), id="truncated"),
        pytest.param(BODY, lambda: sign_body(SECRET, BODY), id="body alone, not allowed"),
        pytest.param(BODY, lambda: signed(BODY) | {"webhook-signature": ","}, id="garbage"),
        pytest.param(
            BODY, lambda: signed(BODY) | {"webhook-signature": "v1,\u00e9=="}, id="not ascii"
        ),
        pytest.param(BODY, lambda: signed(BODY) | {"webhook-timestamp": "1e9"}, id="odd time"),
        pytest.param(
            BODY, lambda: signed(BODY) | {"webhook-timestamp": "9" * 13}, id="endless time"
        ),
    ],
)
def test_what_is_not_signed_has_no_effect(
    bed: Bed, body: bytes, headers: Callable[[], dict[str, str]]
) -> None:
    assert bed.post(INVENTORY, body, headers=headers()) == (401, {"error": "unauthorized"})
    assert bed.listener.state()["waiting"] == 0
    assert bed.seen.names == []


def test_a_replay_has_no_effect_on_any_path(bed: Bed) -> None:
    headers = signed(BODY)
    assert bed.post(INVENTORY, BODY, headers=headers)[0] == 200
    until(lambda: bed.seen.names == [("inventory", "A-1")])
    for path in (INVENTORY, ORDER, TRACKING):
        assert bed.post(path, BODY, headers=headers) == (200, {"status": "duplicate"})
    until(lambda: bed.listener.state()["waiting"] == 0)
    assert bed.seen.names == [("inventory", "A-1")]


def test_an_unverified_id_poisons_nothing(bed: Bed) -> None:
    forged = signed(BODY, delivery_id="msg_1", secret=OTHER)
    assert bed.post(INVENTORY, BODY, headers=forged)[0] == 401
    assert bed.post(INVENTORY, BODY, delivery_id="msg_1") == (200, {"status": "stored"})


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"nonsense", b"\xff", body_of(sku=5), body_of(sku=""), body_of(sku="A" * 201),
     body_of(skus=[str(n) for n in range(101)]), body_of(sku="A\nB"), b'{"sku": "\\ud800"}',
     b"[" * 60_000, b'{"sku": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_a_signed_body_of_another_form_is_refused(bed: Bed, body: bytes) -> None:
    status, answer = bed.post(INVENTORY, body)
    assert status == 400
    assert set(answer) == {"error"}
    assert bed.listener.state()["waiting"] == 0


@pytest.fixture
def rotating(tmp_path: Path) -> Iterator[Bed]:
    running = start_bed(tmp_path / "rotating.db", secrets=[OTHER], body_signature=True)
    yield running
    stop_bed(running)


def test_every_live_secret_is_accepted(rotating: Bed) -> None:
    for secret in (SECRET, OTHER):
        assert rotating.post(INVENTORY, BODY, headers=signed(BODY, secret=secret))[0] == 200
    both = signed(BODY, secret=OTHER)
    both["webhook-signature"] = "v1a,zzz v1,AAAA " + both["webhook-signature"]
    assert rotating.post(INVENTORY, BODY, headers=both)[0] == 200


def test_body_only_deliveries_are_coalesced_not_deduplicated(rotating: Bed) -> None:
    headers = sign_body(SECRET, BODY)
    for _ in range(2):
        assert rotating.post(INVENTORY, BODY, headers=headers) == (200, {"status": "stored"})
        until(lambda: rotating.listener.state()["waiting"] == 0)
    assert 1 <= len(rotating.seen.names) <= 2
    wrong = headers | {"X-VeraCore-Signature": "sha256=00"}
    assert rotating.post(INVENTORY, BODY, headers=wrong)[0] == 401
    # A sender that gives an id is held to it: the weaker form cannot be fallen back to.
    assert rotating.post(INVENTORY, BODY, headers=headers | {"webhook-id": "x"})[0] == 401


def test_a_ledger_that_cannot_be_written_is_503_and_then_mends(bed: Bed) -> None:
    # The WAL cannot grow: what SQLite meets on a full disk.
    connection = bed.ledger.database.connection
    connection.execute("PRAGMA query_only = ON")
    status, _ = bed.post(INVENTORY, BODY, delivery_id="msg_1")
    assert status == 503
    answer, _ = bed.get("/readyz")
    assert answer.status == 503
    assert bed.get("/healthz")[0].status == 200
    connection.execute("PRAGMA query_only = OFF")
    assert bed.post(INVENTORY, BODY, delivery_id="msg_1") == (200, {"status": "stored"})
    until(lambda: bed.get("/readyz")[0].status == 200)


def test_readiness_and_metrics_are_for_this_machine(bed: Bed) -> None:
    bed.post(INVENTORY, BODY)
    answer, text = bed.get("/metrics")
    assert answer.status == 200
    assert b"veracore_sync_webhooks_stored_total 1\n" in text
    assert b'answers_total{status="200"} 1' in text
    assert b"veracore_sync_inbox_waiting " in text
    assert b"veracore_sync_backlog_age_seconds 0.0\n" in text
    for path in ("/metrics", "/readyz"):
        assert bed.get(path, **{"X-Forwarded-For": "192.0.2.1"})[0].status == 404
        assert bed.get(path, Host="shop.example.com")[0].status == 404
    assert bed.get("/healthz", Host="shop.example.com")[0].status == 200


def test_a_restart_goes_on_with_what_was_stored(tmp_path: Path) -> None:
    first = start_bed(tmp_path / "ledger.db")
    first.seen.errors["A-1"] = [ValueError("a bug")]
    assert first.post(INVENTORY, BODY)[0] == 200
    until(lambda: first.listener.state()["failing"] == 1)
    stop_bed(first)
    ledger = open_ledger(tmp_path / "ledger.db")
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE hints SET due_at = asked_at")
    ledger.close()
    second = start_bed(tmp_path / "ledger.db")
    until(lambda: second.seen.names == [("inventory", "A-1")])
    stop_bed(second)
