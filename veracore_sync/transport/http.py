"""The HTTP client, which with `connecting` alone uses httpx.

One client per upstream, no redirects, no cookies, and an absolute deadline for every request
(`veracore_sync.transport.deadline`). Any complete answer is an `HttpAnswer`, whatever its status;
anything else is a `NoResponse` with the row of the failure table. Nothing is retried here.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol

import httpx

from veracore_sync import __version__
from veracore_sync.clock import Clock, SystemClock
from veracore_sync.domain.errors import Occurrence, RunOver
from veracore_sync.domain.listed_words import media_type, repeat
from veracore_sync.transport.body import (
    ACCEPTED_ENCODINGS,
    LONGEST_STREAM_SECONDS,
    MIB,
    MOST_HEAD,
    MOST_HEADERS,
    MOST_OF_A_REFUSAL,
    AnswerKind,
    BrokenEncoding,
    TooLarge,
    UnreadEncoding,
    decoded,
)
from veracore_sync.transport.connecting import Connections
from veracore_sync.transport.deadline import Deadline
from veracore_sync.transport.ways import Upstream
from veracore_sync.waits import ASKED

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer in full. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case; empty when not given."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class NoResponse(Exception):
    """No whole answer arrived, or none that is read.

    Args:
        what: ``NOT_CONNECTED`` (nothing was sent), or ``TIMEOUT``, ``RUN_OVER`` or ``RESET`` (it
            may have been processed). ``TOO_LARGE`` or ``NOT_UNDERSTOOD``: the upstream answered,
            and the answer was not read to its end.
        detail: The reason in a few words, without secrets or personal data.
    """

    def __init__(self, what: Occurrence, detail: str) -> None:
        super().__init__(detail)
        self.what = what
        self.detail = detail


class Gate(Protocol):
    """Allows or refuses requests, and records how they ended: run, breaker and rate budget."""

    @property
    def run_ends_at(self) -> float:
        """When the run ends, also inside a request (monotonic); infinite where nothing ends it."""

    def before(self, *, creating: bool) -> None:
        """Called before each request; may wait. A create is never allowed as a breaker's probe.

        Raises:
            BreakerOpen: The upstream was down a moment ago.
        """

    def after(self, what: Occurrence | None, retry_after: float | None) -> None:
        """Called with what happened: ``None`` when the upstream is alive.

        `retry_after` is the wait in seconds that the answer asks for; 0 for a 503 without one.
        """


class OpenGate:
    """Allows every request while the run lasts.

    Args:
        run_limit: Returns when the run ends (monotonic).
    """

    def __init__(self, run_limit: Callable[[], float] = lambda: math.inf) -> None:
        self._run_limit = run_limit

    @property
    def run_ends_at(self) -> float:
        """When the run ends, also inside a request (monotonic)."""
        return self._run_limit()

    def before(self, *, creating: bool) -> None:
        """Allow it."""

    def after(self, what: Occurrence | None, retry_after: float | None) -> None:
        """Record nothing."""


def server_is_alive(answer: HttpAnswer) -> bool:
    """Whether an answer shows a working server: anything below 500."""
    return answer.status < 500


class HttpClient:
    """A client of one upstream, usable by several threads.

    `clock_ahead_seconds` is how far the upstream's clock was ahead of ours at its newest answer;
    ``None`` before an answer that carried its time.

    Args:
        upstream: ``"vendure"`` or ``"veracore"``, for messages and logs.
        timeout_seconds: For a request as a whole, from connecting to the last byte of its answer;
            of a streamed answer, for its head and for each further 64 KiB.
        gate: Run, breaker and rate budget.
        is_alive: Whether an answer comes from a working server.
        clock: The time to measure by.
        at: Its address, and the way there.

    Raises:
        ConfigError: The way to that address cannot be used.
    """

    def __init__(
        self,
        upstream: str,
        *,
        timeout_seconds: float,
        gate: Gate | None = None,
        is_alive: Callable[[HttpAnswer], bool] = server_is_alive,
        clock: Clock | None = None,
        at: Upstream | None = None,
    ) -> None:
        self._upstream = upstream
        self._timeout = timeout_seconds
        self._gate = gate or OpenGate()
        self._is_alive = is_alive
        self._clock = clock or SystemClock()
        self.clock_ahead_seconds: float | None = None
        self._client = httpx.Client(
            timeout=timeout_seconds,
            transport=Connections(at or Upstream()),
            trust_env=False,
            # A redirected POST becomes a GET, or sends credentials and orders to another host.
            follow_redirects=False,
            # Vendure prefers a session cookie to our bearer token, so none is kept.
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "user-agent": f"veracore-sync/{__version__}",
                "accept-encoding": ACCEPTED_ENCODINGS,
            },
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        label: str,
        headers: Mapping[str, str],
        content: bytes = b"",
        creating: bool = False,
        kind: AnswerKind = AnswerKind.CONTROL,
    ) -> HttpAnswer:
        """Send one request and read the whole answer.

        Args:
            method: The HTTP method.
            url: The absolute URL.
            label: What the log calls it (an operation's name; never personal data).
            headers: Headers beside ``User-Agent``.
            content: The body.
            creating: A repeat would create a second one.
            kind: How long the answer may be.

        Returns:
            The answer, whatever its status.

        Raises:
            NoResponse: No whole answer arrived.
            BreakerOpen, RateLimited: The gate held it back; nothing was sent.
            RunOver: The run's time is over; nothing was sent.
        """
        with self.stream(
            method,
            url,
            label=label,
            headers=headers,
            content=content,
            creating=creating,
            kind=kind,
        ) as streamed:
            return streamed.whole()

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        label: str,
        headers: Mapping[str, str],
        content: bytes = b"",
        creating: bool = False,
        kind: AnswerKind = AnswerKind.CONTROL,
    ) -> Iterator[StreamedAnswer]:
        """As `send`, but the body is read piece by piece inside the ``with`` block.

        Raises:
            NoResponse: No whole answer arrived; also from inside the block.
            BreakerOpen, RateLimited: The gate held it back; nothing was sent.
            RunOver: The run's time is over; nothing was sent.
        """
        self._pass_gate(creating=creating)
        _LOG.debug("%s %s: %s, %d bytes go out", self._upstream, label, method, len(content))
        started = self._clock.monotonic()
        ends_at = self._gate.run_ends_at
        latest = math.inf if ends_at < math.inf else started + LONGEST_STREAM_SECONDS
        deadline = Deadline(self._clock, self._timeout, ends_at, latest)
        sending = self._client.stream(
            method,
            url,
            headers=headers,
            content=content,
            extensions={"timeout": deadline.as_timeouts()},
        )
        streamed: StreamedAnswer | None = None
        try:
            with _wire_errors(deadline), sending as response:
                streamed = StreamedAnswer(response, deadline, kind)
                streamed.check_head()
                yield streamed
        except NoResponse as lost:
            if streamed is not None and streamed.was_left:
                # The head shows whether the server works, as for a reader that stops early.
                self._report(streamed)
            else:
                self._gate.after(lost.what, None)
            _LOG.debug("%s %s: %s (%s)", self._upstream, label, lost.what, lost.detail)
            raise
        except (Exception, GeneratorExit):
            # The reader stopped early; the head still shows whether the server works.
            if streamed is not None:
                self._report(streamed)
            raise
        self._report(streamed)
        took = self._clock.monotonic() - started
        _LOG.debug(
            "%s %s: HTTP %d, %d bytes of %s in %.3f s",
            self._upstream,
            label,
            streamed.status,
            streamed.length,
            media_type(streamed.content_type) or "nothing",
            took,
        )

    def _pass_gate(self, *, creating: bool) -> None:
        """Raise if the request may not be sent."""
        self._refuse_after_the_run()
        self._gate.before(creating=creating)
        # Again, because the gate may have waited for the rate budget.
        try:
            self._refuse_after_the_run()
        except RunOver:
            self._gate.after(Occurrence.RUN_OVER, None)
            raise

    def _refuse_after_the_run(self) -> None:
        if self._clock.monotonic() >= self._gate.run_ends_at:
            raise RunOver(f"the run's time is over: {self._upstream} was not contacted any more")

    def _report(self, streamed: StreamedAnswer) -> None:
        date = _moment(streamed.headers.get("date", ""))
        if date is not None:
            self.clock_ahead_seconds = (date - self._clock.now()).total_seconds()
        head = HttpAnswer(streamed.status, streamed.headers, streamed.read_so_far)
        asked = retry_after_seconds(head, self._clock)
        if head.status == 429:
            self._gate.after(Occurrence.HTTP_429, asked)
        elif self._is_alive(head):
            self._gate.after(None, None)
        else:
            # 503 means overload even without Retry-After (RFC 9110 §15.6.4).
            slow_down = 0.0 if head.status == 503 else None
            self._gate.after(Occurrence.HTTP_5XX, slow_down if asked is None else asked)


class StreamedAnswer:
    """An answer whose body is still on its way.

    `was_left`: it is longer than its kind may be, or is in an encoding that is not read, so the
    rest of it was left.
    """

    def __init__(
        self, response: httpx.Response, deadline: Deadline, kind: AnswerKind = AnswerKind.CONTROL
    ) -> None:
        self._response = response
        self._deadline = deadline
        self._kind = kind
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.read_so_far = b""
        self.length = 0
        self.was_left = False

    def check_head(self) -> None:
        """Refuse a head without measure.

        Raises:
            NoResponse: It is too large.
        """
        raw = self._response.headers.raw
        if (
            len(raw) > MOST_HEADERS
            or sum(len(name) + len(value) for name, value in raw) > MOST_HEAD
        ):
            self.was_left = True
            raise NoResponse(Occurrence.TOO_LARGE, "the head of the answer is too large")

    @property
    def content_type(self) -> str:
        """As that of `HttpAnswer`."""
        return HttpAnswer(self.status, self.headers, b"").content_type

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces of 64 KiB; each has the whole timeout, so that lists may be long.

        The time that the reader needs for a piece does not count.

        Raises:
            NoResponse: It broke off, a piece exceeded the timeout, the run's time is over, or it
                is longer than its kind may be.
        """
        pieces = self._decoded()
        while True:
            self._deadline.renew()
            with self._errors():
                piece = next(pieces, None)
            if piece is None:
                return
            self.length += len(piece)
            yield piece

    def whole(self) -> HttpAnswer:
        """Read what is left and return the answer; of a refusal that is too long, its beginning.

        Raises:
            NoResponse: It broke off or was too slow, or is longer than its kind may be.
        """
        with self._errors():
            self.read_so_far = b"".join(self._decoded())
        self.length = len(self.read_so_far)
        return HttpAnswer(self.status, self.headers, self.read_so_far)

    def _decoded(self) -> Iterator[bytes]:
        most, keeps_beginning = self._kind.most, self._kind.keeps_beginning
        if not 200 <= self.status < 300:
            most, keeps_beginning = min(most, MOST_OF_A_REFUSAL), True
        return decoded(
            self._response.iter_raw(), self.headers, most, keeps_beginning=keeps_beginning
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with _wire_errors(self._deadline):
                yield
        except UnreadEncoding as error:
            self.was_left = True
            raise NoResponse(Occurrence.NOT_UNDERSTOOD, f"the answer has {error}") from error
        except BrokenEncoding as error:
            raise NoResponse(Occurrence.RESET, _words(error)) from error
        except TooLarge as error:
            self.was_left = True
            words = (
                f"the answer is larger than the {self._kind.most // MIB} MiB that are read of it"
            )
            raise NoResponse(Occurrence.TOO_LARGE, words) from error


@contextmanager
def _wire_errors(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NoResponse(Occurrence.NOT_CONNECTED, _words(error)) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
        raise NoResponse(Occurrence.NOT_CONNECTED, _words(error)) from error
    # A proxy that refuses to connect has forwarded nothing.
    except httpx.ProxyError as error:
        raise NoResponse(Occurrence.NOT_CONNECTED, _words(error)) from error
    except httpx.TimeoutException as error:
        if deadline.ends_the_run:
            raise NoResponse(
                Occurrence.RUN_OVER, "the run's time was over before it had answered"
            ) from error
        raise NoResponse(Occurrence.TIMEOUT, _words(error)) from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise NoResponse(Occurrence.RESET, _words(error)) from error


_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
"""The number that the system gives an error, which its words say as well."""


def _words(error: Exception) -> str:
    # Of a broken head the HTTP library quotes the line, and that is the upstream's.
    return repeat(_ERRNO.sub("", str(error))) or type(error).__name__


def retry_after_seconds(answer: HttpAnswer, clock: Clock) -> float | None:
    """The wait that ``Retry-After`` asks for, in seconds; ``None`` without a usable one.

    Both forms of RFC 9110 §10.2.3 are understood: a number of seconds, and an HTTP date.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), ASKED.total_seconds())
    moment = _moment(text)
    if moment is None:
        return None
    # The date is by their clock, which may be years off.
    return max(0.0, min(moment - clock.now(), ASKED).total_seconds())


def _moment(text: str) -> datetime | None:
    """An HTTP date (RFC 9110 §5.6.7); ``None`` where it is none."""
    try:
        moment = parsedate_to_datetime(text.strip())
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
