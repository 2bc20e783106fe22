"""What a tenant said, without what it said it about."""

from __future__ import annotations

import re
from collections.abc import Iterable

from veracore_sync.domain.personal import quote

OPERATION, ORDER = "{operation}", "{order}"
"""What stands for the name of an operation and for an order's id."""

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_TOKEN = re.compile(r"[A-Za-z][\w.-]{0,30}(/[\d.]{1,20})?")
_MAIL = re.compile(r"\S+@\S+")
_NUMBER = re.compile(r"\d[\d -]{3,}\d")
_ADDRESS = re.compile(r"(https?://|\\\\|[A-Za-z]:\\)\S*")
_UNSAFE = "…"


class Cleaner:
    """Blanks secrets, ids and whatever looks like a customer's.

    Args:
        hidden: Texts that are never shown, in whatever case.
    """

    def __init__(self, hidden: Iterable[str]) -> None:
        self._hidden = [one for one in hidden if one.strip()]

    def hide(self, *values: str) -> None:
        """Never tell these either."""
        self._hidden += [one for one in values if one.strip()]

    def words(self, text: str, operation: str = "", order_id: str = "") -> str:
        """One line of at most 200 characters, with placeholders for operation and order."""
        for value, placeholder in ((order_id, ORDER), (operation, OPERATION)):
            if value:
                text = re.sub(re.escape(value), placeholder, text, flags=re.IGNORECASE)
        line = quote(text, self._hidden)
        for pattern in (_MAIL, _ADDRESS, _NUMBER):
            line = pattern.sub(_UNSAFE, line)
        return line

    def namespace(self, text: str) -> str:
        """The name of a namespace; it may be an address, but not the tenant's."""
        return quote(text, self._hidden)


def name(text: str) -> str:
    """A name of a schema; anything that does not look like one is blanked."""
    return text if _NAME.fullmatch(text) else _UNSAFE


def product(text: str) -> str:
    """The name of a server's software, and its version."""
    return text if _TOKEN.fullmatch(text) else _UNSAFE
