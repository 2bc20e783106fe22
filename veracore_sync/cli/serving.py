"""Shared by both servers: the address to listen on, its announcement, signals to stop."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

from veracore_sync.cli import signals
from veracore_sync.cli.output import say, warn
from veracore_sync.domain.errors import ConfigError

_STOPPING = (
    b"\nveracore-sync: stopping; what is in progress ends first\n"
    b"  Ctrl-C again ends it at once: an order in flight is looked up by the next run\n"
)


def stop_on_signals() -> threading.Event:
    """An event that signals to stop set from now on; a second Ctrl-C ends the process."""
    stop = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if stop.is_set():
                signals.end_at_once(number)
            if os.isatty(2):
                os.write(2, _STOPPING)
        stop.set()

    for number in signals.STOPPING:
        signal.signal(number, end)
    return stop


def announce_address(url: str, *, quiet: bool) -> None:
    """Write the address to stdout, or to stderr if stdout must contain one JSON document."""
    # A full disk behind stdout must not keep the server from listening.
    with suppress(OSError):
        (warn if quiet else say)(url)
        sys.stdout.flush()


def check_host(host: str, setting: str) -> None:
    """Check the address to bind to; warn if it can be reached from other machines.

    Raises:
        ConfigError: A host name other than localhost.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A name may resolve to another address tomorrow, and so expose the server unnoticed.
        if host == "localhost":
            return
        raise ConfigError(
            f"{setting} {host}: neither an IP address nor localhost",
            hint=f"set {setting} to the IP address to listen on",
        ) from None
    if not address.is_loopback:
        warn(f"veracore-sync: listening on {host} for other machines too, without TLS")
        warn("  put a reverse proxy with TLS in front, and let it forward only what is public")
