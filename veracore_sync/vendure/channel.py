"""The channel that the shop answers in, proved to be the configured one."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from veracore_sync.clock import Clock
from veracore_sync.config.types import unknown
from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.failures import read_error
from veracore_sync.vendure.answers import UPSTREAM
from veracore_sync.vendure.documents import READ_CHANNEL, Document
from veracore_sync.vendure.node import Node

_PROVED_SECONDS = 60.0
"""How long a proof holds for mutations: the shop may be started anew with another setting."""


class ChannelInUse:
    """The configured channel, against the one that the shop answers in.

    A shop with another `apiOptions.channelTokenKey` does not see our header and answers, without an
    error, for its default channel; one that has a single channel left does so for every token.

    Args:
        token: ``vendure.channel_token``; empty: the default channel, of which there is no doubt.
        header: ``vendure.channel_token_header``.
        clock: The time to measure by.
    """

    question: Document = READ_CHANNEL.with_channel()

    def __init__(self, token: str, header: str, clock: Clock) -> None:
        self._token = token
        self._header = header
        self._clock = clock
        self._proved_at: float | None = None

    @property
    def is_chosen(self) -> bool:
        """Whether a channel is configured."""
        return bool(self._token)

    @property
    def headers(self) -> Mapping[str, str]:
        """The header that chooses the channel."""
        return {self._header: self._token} if self._token else {}

    @property
    def nobodys(self) -> Mapping[str, str]:
        """The header with a token that no channel has."""
        return {self._header: f"none-{secrets.token_hex(8)}"}

    @property
    def hint(self) -> str:
        """What to check if the shop does not work in the configured channel."""
        return (
            f"if apiOptions.channelTokenKey is set in Vendure, vendure.channel_token_header (now "
            f"{self._header}) must be the same"
        )

    @property
    def is_proved(self) -> bool:
        """Whether the shop answered in the configured channel a short while ago."""
        if self._proved_at is None:
            return False
        return self._clock.monotonic() - self._proved_at < _PROVED_SECONDS

    def prove(self, data: Mapping[str, Any]) -> None:
        """Check the ``activeChannel`` of an answer.

        Raises:
            ConfigError: It is another channel.
            ProtocolError: The answer does not name its channel.
        """
        channel = Node(data).node("activeChannel")
        # The code is what people call a channel; its token works like a key and is never shown.
        if channel.text("token") != self._token:
            self._proved_at = None
            code = channel.text("code")
            raise read_error(
                Occurrence.CHANNEL_UNKNOWN,
                f"vendure.channel_token is not used: Vendure answers for its channel {code}, whose "
                "token is another; nothing was read or changed",
                upstream=UPSTREAM,
                hint=f"{self.hint}; else copy the channel's token from Settings > Channels in "
                "Vendure: the channel may have been deleted",
            )
        self._proved_at = self._clock.monotonic()


def must_see_all_channels(root: Node, named: Collection[str] = ()) -> None:
    """Check, where it was asked for, that an order's channels are shown to us without exception.

    Vendure leaves out of `Order.channels` those in which our role is not valid. Such an order of
    another channel looks as if it had been sold in the default channel.

    Args:
        root: The answer.
        named: Channels that must be there.

    Raises:
        ConfigError: There are channels that we do not see, or one that is named is none of them.
    """
    if "me" not in root.fields:
        return
    seen = {one.text("code") for one in root.node("me").nodes("channels")}
    there = root.node("channels").integer("totalItems")
    if len(seen) < there:
        raise read_error(
            Occurrence.CHANNEL_UNKNOWN,
            f"orders.channels cannot be used: Vendure has {there} channels, and shows those of an "
            f"order only where our role is valid: {', '.join(sorted(seen))}",
            upstream=UPSTREAM,
            hint="in Vendure, make the role of vendure.username valid in every channel "
            "(Settings > Roles), also in one that is added later",
        )
    # A renamed channel: its orders would be skipped, and stay so when the setting is corrected.
    if missing := sorted({*named} - seen):
        raise read_error(
            Occurrence.CHANNEL_UNKNOWN,
            f"orders.channels: {unknown(missing, seen, 'channel')}",
            upstream=UPSTREAM,
            hint=f"it has {', '.join(sorted(seen))}",
        )
