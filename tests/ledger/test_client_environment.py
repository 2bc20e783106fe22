"""What PostgreSQL's programs get of the environment: libpq's variables, and no secret of ours."""

from __future__ import annotations

import pytest

from veracore_sync.ledger.postgres.dump import run_client


def test_they_get_libpqs_variables_and_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VENDURE_PASSWORD", "VERACORE_SYNC_HOOKS__SECRET", "HTTPS_PROXY", "LISTEN_FDS"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/ssl/ours.pem")
    found = dict(line.split("=", 1) for line in run_client(["env"]).splitlines())
    assert "s3cret" not in found.values()
    assert (found["PGSSLROOTCERT"], found["LC_ALL"]) == ("/etc/ssl/ours.pem", "C")
    assert {"PATH", "HOME"} <= found.keys()
