"""Pages and redirects as HTTP answers, with the headers that protect them."""

from __future__ import annotations

from veracore_sync.webhooks.server import Response

SAFE = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    # With "no-referrer" browsers send "Origin: null" for our own forms, which are then refused.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_HTML = "text/html; charset=utf-8"


def html(content: str, status: int = 200, more: tuple[tuple[str, str], ...] = ()) -> Response:
    """A page, with `more` headers."""
    return Response(status, text=content, kind=_HTML, headers=(*more, *SAFE))


def redirect(path: str, *headers: tuple[str, str]) -> Response:
    """Send the browser to another page of this server."""
    return Response(303, text="", kind=_HTML, headers=(("Location", path), *headers, *SAFE))


def unauthenticated() -> Response:
    """The answer of the API to who has no token that is known."""
    more = (("WWW-Authenticate", "Bearer"),)
    return refused(401, "send a token: Authorization: Bearer …", "UNAUTHENTICATED", more)


def refused(
    status: int, message: str, code: str, more: tuple[tuple[str, str], ...] = ()
) -> Response:
    """An answer of the API that is an error, with `more` headers."""
    document = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return Response(status, document, headers=more)
