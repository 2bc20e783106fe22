"""Reading a connection under an absolute deadline, which a byte now and then does not extend."""

from __future__ import annotations

import socket
import time

from veracore_sync.webhooks.chunked import ChunkedBody
from veracore_sync.webhooks.request_head import (
    END,
    RequestHead,
    RequestRefused,
    check_start,
    parse_head,
)

_CHUNK = 16 * 1024
_LINGER_BYTES = 1024 * 1024


class Closed(Exception):
    """The client has closed the connection or sent nothing for too long; there is no answer."""


class RequestReader:
    """Reads requests from one connection.

    Args:
        connection: The socket, connected.
        request_seconds: From the first byte of a request to its last.
    """

    def __init__(self, connection: socket.socket, request_seconds: float) -> None:
        self._socket = connection
        self._request_seconds = request_seconds
        self._buffer = b""
        self._deadline = 0.0

    def wait(self, seconds: float) -> None:
        """Wait for the first byte of the next request.

        Raises:
            Closed: None came in that time.
        """
        self._deadline = time.monotonic() + seconds
        if not self._buffer:
            try:
                self._receive()
            except RequestRefused as error:
                raise Closed from error
        self._deadline = time.monotonic() + self._request_seconds

    def head(self) -> RequestHead:
        """The head of the request that has begun.

        Raises:
            RequestRefused: It is malformed, too large, or too slow (408).
            Closed: The client has gone.
        """
        while END not in self._buffer:
            check_start(self._buffer)
            self._receive()
        raw, _, self._buffer = self._buffer.partition(END)
        return parse_head(raw)

    def body(self, length: int) -> bytes:
        """The next `length` bytes.

        Raises:
            RequestRefused: They are too slow (408).
            Closed: The client has gone.
        """
        while len(self._buffer) < length:
            self._receive()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def chunked_body(self, most: int) -> bytes:
        """The body that follows in chunks.

        Args:
            most: The longest.

        Raises:
            RequestRefused: It is malformed, too large, or too slow (408).
            Closed: The client has gone.
        """
        chunked = ChunkedBody(most)
        while not chunked.feed(self._take()):
            self._receive()
        self._buffer = chunked.rest
        return chunked.body

    def _take(self) -> bytes:
        taken, self._buffer = self._buffer, b""
        return taken

    @property
    def has_more(self) -> bool:
        """Whether some of what follows the head has come already."""
        return bool(self._buffer)

    def _receive(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise RequestRefused(408, "too slow")
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise RequestRefused(408, "too slow") from None
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        self._buffer += data

    def linger(self, seconds: float) -> None:
        """Give the client time to read the last answer."""
        # Closing with unread bytes sends a reset, which makes clients drop an answer they have.
        deadline = time.monotonic() + seconds
        seen = 0
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while seen < _LINGER_BYTES and (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                data = self._socket.recv(_CHUNK)
                if not data:
                    return
                seen += len(data)
        except OSError:
            return
