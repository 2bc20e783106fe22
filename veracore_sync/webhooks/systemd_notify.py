"""Messages to systemd: ready, alive, stopping (sd_notify(3)); without systemd, nothing."""

from __future__ import annotations

import contextlib
import os
import socket

from veracore_sync.domain.texts import visible


class SystemdNotifier:
    """A connection to systemd, if it started us."""

    def __init__(self) -> None:
        # Opened at the start: later there may be no file descriptor left for it.
        path = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        listens = path.startswith(("/", "@"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if listens else None

    def tell(self, state: str) -> None:
        """Send `state`, for example ``READY=1``; it may be lost."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(visible(state).encode(), self._address)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()


def watchdog_seconds() -> float | None:
    """The interval in which systemd expects a watchdog signal; ``None`` if it expects none."""
    wanted, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19) or pid not in (
        None,
        "",
        str(os.getpid()),
    ):
        return None
    return int(wanted) / 1_000_000
