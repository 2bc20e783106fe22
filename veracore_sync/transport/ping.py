"""Telling a monitor in the manner of Healthchecks that a run began, or how it ended."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from veracore_sync.ports.hooks import NotTaken
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.http import HttpClient, NoResponse
from veracore_sync.transport.ways import Upstream


class Pinger:
    """The address of one check. It is a secret: whoever has it can say that a job is well.

    Args:
        url: The address of the check.
        run: Which run it is, so that its end is matched with its start.
        seconds: For each ping, from connecting to the end of the answer.
        at: The way there.

    Raises:
        ConfigError: The way there cannot be used.
    """

    def __init__(self, url: str, run: str, seconds: float, at: Upstream) -> None:
        self._url = url
        self._run = run
        self._http = HttpClient("ping", timeout_seconds=seconds, at=at)

    def send(self, signal: str = "") -> None:
        """Send one ping, once.

        Args:
            signal: ``start``, an exit code, or nothing, which is a success.

        Raises:
            NotTaken: No answer, or a status other than 2xx. Its message does not hold the address.
        """
        try:
            answer = self._http.send(
                "GET",
                with_signal(self._url, signal, self._run),
                label=signal or "success",
                headers={},
                kind=AnswerKind.HOOK,
            )
        except NoResponse as error:
            raise NotTaken(f"no answer ({error.what}: {error.detail})", unreachable=True) from error
        if not 200 <= answer.status < 300:
            away = answer.status >= 500 or answer.status == 429
            raise NotTaken(f"HTTP {answer.status}", unreachable=away)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def with_signal(url: str, signal: str, run: str) -> str:
    """The address of a signal: before the query, which may say ``create=1``."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/") + (f"/{signal}" if signal else "")
    query = "&".join(one for one in (parts.query, f"rid={run}") if one)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))
