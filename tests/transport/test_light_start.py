"""What a client brings along and reads when it starts: no more than it uses."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import certifi
import pytest

from veracore_sync.domain.errors import Unavailable
from veracore_sync.transport import ways
from veracore_sync.transport.http import HttpClient
from veracore_sync.transport.retry import RetryPolicy, retry_read
from veracore_sync.transport.ways import Upstream

SHOP = Upstream("vendure", "https://shop.example/admin-api")
WAREHOUSE = Upstream("veracore", "https://api.veracore.example/v1")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of certificates that are read from now on."""
    found: list[str] = []
    make = ssl.create_default_context

    def counted(*given: Any, **named: Any) -> ssl.SSLContext:
        found.append(named.get("cafile") or named.get("capath"))
        return make(*given, **named)

    monkeypatch.setattr(ssl, "create_default_context", counted)
    monkeypatch.setattr(ways, "_CONTEXTS", {})
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    return found


def clients(*upstreams: Upstream) -> None:
    for one in upstreams:
        HttpClient(one.section, timeout_seconds=5, at=one).close()


def test_the_public_certificates_are_read_once_for_both_ends(reads: list[str]) -> None:
    clients(SHOP, WAREHOUSE, SHOP)
    assert reads == [certifi.where()]


@pytest.mark.parametrize("host", ["127.0.0.1:8780", "localhost:3000", "[::1]:3000"])
def test_no_certificates_are_read_for_an_address_on_this_machine(
    reads: list[str], host: str
) -> None:
    clients(Upstream("vendure", f"http://{host}/admin-api"))
    assert reads == []


def test_a_file_of_certificates_that_was_replaced_is_read_again(
    reads: list[str], tmp_path: Path
) -> None:
    own = tmp_path / "ca.pem"
    text = Path(certifi.where()).read_text()
    own.write_text(text)
    named = Upstream("vendure", SHOP.url, ca_file=str(own))
    clients(named, named)
    own.write_text(text + "\n# renewed\n")
    clients(named)
    assert reads == [str(own)] * 2


def test_ends_with_other_certificates_do_not_share_them(reads: list[str], tmp_path: Path) -> None:
    own = tmp_path / "ca.pem"
    own.write_text(Path(certifi.where()).read_text())
    clients(SHOP, Upstream("veracore", WAREHOUSE.url, ca_file=str(own)))
    assert reads == [certifi.where(), str(own)]


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_a_read_is_called_as_often_as_the_policy_says(tries: int) -> None:
    calls: list[int] = []

    def fails() -> None:
        calls.append(1)
        raise Unavailable("down", upstream="vendure")

    with pytest.raises(Unavailable):
        retry_read(fails, RetryPolicy(tries=tries, base_seconds=0.0))
    assert len(calls) == tries


def test_the_second_try_may_succeed() -> None:
    answers = [Unavailable("down", upstream="vendure"), "here"]

    def answered() -> object:
        one = answers.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    assert retry_read(answered, RetryPolicy(tries=2, base_seconds=0.0)) == "here"
