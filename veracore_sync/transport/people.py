"""Apprise, which notifies people: in a process of its own for each address.

Apprise has no limit for an answer, neither of its time nor of its length, and ends no thread of its
own: a server that went on answering kept a run from its end, and took the machine's memory.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from veracore_sync.child_process import begin, end_after, let_live, tell


def address_of(url: str) -> Any:
    """Apprise's object for a URL of its own, whose first item is the service; ``None``: for none.

    Raises:
        ImportError: Apprise is not installed.
        OSError: It cannot be used.
    """
    # Optional: the extra `notify`.
    from apprise import Apprise, AppriseAsset

    # A redirect would take the login in the address along, also from https:// to http://.
    address = Apprise(asset=AppriseAsset(http_redirects=False))
    service = Apprise.instantiate(url, asset=address.asset)
    return address if service is not None and address.add(service) else None


def notify(address: Any, title: str, text: str) -> bool:
    """Notify once; whether that was accepted."""
    # As text: mails are HTML by default, and what an order's code holds would be live in them.
    return bool(address.notify(title=title, body=text, body_format="text"))


def main() -> None:
    """Notify as often as asked."""
    requests, answers = begin()
    first = json.loads(requests.readline())
    end_after(first["seconds"])
    address = address_of(first["address"])
    let_live()
    tell(answers, {"ready": True})
    for line in requests:
        request = json.loads(line)
        end_after(request["seconds"])
        taken = False
        with suppress(Exception):
            taken = notify(address, request["title"], request["text"])
        let_live()
        tell(answers, {"taken": taken})
