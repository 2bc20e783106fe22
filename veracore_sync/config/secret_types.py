"""The kinds of settings that are secret.

The `ValueError` texts below end up behind "<key> (<origin>): " in a `ConfigError`; they must make
sense there and must never quote a secret.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from veracore_sync.config.types import ValueKind, plain

_LOGIN_LEAST = 4
_SIGNING_LEAST = 24
_TOKEN_LEAST = 32
_TOKEN_DISTINCT = 8
_MAKE_ONE = 'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


def _secret(value: SecretStr) -> SecretStr:
    text = plain(value.get_secret_value())
    # What Vendure asks of its passwords; the other side chose it, so a stricter rule has no use.
    if 0 < len(text) < _LOGIN_LEAST:
        raise ValueError(
            f"is shorter than {_LOGIN_LEAST} characters, which no login is; copy it whole, or set "
            "a longer one there and here"
        )
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    text = plain(value.get_secret_value())
    key = text.encode()
    if text.startswith("whsec_"):
        try:
            key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(
                'must be base64 after "whsec_", as VeraCore or `sign` gave it'
            ) from None
    # Whoever has one signed delivery can try keys as fast as a machine computes them.
    if text and len(key) < _SIGNING_LEAST:
        raise ValueError(
            f"is shorter than {_SIGNING_LEAST} bytes and could be guessed; make one with "
            '`echo "whsec_$(head -c 32 /dev/urandom | base64)"` and give it to the other side too'
        )
    return value


def _token(value: SecretStr) -> SecretStr:
    token = plain(value.get_secret_value())
    if token and (len(token) < _TOKEN_LEAST or not token.isascii() or not token.isprintable()):
        raise ValueError(f"must be at least {_TOKEN_LEAST} characters of plain ASCII; {_MAKE_ONE}")
    if " " in token:
        raise ValueError("must not hold spaces")
    if token and len(set(token)) < _TOKEN_DISTINCT:
        raise ValueError(f"is too easily guessed; {_MAKE_ONE}")
    return value


Secret = Annotated[SecretStr, AfterValidator(_secret)]
"""A login that another side gave out."""

WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]

Token = Annotated[
    SecretStr, AfterValidator(_token), ValueKind(f"secret, at least {_TOKEN_LEAST} characters")
]
"""A bearer token: long enough that nobody guesses it, and fit for a header."""
