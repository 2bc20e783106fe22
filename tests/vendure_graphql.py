"""A small GraphQL client for the tests, independent of the product's, which it checks."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

LOGIN = """mutation($u: String!, $p: String!) {
  login(username: $u, password: $p, rememberMe: true) {
    __typename ... on CurrentUser { id } ... on ErrorResult { errorCode message } } }"""


@dataclass(frozen=True)
class Headers:
    """The names of the headers that a Vendure may be told to use."""

    channel: str = "vendure-token"
    session: str = "vendure-auth-token"


DEFAULT_HEADERS = Headers()


class Refused(Exception):
    """Vendure answered with an error; ``code`` is its error code, or '' where it gave none."""

    def __init__(self, code: str, message: str, response: httpx.Response) -> None:
        super().__init__(f"{code or 'error without a code'}: {message}")
        self.code = code
        self.message = message
        self.response = response


class Endpoint:
    """One API of one server, with one session kept as a bearer token; may be shared by threads."""

    def __init__(
        self, url: str, channel_token: str | None = None, headers: Headers = DEFAULT_HEADERS
    ) -> None:
        self.url = url
        self._channel = {headers.channel: channel_token} if channel_token else {}
        self._session_header = headers.session
        # A session cookie would win over the bearer token, so none is kept.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.Client(timeout=60, verify=False, trust_env=False, cookies=no_cookies)
        self.token: str | None = None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request and return the bare response; only ``headers`` authorise it."""
        body = {"query": query, "variables": variables or {}}
        return self._client.post(self.url, json=body, headers={**self._channel, **(headers or {})})

    def data(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """Return ``data`` of the answer; raises Refused for errors and for error results alike."""
        response = self.send(query, variables, self._bearer())
        self.token = response.headers.get(self._session_header) or self.token
        return checked(response)

    def root(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """Return the value of the answer's only root field."""
        (value,) = self.data(query, variables).values()
        return value

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


class AdminEndpoint(Endpoint):
    """The Admin API, logged in at the first request and again whenever the session has died."""

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        channel_token: str | None = None,
        headers: Headers = DEFAULT_HEADERS,
    ) -> None:
        super().__init__(url, channel_token, headers)
        self._credentials = {"u": username, "p": password}
        self._lock = threading.Lock()

    def data(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """As in Endpoint, after a login; one more login and one repeat where it was FORBIDDEN."""
        if self.token is None:
            self._log_in(None)
        used = self.token
        try:
            return checked(self.send(query, variables, self._bearer()))
        except Refused as refused:
            if refused.code != "FORBIDDEN":
                raise
        self._log_in(used)
        return checked(self.send(query, variables, self._bearer()))

    def _log_in(self, dead: str | None) -> None:
        with self._lock:
            if self.token != dead:
                return
            response = self.send(LOGIN, self._credentials)
            checked(response)
            self.token = response.headers[self._session_header]


def checked(response: httpx.Response) -> Any:
    """Return the ``data`` of a GraphQL response; raises Refused where it holds any error."""
    body = response.json()
    errors = body.get("errors")
    if errors:
        code = errors[0].get("extensions", {}).get("code", "")
        raise Refused(code, errors[0]["message"], response)
    if response.status_code != 200:
        raise Refused(str(response.status_code), response.text[:500], response)
    for value in body["data"].values():
        if isinstance(value, dict) and value.get("errorCode"):
            raise Refused(value["errorCode"], f"{value['message']} {value}", response)
    return body["data"]
