"""A running ``serve-admin``, and how it is asked."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from rig import Rig

READ, ACT = "read-token-0123456789-abcdefghijk", "act-token-9876543210-abcdefghijk"


@dataclass
class Admin:
    """A running ``serve-admin``."""

    host: str
    port: int

    def post(
        self, body: bytes, token: str | None = ACT, kind: str = "application/json"
    ) -> tuple[int, Any]:
        headers = {"content-type": kind}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=60)) as connection:
            connection.request("POST", "/admin-api", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def ask(self, query: str, token: str | None = ACT, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        status, document = self.post(body, token)
        assert status == 200, document
        return document

    def data(self, query: str, token: str | None = ACT, **variables: Any) -> Any:
        document = self.ask(query, token, **variables)
        assert "errors" not in document, document
        return document["data"]


@contextmanager
def serving(rig: Rig) -> Iterator[Admin]:
    process = rig.start("serve-admin", "--port", "0")
    assert process.stdout is not None
    host, _, port = process.stdout.readline().strip().removeprefix("http://").rpartition(":")
    try:
        yield Admin(host, int(port))
    finally:
        process.terminate()
        _, err = process.communicate(timeout=600)
    assert (process.returncode, "Traceback" in err) == (0, False), err
