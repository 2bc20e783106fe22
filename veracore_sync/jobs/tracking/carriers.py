"""What a package is called in the shop, and where a customer can follow it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from veracore_sync.config import CarrierSettings
from veracore_sync.domain.warehouse import Package

_URLS = {
    "ups": "https://www.ups.com/track?tracknum={tracking}",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={tracking}",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={tracking}",
    "dhl": "https://www.dhl.com/en/express/tracking.html?AWB={tracking}",
    "ontrac": "https://www.ontrac.com/tracking/?number={tracking}",
    "lasership": "https://www.ontrac.com/tracking/?number={tracking}",
    "canada post": "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={tracking}",
    "purolator": "https://www.purolator.com/en/shipping/tracker?pin={tracking}",
}
_LABELS = {"ups": "UPS", "usps": "USPS", "fedex": "FedEx", "dhl": "DHL", "ontrac": "OnTrac"}
# The carrier's name says nothing; the service then holds it (docs/wire.md).
_NAMELESS = frozenset({"", "other", "none", "misc"})
# Three ids in ten are words ("prepaid", "LTL Freight"): these lead nowhere.
_NUMBER = re.compile(r"(?=(?:[^0-9]*[0-9]){6})[A-Z0-9]{8,40}", re.IGNORECASE)


class Carriers:
    """The carriers of one set of settings.

    Args:
        settings: ``[tracking.carriers]``, by carrier as VeraCore names it; they come before ours.
    """

    def __init__(self, settings: Mapping[str, CarrierSettings]) -> None:
        self._own = {name.strip().casefold(): carrier for name, carrier in settings.items()}

    def label(self, carrier: str) -> str:
        """The carrier as people know it."""
        own = self._own.get(carrier.strip().casefold())
        if own is not None and own.label:
            return own.label
        name = carrier.strip()
        return _LABELS.get(name.casefold(), name)

    def method(self, packages: Sequence[Package]) -> str:
        """Carrier and service of a shipment, as the fulfilment's method; empty where none tell."""
        for package in packages:
            method = self._method(package)
            if method:
                return method
        return ""

    def _method(self, package: Package) -> str:
        carrier, service = self.label(package.carrier), package.service.strip()
        if carrier.casefold() in _NAMELESS:
            return service or carrier
        if service.casefold().startswith(carrier.casefold()):
            return service
        return f"{carrier} {service}".strip()

    def url(self, package: Package) -> str | None:
        """Where the package can be followed; ``None`` where nobody can tell."""
        number = "".join(package.tracking.split())
        if not _NUMBER.fullmatch(number):
            return None
        template = self._template(package.carrier) or self._template(package.service)
        return template.replace("{tracking}", quote(number, safe="")) if template else None

    def _template(self, name: str) -> str:
        wanted = name.strip().casefold()
        own = self._own.get(wanted)
        if own is not None and own.url:
            return own.url
        for carrier, url in _URLS.items():
            if wanted == carrier or wanted.startswith(f"{carrier} "):
                return url
        return ""


def tracking_code(packages: Sequence[Package]) -> str:
    """The tracking ids of a shipment's packages as one code, each once, blank ones left out."""
    codes = dict.fromkeys(package.tracking.strip() for package in packages)
    return ", ".join(tracking for tracking in codes if tracking)


def is_number(code: str) -> bool:
    """Whether a tracking code is made of numbers alone, which no two shipments share."""
    return all(_NUMBER.fullmatch("".join(part.split())) for part in code.split(", "))
