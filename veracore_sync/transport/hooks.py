"""The hooks that get events: a command, a URL with a signed POST, notifications to people."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from veracore_sync.child_environment import for_child
from veracore_sync.child_process import ChildProcess, NoAnswer
from veracore_sync.config.address import is_this_machine
from veracore_sync.domain.errors import ConfigError
from veracore_sync.domain.kinds import EventKind
from veracore_sync.domain.texts import one_line
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.http import HttpClient, NoResponse
from veracore_sync.transport.people import address_of
from veracore_sync.transport.ways import Upstream

_START_SECONDS = 30.0


class CommandHook:
    """A command that gets each event as JSON on stdin and accepts it by exiting with 0.

    Its output is discarded, as it may contain personal data.

    Args:
        command: Program and arguments; no shell is involved.
        timeout_seconds: After this it is killed, with every process it started.
        pass_environment: Names of variables that it gets besides the usual ones.
    """

    def __init__(
        self,
        command: Sequence[str],
        timeout_seconds: float,
        pass_environment: Sequence[str] = (),
    ) -> None:
        self._command = list(command)
        self._timeout = timeout_seconds
        self._environment = for_child(os.environ, pass_environment)

    def deliver(self, event_id: str, body: bytes) -> None:
        """Run it once.

        Raises:
            NotTaken: It could not be started, did not end in time, or exited with another code.
        """
        try:
            process = self._start(body)
        except OSError as error:
            message = f"{self._command[0]}: {error.strerror}"
            raise NotTaken(message, unreachable=True) from error
        try:
            process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            raise NotTaken(f"no end in {self._timeout:g} s", unreachable=True) from None
        finally:
            # Also if a signal stops us, so that no hook outlives its delivery.
            if process.returncode is None:
                _end(process)
        if process.returncode != 0:
            raise NotTaken(f"exit code {process.returncode}", unreachable=False)

    def _start(self, body: bytes) -> subprocess.Popen[bytes]:
        # A file, not a pipe: if we are killed meanwhile, the hook still reads the whole event.
        with tempfile.TemporaryFile() as stdin:
            stdin.write(body)
            stdin.seek(0)
            return subprocess.Popen(
                self._command,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )

    def close(self) -> None:
        """Nothing to close."""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class PostHook:
    """A URL that gets each event as a signed POST and accepts it with a 2xx.

    Args:
        url: Where it is sent.
        sign: The headers for an event's id and body.
        timeout_seconds: For each event, from connecting to the end of the answer.
        at: The way there.

    Raises:
        ConfigError: The way there cannot be used.
    """

    def __init__(
        self,
        url: str,
        sign: Callable[[str, bytes], Mapping[str, str]],
        timeout_seconds: float,
        at: Upstream | None = None,
    ) -> None:
        self._url = url
        self._sign = sign
        self._http = HttpClient("hook", timeout_seconds=timeout_seconds, at=at)

    def deliver(self, event_id: str, body: bytes) -> None:
        """Send it once.

        Raises:
            NotTaken: No answer, or a status other than 2xx.
        """
        headers = {"content-type": "application/json", **self._sign(event_id, body)}
        try:
            answer = self._http.send(
                "POST",
                self._url,
                label="event",
                headers=headers,
                content=body,
                kind=AnswerKind.HOOK,
            )
        except NoResponse as error:
            raise NotTaken(f"no answer ({error.what}: {error.detail})", unreachable=True) from error
        if not 200 <= answer.status < 300:
            # A receiver with a bug in handling this one event answers 500: the event is refused,
            # and the receiver counts as reachable.
            away = answer.status > 500 or answer.status == 429
            raise NotTaken(f"HTTP {answer.status}", unreachable=away)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def people(
    addresses: Sequence[str], timeout_seconds: float, *, allow_http: bool = False
) -> list[NotifyHook]:
    """A hook for each of these addresses of people.

    Args:
        addresses: Apprise URLs; they contain secrets and are never quoted.
        timeout_seconds: For an event, of each of them.
        allow_http: Whether an address may be called without encryption on another machine.

    Raises:
        ConfigError: Apprise is not installed, does not support an address, or would call it
            without encryption.
    """
    try:
        opened = [address_of(address) for address in addresses]
    except ImportError:
        raise ConfigError(
            "hooks.notify needs Apprise, which is not installed",
            hint="install veracore-sync[notify], or leave hooks.notify out",
        ) from None
    except OSError as error:
        # Its HTTP client opens what SSLKEYLOGFILE names while it is imported.
        raise ConfigError(
            f"hooks.notify: Apprise cannot be used ({error.strerror or type(error).__name__})",
            hint="see whether the environment has SSLKEYLOGFILE, and unset it",
        ) from error
    for number, one in enumerate(opened, start=1):
        if one is None:
            raise ConfigError(
                f"hooks.notify: Apprise does not support address {number}",
                hint="see https://github.com/caronc/apprise/wiki for the supported addresses",
            )
        if not allow_http and _is_plain_http(one[0]):
            raise ConfigError(
                f"hooks.notify: address {number} leads over http:// to another machine",
                hint="write the form that encrypts (jsons:// for json://), or, where that "
                "network is trusted, set hooks.allow_http = true",
            )
    return [NotifyHook(address, timeout_seconds) for address in addresses]


class NotifyHook:
    """Notifies people of alerts through Apprise: mail, chat, pager.

    Args:
        address: One address, which `people` has checked.
        timeout_seconds: For an event.
    """

    def __init__(self, address: str, timeout_seconds: float) -> None:
        self._address = address
        self._timeout = timeout_seconds
        self._process: ChildProcess | None = None

    def deliver(self, event_id: str, body: bytes) -> None:
        """Notify once.

        Raises:
            NotTaken: The address failed, or took too long.
        """
        title, text = words_for_people(body)
        request = {"title": title, "text": text, "seconds": self._timeout}
        try:
            taken = self._ready().ask(request, self._timeout).get("taken")
        except NoAnswer as silence:
            self.close()
            raise NotTaken(f"Apprise {silence.why}", unreachable=True) from None
        except BaseException:
            # Else its answer, which nobody has read, would be taken for the next event's.
            self.close()
            raise
        if not taken:
            raise NotTaken("Apprise could not deliver it", unreachable=True)

    def _ready(self) -> ChildProcess:
        if self._process is None:
            # With the whole environment, as Apprise finds proxies and certificates there.
            self._process = ChildProcess("veracore_sync.transport.people", os.environ)
            first = {"address": self._address, "seconds": _START_SECONDS}
            self._process.ask(first, _START_SECONDS)
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None


def words_for_people(body: bytes) -> tuple[str, str]:
    """The title and the text of a notification about this event."""
    document = json.loads(body)
    data = document["data"]
    about = f" {data['vendureOrderCode']}" if data.get("vendureOrderCode") else ""
    over = document["type"] == EventKind.ALERT_RESOLVED
    title = one_line(f"veracore-sync: {data['kind']}{about}{' is over' if over else ''}")
    return title, one_line(data.get("message") or f"it began at {data['openedAt']}")


def _is_plain_http(service: Any) -> bool:
    """Whether this service of Apprise calls another machine over http://."""
    # Mail has two forms as well, and encrypts by rules of its own.
    if not (service.protocol and service.secure_protocol) or "mailto" in str(service.protocol):
        return False
    is_hosted = getattr(service, "mode", None) == "cloud"
    return not (service.secure or is_hosted or is_this_machine(service.host or "localhost"))
