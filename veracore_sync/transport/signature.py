"""Signatures of deliveries: Standard Webhooks, or the weaker one over the body alone.

Standard Webhooks 1.0 (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature`` = ``v1,base64(HMAC-SHA256(key, id.timestamp.body))``, several by spaces. The
weaker one, for senders that can do no more, is ``X-VeraCore-Signature: sha256=<hex>``; it has
neither time nor id, so a copy can be sent again at any time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
BODY_SIGNATURE = "x-veracore-signature"
_PREFIX = "whsec_"
_ID_FORM = re.compile(r"[!-~]{1,200}")
_TIMESTAMP_FORM = re.compile(r"[0-9]{1,12}")

Headers = Mapping[str, Sequence[str]]
"""Values by the name in lower case, as they came."""


class BadSignature(ValueError):
    """The delivery is not authentic. Without a reason, which would help a forger."""


def keys_of(secret: str) -> tuple[bytes, ...]:
    """The keys that a secret may stand for; the first is the one to sign with.

    ``whsec_`` and base64, as in Standard Webhooks; base64 alone, as its libraries accept it; or the
    text itself. Each is as hard to guess as the secret.

    Raises:
        ValueError: It is empty, or ``whsec_`` is not followed by base64.
    """
    if secret.startswith(_PREFIX):
        return (_decoded(secret.removeprefix(_PREFIX)),)
    try:
        return (_decoded(secret), secret.encode())
    except ValueError:
        if not secret:
            raise
        return (secret.encode(),)


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("whsec_ is followed by base64") from error
    if not key:
        raise ValueError("a secret must not be empty")
    return key


def sign(secret: str, delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The Standard Webhooks headers for a body.

    Args:
        secret: With or without ``whsec_``.
        delivery_id: Printable ASCII without spaces, at most 200 characters.
        timestamp: Seconds since 1970, UTC.
        body: The bytes that will be sent.

    Raises:
        ValueError: The secret or the id is of another form.
    """
    if not _ID_FORM.fullmatch(delivery_id):
        raise ValueError("an id is 1 to 200 printable ASCII characters without spaces")
    value = _standard(keys_of(secret)[0], delivery_id, str(timestamp), body)
    return {ID: delivery_id, TIMESTAMP: str(timestamp), SIGNATURE: value.decode()}


def sign_body(secret: str, body: bytes) -> dict[str, str]:
    """The weaker header, over the body alone, with the secret's text as the key."""
    return {"X-VeraCore-Signature": _of_body(keys_of(secret)[-1], body).decode()}


def _standard(key: bytes, delivery_id: str, timestamp: str, body: bytes) -> bytes:
    content = b".".join((delivery_id.encode("ascii"), timestamp.encode("ascii"), body))
    return b"v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256))


def _of_body(key: bytes, body: bytes) -> bytes:
    return b"sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest().encode()


class Verifier:
    """Verifies that a delivery is signed with one of the accepted secrets.

    Args:
        secrets: Every secret that is accepted.
        tolerance_seconds: How old, or early, a delivery may be.
        body_signature: Whether a signature of the body alone is accepted.

    Raises:
        ValueError: A secret is empty or malformed.
    """

    def __init__(
        self, secrets: Sequence[str], *, tolerance_seconds: int, body_signature: bool = False
    ) -> None:
        self._keys = tuple(key for secret in secrets for key in keys_of(secret))
        self._tolerance = tolerance_seconds
        self._body_signature = body_signature

    def verify(self, headers: Headers, body: bytes, now: datetime) -> str | None:
        """Check a delivery.

        Args:
            headers: As they came.
            body: The raw bytes.
            now: This moment (UTC).

        Returns:
            Its id; ``None`` if only the body is signed.

        Raises:
            BadSignature: It is not authentic, or too old or early.
        """
        # One standard header is enough: removing the others must not lead to the weaker check.
        if any(name in headers for name in (ID, TIMESTAMP, SIGNATURE)):
            return self._verify_standard(headers, body, now)
        if not self._body_signature:
            raise BadSignature
        expected = (_of_body(key, body) for key in self._keys)
        _compare([_single(headers, BODY_SIGNATURE)], expected)
        return None

    def _verify_standard(self, headers: Headers, body: bytes, now: datetime) -> str:
        delivery_id, timestamp = _single(headers, ID), _single(headers, TIMESTAMP)
        if not _ID_FORM.fullmatch(delivery_id) or not _TIMESTAMP_FORM.fullmatch(timestamp):
            raise BadSignature
        # An old copy of a genuine delivery is refused.
        if abs(now.timestamp() - int(timestamp)) > self._tolerance:
            raise BadSignature
        expected = (_standard(key, delivery_id, timestamp, body) for key in self._keys)
        _compare(_single(headers, SIGNATURE).split(" "), expected)
        return delivery_id


def _single(headers: Headers, name: str) -> str:
    # Of two headers a proxy and we might each read another one.
    values = headers.get(name, ())
    if len(values) != 1:
        raise BadSignature
    return values[0]


def _compare(given: Sequence[str], expected: Iterable[bytes]) -> None:
    """Raise unless one of `given` is one of `expected`."""
    # Every pair, in constant time: from response times a signature could be guessed byte by byte.
    found = False
    texts = [text.encode("utf-8", "surrogatepass") for text in given]
    for wanted in expected:
        for text in texts:
            found |= hmac.compare_digest(text, wanted)
    if not found:
        raise BadSignature
