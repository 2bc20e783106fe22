"""Whatever a variable of the environment says, a command ends by the contract of its exit codes.

The table has every variable that this program, Python or a dependency reads at run time. What ends
the interpreter before the program begins (such as PYTHONHOME) is not among them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from rig import as_it_was

from veracore_sync.__main__ import main

LONG = "9" * 5000
TEXT = "\udc80"
"""A byte that is no UTF-8."""
SETTINGS = {
    "VENDURE_ADMIN_API_URL": "https://127.0.0.1:9/admin-api",
    "VENDURE_USERNAME": "u",
    "VENDURE_PASSWORD": "a password",
    "VERACORE_API_URL": "https://127.0.0.1:9",
    "VERACORE_CLIENT_ID": "c",
    "VERACORE_CLIENT_SECRET": "a secret of some length",
    "VERACORE_COMPANY_ID": "X",
    "VERACORE_SYNC_RETRY__TRIES": "1",
    "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2020-01-01T00:00:00Z",
}
ELSEWHERE = "https://shop.example.com/admin-api"

IGNORED: dict[str, list[str]] = {
    # Proxies of which none is used for loopback.
    "NO_PROXY": ["localhost,fe80::/10", "*", "[::1]", "10.0.0.0/8", " , x y", TEXT, "http://[", ""],
    "HTTP_PROXY": ["nonsense", "socks5://p:1"],
    "HTTPS_PROXY": ["nonsense", "http://["],
    "ALL_PROXY": ["socks5://p:1", "://"],
    "OPENSSL_CONF": ["/missing"],
    "REQUESTS_CA_BUNDLE": ["/missing"],
    # A terminal.
    "TERM": ["nonsense", "", TEXT],
    "COLUMNS": ["0", "x", LONG],
    "LINES": ["\u00b2"],
    "TERMINAL_WIDTH": ["x"],
    "NO_COLOR": ["1"],
    "FORCE_COLOR": ["x"],
    "TTY_COMPATIBLE": ["x"],
    "TTY_INTERACTIVE": ["x"],
    "TYPER_USE_RICH": ["x"],
    "_VERACORE_SYNC_COMPLETE": ["nonsense", "complete_bash", "source_bash"],
    "COMP_CWORD": ["x"],
    "PAGER": ["'"],
    # The machine.
    "TZ": ["nonsense", ":/missing", "../../etc/passwd"],
    "LC_ALL": ["C", "xx_YY"],
    "HOME": ["", "/missing", "relative"],
    "TMPDIR": ["/missing", TEXT],
    "SQLITE_TMPDIR": ["/missing"],
    "XDG_CONFIG_HOME": ["relative", "/missing", TEXT],
    "XDG_STATE_HOME": ["relative", "/missing"],
    "CREDENTIALS_DIRECTORY": ["/missing", "/etc/passwd", TEXT],
    "JOURNAL_STREAM": ["x", "1:2:3"],
    "NOTIFY_SOCKET": ["x", "@", LONG],
    "WATCHDOG_USEC": ["x", "\u00b2", LONG],
    "LISTEN_FDS": ["x"],
    "PYDANTIC_DISABLE_PLUGINS": ["x"],
}
REFUSED: dict[str, list[str]] = {
    "SSL_CERT_FILE": ["/missing", "/dev"],
    "SSL_CERT_DIR": ["/missing", "/etc/passwd"],
    "SSLKEYLOGFILE": ["/missing/keys", "/dev"],
    "VERACORE_SYNC_CONFIG": ["/missing", "~nobody-there/x"],
    "VERACORE_SYNC_VENDURE__PROXY": ["nonsense", LONG],
    "VERACORE_SYNC_VERACORE__CA_FILE": ["relative", "/missing"],
}
SAYS = {
    "VERACORE_SYNC_CONFIG": "there is no",
    "VERACORE_SYNC_VENDURE__PROXY": "vendure.proxy",
    "VERACORE_SYNC_VERACORE__CA_FILE": "veracore.ca_file",
}
LIBPQ: dict[str, list[str]] = {
    "PGHOST": ["", TEXT, "a" * 70],
    "PGHOSTADDR": ["x"],
    "PGPORT": ["x", LONG, "0"],
    "PGUSER": [TEXT],
    "PGSSLMODE": ["nonsense"],
    "PGSSLROOTCERT": ["/missing"],
    "PGCONNECT_TIMEOUT": ["x", LONG, "-5"],
    "PGSERVICE": ["nonsense"],
    "PGSERVICEFILE": ["/missing"],
    "PGPASSFILE": ["/missing"],
    "PGTARGETSESSIONATTRS": ["x"],
    "PGCHANNELBINDING": ["x"],
    "PGREQUIREAUTH": ["x"],
    "PGGSSENCMODE": ["x"],
    "PGOPTIONS": ["'--x"],
    "PGCLIENTENCODING": ["x"],
    "PGLOADBALANCEHOSTS": ["x"],
}


def ended(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **env: str) -> int:
    """The exit code of a command in this process; anything else that ends it fails the test."""
    with as_it_was():
        os.environ.clear()
        os.environ.update({"PATH": "/bin", "VERACORE_SYNC_LEDGER__PATH": str(folder / "ledger.db")})
        os.environ.update(SETTINGS | env)
        if "VERACORE_SYNC_LEDGER__URL" in env:
            del os.environ["VERACORE_SYNC_LEDGER__PATH"]
        monkeypatch.setattr(sys, "argv", ["veracore-sync", *line.split()])
        monkeypatch.chdir(folder)
        with pytest.raises(SystemExit) as end:
            main()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("name", [*IGNORED, *REFUSED])
def test_an_odd_variable_is_passed_over_or_is_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = (IGNORED | REFUSED)[name]
    for value in values:
        lines = ("sync-orders", "doctor --offline") if value == values[-1] else ("sync-orders",)
        for line in lines:
            code = ended(line, tmp_path, monkeypatch, **{name: value})
            said = capsys.readouterr()
            assert "Traceback" not in said.err
            if name in REFUSED:
                assert code == 78, (value, said)
                assert SAYS.get(name, name) in said.err + said.out
            elif line == "sync-orders":
                assert code == 69, (value, said)
            else:
                assert code in (0, 69), (value, said)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_that_would_be_used_is_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in ("socks5://hunter2@p:1", "http://["):
        env = {"VENDURE_ADMIN_API_URL": ELSEWHERE, name: value}
        assert ended("sync-orders", tmp_path, monkeypatch, **env) == 78
        said = capsys.readouterr().err
        assert name in said
        assert "vendure.proxy" in said
        assert "hunter2" not in said


@pytest.mark.parametrize("name", LIBPQ)
def test_what_libpq_reads_is_the_ledgers_failure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = 78 if name in ("PGSERVICE", "PGSSLMODE") else 69
    for value in LIBPQ[name]:
        place = "" if name in ("PGHOST", "PGHOSTADDR", "PGPORT") else "127.0.0.1:9/x"
        # Nobody listens there, whatever servers this machine has.
        env = {"VERACORE_SYNC_LEDGER__URL": f"postgresql://{place}", "PGPORT": "9", name: value}
        assert ended("sync-orders", tmp_path, monkeypatch, **env) == wanted, value
        assert "ledger" in capsys.readouterr().err
