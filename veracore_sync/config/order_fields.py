"""Where a field of an order comes from: a custom field, a text of its own, customer groups."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from veracore_sync.config.types import FIELD_NAME, Name, Text, ValueKind

_CUSTOM_FIELDS = "customFields"
CUSTOMER_GROUPS = "customer.groups"
"""Names the groups of an order's customer in ``orders.hook_fields``."""


def field_of(source: str) -> str:
    """The custom field that a source names; empty if it is a text of its own."""
    prefix, dot, name = source.partition(".")
    named = prefix == _CUSTOM_FIELDS and dot and FIELD_NAME.fullmatch(name)
    return name if named else ""


def _source(text: str) -> str:
    if text.casefold().startswith(_CUSTOM_FIELDS.casefold()) and not field_of(text):
        raise ValueError(
            f"must be {_CUSTOM_FIELDS}.NAME, such as {_CUSTOM_FIELDS}.giftMessage, or a text that "
            "is sent with every order"
        )
    return text


def _hook_field(text: str) -> str:
    if text != CUSTOMER_GROUPS and not field_of(text):
        raise ValueError(
            f'must be "{_CUSTOM_FIELDS}.NAME", such as {_CUSTOM_FIELDS}.giftMessage, or '
            f'"{CUSTOMER_GROUPS}"'
        )
    return text


Source = Annotated[Name, AfterValidator(_source), ValueKind("text or custom field")]
HookField = Annotated[Text, AfterValidator(_hook_field)]
