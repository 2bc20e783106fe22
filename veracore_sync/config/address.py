"""What an address of VeraCore names, however much of it was pasted (docs/wire.md 1)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

Face = Literal["oms", "order"]

FOLDER = "pmomsws"
_FACES: dict[str, Face] = {"oms.asmx": "oms", "order.asmx": "order"}
_SERVICES = (".asmx", ".svc", ".aspx", ".ashx", ".asp")
# The other applications of a tenant; none of them takes orders.
_OTHERS = ("public.api", "veracore", "pmwarehouse", "pmomsdev", "productbalance")


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """The parts of an address of the SOAP services.

    Args:
        origin: Scheme, host and port.
        prefix: The path before the folder of the services; empty or beginning with a slash.
        folder: The folder of the services.
        face: The service that it names.
        other: What it names instead of one of the two services.
    """

    origin: str
    prefix: str
    folder: str = f"/{FOLDER}"
    face: Face | None = None
    other: str = ""

    @property
    def tenant(self) -> str:
        """The same text for every address of one tenant."""
        return (self.origin + self.prefix).casefold()

    def service(self, face: Face) -> str:
        """The address of a service."""
        return f"{self.origin}{self.prefix}{self.folder}/{face}.asmx"


def parse(url: str) -> ServiceAddress:
    """What this address names; `url` has a scheme and a host."""
    parts = urlsplit(url)
    origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    steps = [step for step in parts.path.split("/") if step]
    lower = [step.lower() for step in steps]
    ends = (at for at, step in enumerate(lower) if step.endswith(_SERVICES))
    end = next(ends, len(steps))
    # Behind a service only an operation follows, as on its own test page.
    face = _FACES.get(lower[end]) if end < len(steps) else None
    other = "/".join(steps[end - 1 if end else 0 : end + 1]) if end < len(steps) else ""
    path, names = steps[:end], lower[:end]
    if face is not None:
        other = ""
    elif not other and FOLDER in names[:-1]:
        other = "/".join(path[names.index(FOLDER) :])
    elif not other and any(name in _OTHERS for name in names) and names[-1] != FOLDER:
        other = "/".join(path[next(at for at, name in enumerate(names) if name in _OTHERS) :])
    if face is not None and (not names or names[-1] != FOLDER):
        return ServiceAddress(origin, _path(path), "", face)
    if names and names[-1] == FOLDER:
        return ServiceAddress(origin, _path(path[:-1]), f"/{path[-1]}", face, other)
    return ServiceAddress(origin, _path(path), face=face, other=other)


def normalised(url: str) -> str:
    """Scheme, host, port where it is not the scheme's own, and path; nothing secret."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    own_port = {"http": 80, "https": 443}.get(scheme)
    port = "" if parts.port in (None, own_port) else f":{parts.port}"
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}{port}{parts.path.rstrip('/')}"


def names_service(url: str) -> bool:
    """Whether the path names a service, so that what follows it says nothing more."""
    return any(step.lower().endswith(_SERVICES) for step in urlsplit(url).path.split("/"))


def is_same_tenant(identity: str, other: str) -> bool:
    """Whether two identities of a ledger's warehouse (dialect, address, company) are one."""
    return identity == other or _identity(identity) == _identity(other)


def _identity(identity: str) -> str:
    dialect, _, rest = identity.partition(" ")
    url, _, company = rest.partition(" ")
    return f"{dialect} {parse(normalised(url)).tenant} {company}"


def _path(steps: list[str]) -> str:
    return "".join(f"/{step}" for step in steps)


def without_password(url: str) -> str:
    """A database's address with asterisks for its passwords."""
    # Beside a user, up to the last @ (one too many is hidden rather than one too few), or as a
    # parameter of its own.
    url = re.sub(r"(?<=//)([^/@:?]*):.*@", r"\1:********@", url)
    return re.sub(r"(?<=[?&])((?:ssl)?password=)[^&]*", r"\1********", url)


def is_loopback(url: str) -> bool:
    """Whether the URL's host is literally this machine; names are not resolved."""
    return is_this_machine(urlsplit(url).hostname or "")


def is_this_machine(host: str) -> bool:
    """Whether a host is ``localhost`` or a loopback address."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
