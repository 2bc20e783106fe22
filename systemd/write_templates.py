"""Writes the template units for several shops from the units for one: ``NAME@.service``.

Run it after a change of a unit; a test compares. An instance is a shop: its configuration and its
secrets lie in /etc/veracore-sync/shops/INSTANCE, its ledger in /var/lib/veracore-sync/INSTANCE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
_CHANGES = (
    (r"(?m)^(Description=.*)$", r"\1 (shop %i)"),
    (r"/etc/veracore-sync/(?=\w)", "/etc/veracore-sync/shops/%i/"),
    (r"(?m)^StateDirectory=veracore-sync$", "StateDirectory=veracore-sync/%i"),
    (r"(veracore-sync-webhooks(?:-worker)?)\.service", r"\1@%i.service"),
    # The same moment for all shops would be a stampede: each has a moment of its own, which stays.
    (r"(?m)^RandomizedDelaySec=.*$", "RandomizedDelaySec=4min\nFixedRandomDelay=true"),
)
_ONE_FOR_ALL = {"veracore-sync-admin.service"}


def templates() -> Iterator[tuple[Path, str]]:
    """Each template with its text."""
    for path in sorted((*FOLDER.glob("*.service"), *FOLDER.glob("*.timer"))):
        if "@" in path.name or path.name in _ONE_FOR_ALL:
            continue
        text = path.read_text("utf-8")
        for pattern, replacement in _CHANGES:
            text = re.sub(pattern, replacement, text)
        yield path.with_name(f"{path.stem}@{path.suffix}"), text


if __name__ == "__main__":
    for path, text in templates():
        path.write_text(text, "utf-8")
