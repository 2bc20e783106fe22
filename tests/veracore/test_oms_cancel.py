"""`CancelOrder` as it is written, and the little that is read of its answers."""

from __future__ import annotations

import pytest

from veracore_sync.veracore.faults import is_refusal_of_the_account
from veracore_sync.veracore.oms import write


def test_the_credentials_are_in_the_body_and_there_is_no_header() -> None:
    content = write.cancel_order("http://tempuri.org/", "WS&USER", "p<ss", "WEB-1").decode()
    assert content == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        '<CancelOrder xmlns="http://tempuri.org/"><OrderData><AuthenticationHeader>'
        "<Username>WS&amp;USER</Username><Password>p&lt;ss</Password></AuthenticationHeader>"
        "<CancelOrderWSObject><OrderID>WEB-1</OrderID></CancelOrderWSObject></OrderData>"
        "</CancelOrder></soap:Body></soap:Envelope>"
    )


@pytest.mark.parametrize(
    "words",
    [
        "Missing permission 'CancelOrder'",
        "The user WSUSER is not authorized",
        "You do not have permission to call this method",
        "User is not permitted to cancel orders",
        "No authorization for CancelOrder",
        "Permission denied",
        "Unauthorized",
    ],
)
def test_words_about_the_account(words: str) -> None:
    assert is_refusal_of_the_account(words)


@pytest.mark.parametrize(
    "words",
    [
        "Order WEB-1 can no longer be cancelled",
        "The order is not permitted to be cancelled in this state",
        "Invalid Username or Password",
        "Order WEB-1 was cancelled",
        "The order is not allowed to change",
        "Payment authorization expired",
        "",
    ],
)
def test_words_about_the_order(words: str) -> None:
    assert not is_refusal_of_the_account(words)
