"""A word to systemd: ready, alive, stopping (sd_notify(3)); without it, nothing happens."""

from __future__ import annotations

import contextlib
import os
import socket


class SystemdNotifier:
    """systemd, where it listens.

    Its socket is opened at once: used-up descriptors are no reason to fall silent.
    """

    def __init__(self) -> None:
        path = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        listens = path.startswith(("/", "@"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if listens else None

    def tell(self, state: str) -> None:
        """Send `state`, for example ``READY=1``; it may be lost."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(state.encode(), self._address)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()


def watchdog_seconds() -> float | None:
    """How often the supervisor wants to hear that we live; ``None`` where it does not."""
    wanted, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not wanted.isdigit() or pid not in (None, "", str(os.getpid())):
        return None
    return int(wanted) / 1_000_000
