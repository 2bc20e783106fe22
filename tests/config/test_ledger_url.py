"""``ledger.url``: what it may be, and that its password is shown nowhere."""

from __future__ import annotations

import pytest

from veracore_sync.config.address import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("postgresql://db.example/shop", "postgresql://db.example/shop"),
        ("postgresql://me@db.example/shop", "postgresql://me@db.example/shop"),
        ("postgresql://me:pa:s@db.example/shop", "postgresql://me:********@db.example/shop"),
        ("postgresql://me:p%40/x@db/shop", "postgresql://me:********@db/shop"),
        (
            "postgresql:///shop?host=/run&password=secret&sslmode=require",
            "postgresql:///shop?host=/run&password=********&sslmode=require",
        ),
        ("postgresql:///shop?sslpassword=secret", "postgresql:///shop?sslpassword=********"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
