"""A proxy before PostgreSQL that cuts a connection exactly at a COMMIT."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PORT = 6001
_COMMIT = b"COMMIT\0"


class CuttingProxy:
    """Passes bytes on, and cuts one connection at a COMMIT when it was told to.

    Args:
        server: The folder of the server's socket.
        folder: Where the proxy's own socket is made.
        port: That of the server's socket.
    """

    def __init__(self, server: Path, folder: Path, port: int = 5432) -> None:
        self._server = str(server / f".s.PGSQL.{port}")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{PORT}"))
        self._listener.listen(20)
        self.folder = folder
        self.cut: str | None = None
        self.refuses = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refuses:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._server)
                except OSError:
                    # It is being started again: so is a client's connection refused.
                    client.close()
                    server.close()
                    continue
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        answer_is_lost = False
        # What is passed on may arrive in parts.
        end = {client: b"", server: b""}
        with suppress(OSError), client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if not data:
                        return
                    is_commit = _COMMIT in end[source] + data
                    end[source] = (end[source] + data)[1 - len(_COMMIT) :]
                    if source is client and is_commit and self.cut:
                        how, self.cut = self.cut, None
                        self.cuts += 1
                        if how == "before":
                            return
                        answer_is_lost = True
                    elif source is server and answer_is_lost and is_commit:
                        return
                    elif source is server and answer_is_lost:
                        continue
                    (server if source is client else client).sendall(data)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


@contextmanager
def cutting(server: Path, folder: Path, port: int = 5432) -> Iterator[CuttingProxy]:
    """A proxy for a test."""
    proxy = CuttingProxy(server, folder, port)
    try:
        yield proxy
    finally:
        proxy.close()
