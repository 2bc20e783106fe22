"""A ledger that belongs to another shop: whoever names it by mistake is told, and takes nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from here_kit import Newcomer

from veracore_sync.ledger.opening import open_ledger

CONFIG = """\
[vendure]
admin_api_url = "http://127.0.0.1:9/admin-api"
username = "sync"
password = "hunter2222"
[veracore]
api_url = "http://127.0.0.1:9"
client_id = "sync"
client_secret = "hunter2222"
company_id = "c"
[ledger]
path = "l.db"
[hooks]
command = ["/bin/false"]
"""


@pytest.fixture
def mistaken(tmp_path: Path) -> Newcomer:
    """A shop whose file names the ledger of another one."""
    (tmp_path / "c.toml").write_text(CONFIG)
    (tmp_path / "c.toml").chmod(0o600)
    with closing(open_ledger(tmp_path / "l.db")) as ledger:
        ledger.meta.bind("https://other.example/admin-api default", "oms http://127.0.0.1:9 c")
        with ledger.database.transaction() as connection:
            connection.execute(
                "INSERT INTO orders (code, vendure_id, state, created_at, "
                "updated_at) VALUES ('1', '1', 'failed', '2026', '2026')"
            )
    return Newcomer(tmp_path)


@pytest.mark.parametrize("command", ["doctor --offline", "deliver --skip evt_1", "retry --all"])
def test_it_is_told_and_nothing_is_taken(mistaken: Newcomer, command: str) -> None:
    done = mistaken.run("--config", "c.toml", *command.split())
    assert done.code == 78, done.out + done.err
    assert "belongs to the shop https://other.example" in (done.out + done.err).replace("\n", " ")
    with closing(open_ledger(mistaken.folder / "l.db", read_only=True)) as ledger:
        assert ledger.orders.counts()["failed"] == 1
