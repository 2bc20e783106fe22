"""A package's shipping method in the shop, and its tracking address; pure."""

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
# With such a carrier the service names the real one.
_NAMELESS = frozenset({"", "other", "none", "misc"})
# Three tracking ids in ten are words ("prepaid", "LTL Freight"), which no address can follow
# (docs/wire.md 5.4).
_NUMBER = re.compile(r"(?=(?:[^0-9]*[0-9]){6})[A-Z0-9]{8,40}", re.IGNORECASE)


class Carriers:
    """Labels and addresses of carriers.

    Args:
        settings: ``[tracking.carriers]``, by carrier as VeraCore names it; overrides the defaults.
    """

    def __init__(self, settings: Mapping[str, CarrierSettings]) -> None:
        self._own = {name.strip().casefold(): carrier for name, carrier in settings.items()}

    def label(self, carrier: str) -> str:
        """The carrier's usual name."""
        own = self._own.get(carrier.strip().casefold())
        if own is not None and own.label:
            return own.label
        name = carrier.strip()
        return _LABELS.get(name.casefold(), name)

    def method(self, packages: Sequence[Package]) -> str:
        """Carrier and service of a shipment, as the fulfilment's method; empty if unknown."""
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
        """The package's tracking address; ``None`` if it has none."""
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
    """The tracking ids of a shipment's packages as one code, without repeated and blank ones."""
    codes = dict.fromkeys(package.tracking.strip() for package in packages)
    return ", ".join(tracking for tracking in codes if tracking)


def is_number(code: str) -> bool:
    """Whether a tracking code consists of numbers only, which no two shipments share."""
    return all(_NUMBER.fullmatch("".join(part.split())) for part in code.split(", "))
