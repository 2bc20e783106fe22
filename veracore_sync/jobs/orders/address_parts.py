"""Which fields of an address changed, known from hashes that hold none of them; pure.

The ledger must not hold personal data, and a hash of one field alone, a city say, can be guessed by
whoever has the key. So each hash is of all the *other* fields together: if that is the same as
before, only the fields that it leaves out have changed. And each is short, so that thousands of
addresses have it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from veracore_sync.domain.orders import Address
from veracore_sync.jobs.orders.text import comparable

_FIELDS = {
    "name": ("full_name",),
    "company": ("company",),
    "street": ("street1", "street2"),
    "city": ("city",),
    "province": ("province",),
    "postal code": ("postal_code",),
    "country": ("country_code",),
    "phone": ("phone",),
}
_TOGETHER = (
    ("street", "city"),
    ("street", "postal code"),
    ("city", "postal code"),
    ("street", "city", "postal code"),
    ("street", "city", "province", "postal code"),
    ("street", "city", "province", "postal code", "country"),
)
"""What changes together where somebody moves. None has the name in it: the rest would be an address
that a register of addresses can name."""
COMBINATIONS = (*((name,) for name in _FIELDS), *_TOGETHER)
_BYTES = 2
_SEPARATOR = b"\x00"
# Each hash is distinguished by what is left out: else blank fields would show as equal hashes.
_LEFT_OUT = tuple(
    (
        dict.fromkeys((name for part in left_out for name in _FIELDS[part]), b""),
        ",".join(left_out).encode()[:16],
    )
    for left_out in COMBINATIONS
)


def address_parts(address: Address, key: bytes) -> str:
    """The hashes of an address, one for each of `COMBINATIONS`."""
    cleaned = {name: comparable(value).encode() for name, value in address.by_field().items()}
    return "".join(_without({**cleaned, **blank}, person, key) for blank, person in _LEFT_OUT)


def changed_parts(was: str, now: str) -> tuple[str, ...] | None:
    """The fields that changed; empty if there are several others, ``None`` if that is unknown."""
    size = 2 * _BYTES
    if len(was) != len(now) or len(was) != size * len(COMBINATIONS):
        return None
    same = (
        left_out
        for place, left_out in enumerate(COMBINATIONS)
        if was[place * size : (place + 1) * size] == now[place * size : (place + 1) * size]
    )
    return min(same, key=len, default=())


def _without(rest: Mapping[str, bytes], person: bytes, key: bytes) -> str:
    text = _SEPARATOR.join(rest.values())
    return hashlib.blake2b(text, key=key, digest_size=_BYTES, person=person).hexdigest()
