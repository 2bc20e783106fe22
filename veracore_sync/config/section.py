"""A section of the settings, and the kinds of fields that many have."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

NO_SECRET = SecretStr("")
NEEDED: dict[str, JsonValue] = {"needed": "needed"}
"""Marks a field without which no job works; the example file says so."""

DAY = 24 * 60
WEEK = 7 * DAY
DAY_SECONDS = 86_400


def minutes(default: int, meaning: str, *, least: int = 1, most: int = WEEK) -> Any:
    """A whole number of minutes."""
    return Field(default=default, ge=least, le=most, description=meaning)


def seconds(default: float, meaning: str) -> Any:
    """Seconds above 0, a day at most."""
    return Field(default=default, gt=0, le=DAY_SECONDS, allow_inf_nan=False, description=meaning)


def number(default: int, meaning: str, *, least: int = 0, most: int = 1_000_000) -> Any:
    """A whole number."""
    return Field(default=default, ge=least, le=most, description=meaning)


def proxy() -> Any:
    """The proxy of an upstream."""
    return Field(
        default=NO_SECRET,
        description="HTTP proxy to it, such as http://proxy.example.com:3128, with user and "
        'password if it needs them; "none" is none, empty is as the environment says.',
    )


def ca_file() -> Any:
    """The certificates that an upstream is checked by."""
    return Field(
        default="",
        description="PEM file of the certificates to trust there, instead of the public ones.",
    )


def allow_http(addresses: str) -> Any:
    """Whether `addresses` of the same section may be http:// on the way to another machine."""
    return Field(
        default=False,
        description=f"Accept http:// in {addresses} for another machine: everybody on the way "
        "reads and changes what is sent.",
    )


def max_concurrency() -> Any:
    """The most requests at once to an upstream."""
    return number(
        8,
        "Most requests at once, of what a run does side by side; fewer where the server gains "
        "nothing from more.",
        least=1,
        most=32,
    )


class Section(BaseModel):
    """A table of settings: frozen, unknown keys refused, nothing converted silently."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,  # the input may be a secret
        validate_default=False,
    )
