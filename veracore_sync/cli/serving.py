"""What both servers have in common: where they may listen, what they say, what stops them."""

from __future__ import annotations

import ipaddress
import signal
import sys
import threading
from contextlib import suppress

from veracore_sync.cli.output import say, warn
from veracore_sync.domain.errors import ConfigError


def stop_on_signals() -> threading.Event:
    """Is set by SIGTERM and by Ctrl-C, from now on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def tell_address(url: str, *, quiet: bool) -> None:
    """Where it listens, on stdout; on stderr where stdout is to hold one document.

    A full disk behind either is no reason not to listen.
    """
    with suppress(OSError):
        (warn if quiet else say)(url)
        sys.stdout.flush()


def check_host(host: str, setting: str) -> None:
    """A name is for this machine alone: what it means elsewhere can change without a word here.

    Raises:
        ConfigError: A name that does not mean this machine.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost":
            return
        raise ConfigError(
            f"{setting} {host}: neither an address nor localhost",
            hint="write the address itself to listen beyond this machine",
        ) from None
    if not address.is_loopback:
        warn(f"veracore-sync: listening beyond this machine on {host}, without TLS of its own")
        warn("  let a proxy in front end TLS and pass on what is meant for outside alone")
