"""The signature check is taken out: an unsigned delivery then has an effect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pytest
from hook_kit import INVENTORY, Bed

from veracore_sync.transport.signature import Verifier


def an_unsigned_delivery(bed: Bed) -> None:
    assert bed.post(INVENTORY, {"sku": "A-1"}, headers={})[0] == 401


def test_with_the_check_it_is_refused(bed: Bed) -> None:
    an_unsigned_delivery(bed)


def test_without_it_is_taken(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(
        self: Verifier, headers: Mapping[str, tuple[str, ...]], body: bytes, now: datetime
    ) -> str | None:
        return None

    monkeypatch.setattr(Verifier, "verify", verify)
    with pytest.raises(AssertionError):
        an_unsigned_delivery(bed)
