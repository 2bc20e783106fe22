"""An answer that a simulator holds back is waited for until it is held back, and no longer.

For commands in this process. Their requests may then have long time limits, so no healthy one runs
into its own on a busy machine, and none is waited for.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from unittest.mock import patch

import httpcore

from veracore_sync.sandbox.listener import _Handler
from veracore_sync.transport.deadline import Deadline, _DeadlineStream


@contextmanager
def held_answers_time_out() -> Iterator[None]:
    """In the block, requests that suffer ``hang_after`` time out at once."""
    held: set[int] = set()
    hold, read = _Handler._wait_for_the_client_to_leave, _DeadlineStream.read

    def tell(handler: _Handler) -> None:
        port = int(handler.client_address[1])
        held.add(port)
        try:
            hold(handler)
        finally:
            held.discard(port)

    def wait(
        stream: _DeadlineStream, max_bytes: int, timeout: float | Deadline | None = None
    ) -> bytes:
        client = cast(socket.socket, stream.get_extra_info("socket"))
        while isinstance(timeout, Deadline) and timeout.left() > 0:
            if select.select([client], [], [], 0.005)[0]:
                break
            if client.getsockname()[1] in held:
                raise httpcore.ReadTimeout("held back")
        return read(stream, max_bytes, timeout)

    with (
        patch.object(_Handler, "_wait_for_the_client_to_leave", tell),
        patch.object(_DeadlineStream, "read", wait),
    ):
        yield
