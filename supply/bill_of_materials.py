"""A bill of materials: every locked package, as CycloneDX 1.6 JSON.

    python supply/bill_of_materials.py --out dist/veracore-sync.cdx.json

Names, versions and hashes come from the lock files. Licences, and which package needs which, come
from what is installed, so run it in the environment of the tests. The same locks and the same
packages give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
import uuid
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from locked import ALL, ROOT, RUN, Locked, normalised, read
from packaging.requirements import Requirement

_EXTRAS = ("requirements-notify.lock", "requirements-postgres.lock")


def main() -> None:
    """Print it, or write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="the file to write; without it, stdout")
    out = parser.parse_args().out
    text = json.dumps(bill(), indent=2, sort_keys=True) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, "utf-8")


def bill() -> dict[str, Any]:
    """The document."""
    run = {one.name for one in read(RUN)}
    extras = {one.name for path in _EXTRAS for one in read(ROOT / path)}
    packages = read(ALL)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    known = {one.name: _reference(one) for one in packages}

    def scope(name: str) -> str:
        # CycloneDX: "excluded" is what is not part of the program, such as its tests.
        return "required" if name in run else "optional" if name in extras else "excluded"

    components = [_component(one, scope(one.name)) for one in packages]
    wanted = sorted({normalised(Requirement(one).name) for one in project["dependencies"]})
    tree = {project["name"]: [known[name] for name in wanted]}
    tree |= {_reference(one): _needs(one, known) for one in packages}
    content = json.dumps([components, tree], sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": _version(),
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": needs} for ref, needs in sorted(tree.items())],
    }


def _version() -> str:
    text = (ROOT / "veracore_sync" / "__init__.py").read_text("utf-8")
    return re.findall(r'(?m)^__version__ = "(.+)"$', text)[0]


def _component(package: Locked, scope: str) -> dict[str, Any]:
    found = {
        "type": "library",
        "bom-ref": _reference(package),
        "name": package.name,
        "version": package.version,
        "purl": _reference(package),
        "scope": scope,
        # Of any of its files: which one is installed depends on the machine.
        "hashes": [{"alg": "SHA-256", "content": one} for one in package.hashes],
    }
    its_license = _license(package)
    return found | ({"licenses": [its_license]} if its_license else {})


def _reference(package: Locked) -> str:
    return f"pkg:pypi/{package.name}@{package.version}"


def _license(package: Locked) -> dict[str, Any] | None:
    installed = _installed(package)
    if installed is None:
        return None
    expression = installed.metadata.get("License-Expression")
    if expression:
        return {"expression": expression}
    classifiers = installed.metadata.get_all("Classifier") or []
    names = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    stated = (installed.metadata.get("License") or "").strip().splitlines()
    name = names[0] if names else stated[0] if stated else ""
    return {"license": {"name": name}} if name else None


def _needs(package: Locked, known: dict[str, str]) -> list[str]:
    installed = _installed(package)
    found = set()
    for text in (installed.requires or []) if installed else []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.add(normalised(requirement.name))
    return sorted(known[name] for name in found if name in known)


def _installed(package: Locked) -> Distribution | None:
    try:
        return distribution(package.name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
