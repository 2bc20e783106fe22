"""Copies the program and what it needs out of this environment; prints debian/copyright.

python copy_closure.py DIRECTORY
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

_EXTRAS = ("notify", "postgres")
# pip: for a command of sqlite-utils that nobody calls here. psycopg-binary: the package uses libpq
# of Debian, which gets security updates.
_LEFT_OUT = {"pip", "psycopg-binary"}
_NOT_COPIED = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
# A copy of libyaml, without which yaml does the same more slowly.
_NOT_COPIED_MODULE = "yaml/_yaml."
_COMMON = {
    "LGPL": " and in /usr/share/common-licenses/LGPL-3.",
    "Apache": " and in /usr/share/common-licenses/Apache-2.0.",
    "MPL": " and in /usr/share/common-licenses/MPL-2.0.",
}
_HEAD = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: veracore-sync

Files: *
Copyright: 2026 The veracore-sync authors
License: Expat
"""
_EXPAT = """
License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy
 of this software and associated documentation files (the "Software"), to deal
 in the Software without restriction, including without limitation the rights
 to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 copies of the Software, and to permit persons to whom the Software is
 furnished to do so, subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in
 all copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 SOFTWARE.
"""


def main() -> None:
    """Copy, and print the licences."""
    target = Path(sys.argv[1])
    found = closure()
    for one in found:
        copy(one, target)
    others = [stanza(one) for one in found if name_of(one) != "veracore-sync"]
    print(_HEAD, *others, _EXPAT, sep="", end="")


def closure() -> list[Distribution]:
    """The program and all that it needs, by name."""
    found: dict[str, Distribution] = {}
    left: list[tuple[str, tuple[str, ...]]] = [("veracore-sync", _EXTRAS)]
    while left:
        name, extras = left.pop()
        if name in found or name in _LEFT_OUT:
            continue
        found[name] = distribution(name)
        for text in found[name].requires or []:
            need = Requirement(text)
            marker = need.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in ("", *extras)):
                left.append((normalised(need.name), ()))
    return [found[name] for name in sorted(found)]


def copy(one: Distribution, target: Path) -> None:
    """Its modules, data and metadata; no scripts."""
    for path in one.files or []:
        if path.parts[0] == ".." or "__pycache__" in path.parts or path.name in _NOT_COPIED:
            continue
        if str(path).startswith(_NOT_COPIED_MODULE):
            continue
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        content = Path(str(path.locate())).read_bytes()
        if path.suffix == ".py" and content.startswith(b"#!"):
            # A module is no program; the interpreter that it names may not be there.
            content = b"#" + content[content.index(b"\n") :]
        place.write_bytes(content)


def stanza(one: Distribution) -> str:
    """A paragraph of debian/copyright about a package of somebody else."""
    meta = one.metadata
    info = next(path.parts[0] for path in one.files or [] if path.parts[0].endswith(".dist-info"))
    tops = sorted({path.parts[0] for path in one.files or [] if path.parts[0] != ".."})
    stated = (
        meta.get("License-Expression") or _classified(one) or meta.get("License") or "see-below"
    )
    short = re.sub(r"[^A-Za-z0-9.+-]+", "-", stated.splitlines()[0]).strip("-")
    files = "\n ".join(f"usr/lib/veracore-sync/{top}*" for top in tops if top != "__pycache__")
    author = meta.get("Author") or meta.get("Author-email") or f"the authors of {meta['Name']}"
    where = f"/usr/lib/veracore-sync/{info}/{_COMMON.get(short.partition('-')[0], '.')}"
    return (
        f"\nFiles: {files}\nCopyright: {author.splitlines()[0]}\n"
        f"License: {short}-of-{name_of(one)}\n"
        f" {meta['Name']} {meta['Version']}: {stated}. Its full text is in\n {where}\n"
    )


def _classified(one: Distribution) -> str:
    names = one.metadata.get_all("Classifier") or []
    return next((n.rpartition(" :: ")[2] for n in names if n.startswith("License :: OSI")), "")


def name_of(one: Distribution) -> str:
    """Its name as indexes write it."""
    return normalised(one.metadata["Name"])


def normalised(name: str) -> str:
    """A name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
