"""A pgbouncer in transaction mode before the tests' PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from present import missing

PORT = 6432
_SETTINGS = """
[databases]
* = host={home} port=5432 user=vendure

[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_reset_query =
logfile = {folder}/log
pidfile = {folder}/pid
"""


def _answers(path: Path) -> bool:
    """Whether something listens there: the socket's file is there before that."""
    with socket.socket(socket.AF_UNIX) as tried:
        return tried.connect_ex(str(path)) == 0


@contextmanager
def pooled(home: Path) -> Iterator[Path]:
    """The folder of the pooler's socket; three connections serve everybody.

    Args:
        home: The folder of the server's socket.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing("pgbouncer is not installed")
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        folder = Path(made)
        folder.chmod(0o777)
        settings = folder / "ini"
        settings.write_text(_SETTINGS.format(home=home, folder=folder, port=PORT))
        user = "postgres" if os.geteuid() == 0 else None
        process = subprocess.Popen(
            [program, "-q", str(settings)],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 600
            while not _answers(folder / f".s.PGSQL.{PORT}"):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield folder
        finally:
            process.kill()
            process.wait()
