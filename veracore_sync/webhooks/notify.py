"""A word to systemd: ready, alive, stopping (sd_notify(3)); without it, nothing happens."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send `state`, for example ``READY=1``, where a supervisor listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.sendto(state.encode(), address)


def watchdog_seconds() -> float | None:
    """How often the supervisor wants to hear that we live; ``None`` where it does not."""
    wanted, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not wanted.isdigit() or pid not in (None, "", str(os.getpid())):
        return None
    return int(wanted) / 1_000_000
