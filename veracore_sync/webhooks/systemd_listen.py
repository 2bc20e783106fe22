"""A socket that systemd opened for us (sd_listen_fds(3)): it outlives a restart of the listener."""

from __future__ import annotations

import os
import socket

from veracore_sync.domain.errors import ConfigError

_FIRST = 3
_INTERNET = (socket.AF_INET, socket.AF_INET6)


def handed_over() -> socket.socket | None:
    """The listening socket that was handed to this process; ``None`` without one.

    Raises:
        ConfigError: Several were handed over, or one that nobody can connect to.
    """
    count, pid = os.environ.get("LISTEN_FDS", ""), os.environ.get("LISTEN_PID", "")
    # Meant for another process, which started us and did not clear its environment.
    if not count.isdigit() or pid != str(os.getpid()):
        return None
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    if count == "0":
        return None
    if count != "1":
        raise _unfit(f"{count} sockets were handed over")
    try:
        found = socket.socket(fileno=_FIRST)
    except OSError as error:
        raise _unfit(f"no socket was handed over ({error.strerror})") from None
    os.set_inheritable(_FIRST, False)
    if (
        found.family not in _INTERNET
        or found.type != socket.SOCK_STREAM
        or not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    ):
        found.close()
        raise _unfit("the socket that was handed over does not listen for TCP connections")
    # Another process may be quicker to accept what this one has seen: then accept() must not wait.
    found.setblocking(False)
    return found


def _unfit(what: str) -> ConfigError:
    return ConfigError(what, hint="give the .socket unit one ListenStream= with address and port")
