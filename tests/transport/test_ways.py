"""Proxies and certificates: what the settings and the environment say, however odd."""

from __future__ import annotations

import base64
import errno
import os
import socketserver
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import certifi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.composition.outward import ways
from veracore_sync.config import Settings
from veracore_sync.domain.errors import ConfigError, Unavailable
from veracore_sync.transport.http import HttpClient
from veracore_sync.transport.ways import (
    Upstream,
    problem_of,
    tls_context,
    unreadable_exceptions,
    way_to,
)

SHOP = "https://shop.example.com/admin-api"
PROXY = "http://proxy.example.net:3128"
IN_ENVIRONMENT = {"HTTPS_PROXY": PROXY}


def proxy_of(url: str, environ: dict[str, str], proxy: str = "") -> str | None:
    return way_to(url, Upstream("vendure", url, proxy), environ).proxy


# ---- which proxy ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "environ", "setting", "expected"),
    [
        (SHOP, {}, "", None),
        (SHOP, {"HTTPS_PROXY": PROXY}, "", PROXY),
        (SHOP, {"https_proxy": PROXY}, "", PROXY),
        (SHOP, {"https_proxy": "", "HTTPS_PROXY": PROXY}, "", None),
        (SHOP, {"HTTPS_PROXY": "proxy.example.net:3128"}, "", PROXY),
        (SHOP, {"HTTPS_PROXY": f" {PROXY} "}, "", PROXY),
        (SHOP, {"HTTPS_PROXY": PROXY.replace("http", "HTTP")}, "", PROXY),
        (SHOP, {"ALL_PROXY": PROXY}, "", PROXY),
        (SHOP, {"all_proxy": "http://other:1", "HTTPS_PROXY": PROXY}, "", PROXY),
        (SHOP, {"HTTP_PROXY": PROXY}, "", None),
        ("http://shop.example.com", {"HTTP_PROXY": PROXY}, "", PROXY),
        ("http://shop.example.com", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, "", None),
        (SHOP, {"HTTPS_PROXY": "http://other:1"}, PROXY, PROXY),
        (SHOP, {"HTTPS_PROXY": "http://other:1"}, "none", None),
        (SHOP, {"HTTPS_PROXY": "http://other:1", "NO_PROXY": "*"}, PROXY, PROXY),
        (SHOP, {"ALL_PROXY": "socks5://proxy:1"}, "none", None),
        (SHOP, {"ALL_PROXY": "socks5://proxy:1", "NO_PROXY": ".example.com"}, "", None),
    ],
)
def test_the_setting_comes_before_the_environment(
    url: str, environ: dict[str, str], setting: str, expected: str | None
) -> None:
    assert proxy_of(url, environ, setting) == expected


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]
)
@pytest.mark.parametrize("setting", ["", PROXY])
def test_loopback_goes_past_every_proxy(host: str, setting: str) -> None:
    for scheme in ("http", "https"):
        url = f"{scheme}://{host}:8080/x"
        assert proxy_of(url, {"ALL_PROXY": PROXY, "NO_PROXY": ""}, setting) is None
        assert proxy_of(url, {"ALL_PROXY": "socks5://nonsense"}, setting) is None


PAST = {
    "*": True,
    "shop.example.com": True,
    "SHOP.example.COM": True,
    "example.com": True,
    ".example.com": True,
    "*.example.com": True,
    "example.com.": True,
    "ample.com": False,
    "other.com": False,
    "shop.example.com:443": True,
    "shop.example.com:444": False,
    "https://shop.example.com": True,
    "http://shop.example.com": False,
    "all://*.example.com": True,
    "localhost,fe80::/10": False,
    "localhost, 10.0.0.0/8 example.com": True,
    "[::1]": False,
    "[::1]:80,example.com": True,
    "10.0.0.0/8": False,
    "10.0.0.0/99": False,
    "10.0.0.0/8/8": False,
    "[::1": False,
    "http://": False,
    "": False,
    ",,  ,": False,
    "a" * 70_000: False,
    "::::": False,
    "shop.example.com:port": False,
    "shop.example.com:99999999": False,
    "user@shop.example.com": False,
    "*shop*": False,
    "\u00fc.example": False,
}


@pytest.mark.parametrize("entry", PAST, ids=lambda entry: entry[:20] or "empty")
def test_whatever_no_proxy_says_it_is_read(entry: str) -> None:
    environ = {**IN_ENVIRONMENT, "NO_PROXY": entry}
    assert (proxy_of(SHOP, environ) is None) == PAST[entry]
    assert (proxy_of(SHOP, {**IN_ENVIRONMENT, "no_proxy": f"x.y, {entry}"}) is None) == PAST[entry]


@pytest.mark.parametrize(
    ("host", "entry", "is_past"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:443", True),
        ("10.1.2.3", "10.1.2.3/8", True),
        ("[fe80::1]", "fe80::/10", True),
        ("[2001:db8::1]", "fe80::/10,[2001:db8::1]", True),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("[2001:db8::1]", "[2001:db8::1]:443", True),
        ("[2001:db8::1]", "10.0.0.0/8", False),
        ("shop.example.com", "10.0.0.0/8", False),
    ],
)
def test_networks_and_addresses(host: str, entry: str, is_past: bool) -> None:
    environ = {**IN_ENVIRONMENT, "NO_PROXY": entry}
    assert (proxy_of(f"https://{host}/", environ) is None) == is_past


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_nothing_that_the_environment_says_is_a_traceback(
    proxy: str, exceptions: str, scheme: str
) -> None:
    environ = {"HTTPS_PROXY": proxy, "ALL_PROXY": f"{scheme}://{proxy}", "NO_PROXY": exceptions}
    try:
        found = way_to(SHOP, Upstream("vendure", SHOP), environ)
    except ConfigError as error:
        assert "PROXY" in error.message
    else:
        assert found.proxy is None or not problem_of(found.proxy)
        assert found.shown
    unreadable_exceptions(environ)


BAD = [
    "socks5://proxy:1080",
    "socks4://proxy:1080",
    "ftp://proxy",
    "http://",
    "http://[::1",
    "http://proxy:port",
    "http://proxy:99999999",
    "http://pro xy:1",
    "http://proxy:1/path",
    "http://us\u00e9r:hunter2@proxy:1",
    "://",
    "nonsense://hunter2@proxy",
]


@pytest.mark.parametrize("proxy", BAD)
def test_a_proxy_that_cannot_be_used_is_a_sentence(proxy: str) -> None:
    for environ, setting, origin in (
        ({"HTTPS_PROXY": proxy}, "", "HTTPS_PROXY"),
        ({"all_proxy": proxy}, "", "all_proxy"),
        ({}, proxy, "vendure.proxy"),
    ):
        with pytest.raises(ConfigError) as error:
            way_to(SHOP, Upstream("vendure", SHOP, setting), environ)
        assert error.value.message.startswith(origin)
        assert error.value.exit_code == 78
        assert "hunter2" not in error.value.message
        with pytest.raises(ConfigError), pytest.MonkeyPatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            HttpClient("vendure", timeout_seconds=1, at=Upstream("vendure", SHOP, setting))


# ---- through a real one --------------------------------------------------------------------------


class Proxy(BaseHTTPRequestHandler):
    """Answers every request itself, and keeps what it was asked for."""

    asked: ClassVar[list[tuple[str, str, str]]] = []

    def do_GET(self) -> None:
        credentials = self.headers.get("Proxy-Authorization", "")
        self.asked.append((self.command, self.path, credentials))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_CONNECT(self) -> None:
        self.asked.append(("CONNECT", self.path, self.headers.get("Proxy-Authorization", "")))
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def proxy_port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_requests_go_through_it_with_its_credentials(proxy_port: int) -> None:
    Proxy.asked.clear()
    at = Upstream("vendure", "", f"http://user:p%40ss@127.0.0.1:{proxy_port}")
    client = HttpClient("vendure", timeout_seconds=10, at=at)
    assert client.send("GET", "http://shop.example/x", label="x", headers={}).body == b"ok"
    # Past the proxy, which is its answer's only source: nobody is there.
    with pytest.raises(Exception, match="refused"):
        client.send("GET", "http://localhost:9/x", label="x", headers={})
    # Through a proxy that refuses, nothing has left.
    with pytest.raises(Exception, match="403"):
        client.send("GET", "https://shop.example/x", label="x", headers={})
    client.close()
    credentials = "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert Proxy.asked == [
        ("GET", "http://shop.example/x", credentials),
        ("CONNECT", "shop.example:443", credentials),
    ]


# ---- certificates --------------------------------------------------------------------------------


def test_whose_certificates_are_trusted(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text(_one_certificate())
    public = len(tls_context(Upstream(), {}).get_ca_certs())
    assert public > 50
    for upstream, environ, count in (
        (Upstream(ca_file=str(pem)), {}, 1),
        (Upstream(), {"SSL_CERT_FILE": str(pem)}, 1),
        (Upstream(ca_file=str(pem)), {"SSL_CERT_FILE": "/missing"}, 1),
        (Upstream(), {"SSL_CERT_DIR": str(tmp_path)}, 0),
        (Upstream(), {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}, public),
    ):
        context = tls_context(upstream, environ)
        assert len(context.get_ca_certs()) == count
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def _one_certificate() -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = Path(certifi.where()).read_text()
    return begin + text.split(begin)[1].split(end)[0] + end + "\n"


@pytest.mark.parametrize("what", ["missing", "a folder", "no PEM", "empty", "a fifo", "nul"])
@pytest.mark.parametrize("where", ["ca_file", "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_cannot_be_used_are_a_sentence(
    tmp_path: Path, what: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "there"
    if what == "a folder":
        path.mkdir()
        if where == "SSL_CERT_DIR":
            return
    elif what == "a fifo":
        os.mkfifo(path)
    elif what in ("no PEM", "empty"):
        path.write_text("x" if what == "no PEM" else "")
    named = "a\0b" if what == "nul" else str(path)
    upstream = Upstream("veracore", SHOP, "", named if where == "ca_file" else "")
    environ = {} if where == "ca_file" else {where: named}
    with pytest.raises(ConfigError) as error:
        tls_context(upstream, environ)
    assert where in error.value.message
    if what != "nul":
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConfigError):
            HttpClient("veracore", timeout_seconds=1, at=upstream)
        # Where nothing is encrypted, nothing of it is read.
        plain = Upstream("veracore", "http://127.0.0.1:9", "", upstream.ca_file)
        HttpClient("veracore", timeout_seconds=1, at=plain).close()


def test_certificates_without_a_free_descriptor_are_no_fault_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def used_up(**_: object) -> ssl.SSLContext:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(ssl, "create_default_context", used_up)
    with pytest.raises(Unavailable, match="Too many open files"):
        tls_context(Upstream("vendure", SHOP), {})


def test_a_key_log_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "no" / "keys"))
    with pytest.raises(ConfigError, match="SSLKEYLOGFILE"):
        HttpClient("veracore", timeout_seconds=1, at=Upstream("veracore", SHOP))


# ---- doctor --------------------------------------------------------------------------------------


def test_doctor_names_the_way_to_each_upstream() -> None:
    wanted = Settings.model_validate(
        {
            "vendure": {"admin_api_url": SHOP, "proxy": "http://user:hunter2@proxy:3128"},
            "veracore": {"api_url": "https://api.veracore.com/v1"},
            "hooks": {"url": "http://127.0.0.1:1/x", "secret": "s" * 40},
        }
    )
    environ = {"ALL_PROXY": "socks5://hunter2@p", "NO_PROXY": "10.0.0.0/99,a@b"}
    environ["SSLKEYLOGFILE"] = "/nowhere"
    found = list(ways(wanted, environ))
    texts = [f"{one.level}: {one.message}" for one in found]
    assert texts[:5] == [
        "ok: vendure.admin_api_url is reached through http://proxy:3128 (vendure.proxy)",
        "fail: ALL_PROXY names a SOCKS proxy; only HTTP proxies are supported",
        "ok: hooks.url is reached directly (this machine itself)",
        "warn: NO_PROXY: 10.0.0.0/99 names neither a host nor a network, and is passed over",
        "warn: NO_PROXY: an entry names neither a host nor a network, and is passed over",
    ]
    assert len(found) == 6
    assert found[1].exit_code == 78
    assert "veracore.proxy" in found[1].todo
    assert "hunter2" not in str(found)
