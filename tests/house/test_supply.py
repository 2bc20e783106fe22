"""What is installed: locks, bill of materials, advisories."""

from __future__ import annotations

import importlib
import json
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def supply(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(ROOT / "supply")
    names = ("locked", "bill_of_materials", "advisories")
    return {name: importlib.import_module(name) for name in names}


def test_a_lock_has_hashes_and_neither_an_index_nor_a_path(supply: dict[str, Any]) -> None:
    assert len(LOCKS) == 4
    for path in LOCKS:
        packages = supply["locked"].read(path)
        assert packages, path.name
        assert all(one.hashes for one in packages), path.name
        text = path.read_text()
        assert not [word for word in ("://", "file:", " /", "index") if word in text]


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.example/simple",
        "--find-links /srv/wheels",
        "evil @ file:///tmp/evil.whl",
        "-e .",
        "evil>=1",
    ],
)
def test_another_line_is_no_lock(supply: dict[str, Any], line: str, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f"{line}\n")
    with pytest.raises(ValueError, match="not a line of a lock"):
        supply["locked"].read(tmp_path / "lock")


def test_the_locks_hold_what_the_project_asks_for_and_all_that_this_needs(
    supply: dict[str, Any],
) -> None:
    read, normalised = supply["locked"].read, supply["locked"].normalised
    by_name = {one.name: one for one in read(ROOT / "requirements.lock")}
    run = {one.name: one for one in read(ROOT / "requirements-run.lock")}
    extras = PROJECT["optional-dependencies"]
    assert set(extras) == {"notify", "postgres", "test"}
    held = {"": run, "test": by_name}
    for extra in ("notify", "postgres"):
        held[extra] = run | {o.name: o for o in read(ROOT / f"requirements-{extra}.lock")}
    for extra, wanted in {"": PROJECT["dependencies"], **extras}.items():
        # What one version was tested as is installed everywhere.
        assert held[extra].items() <= by_name.items(), extra
        for one in map(Requirement, wanted):
            assert one.specifier.contains(held[extra][normalised(one.name)].version), one
        for name in held[extra]:
            for need in _needs(name):
                assert normalised(need.name) in held[extra], (extra, name, str(need))
    assert not {"pytest", "mypy", "playwright", "zeep", "apprise", "psycopg"} & run.keys()


def _needs(name: str) -> Iterator[Requirement]:
    try:
        texts = requires(name) or []
    except PackageNotFoundError:
        return
    for one in map(Requirement, texts):
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            yield one


def test_the_bill_of_materials_names_every_locked_package(supply: dict[str, Any]) -> None:
    bill = supply["bill_of_materials"].bill()
    packages = supply["locked"].read(ROOT / "requirements.lock")
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    found = {one["name"]: one for one in bill["components"]}
    assert len(found) == len(bill["components"])
    assert {(one.name, one.version) for one in packages} == {
        (name, one["version"]) for name, one in found.items()
    }
    for one in packages:
        assert found[one.name]["purl"] == f"pkg:pypi/{one.name}@{one.version}"
        assert {h["content"] for h in found[one.name]["hashes"]} == set(one.hashes)
    scopes = {name: found[name]["scope"] for name in ("httpx", "apprise", "psycopg", "pytest")}
    assert scopes == {
        "httpx": "required", "apprise": "optional", "psycopg": "optional", "pytest": "excluded",
    }  # fmt: skip
    assert found["httpx"]["licenses"]
    references = {one["bom-ref"] for one in bill["components"]} | {PROJECT["name"]}
    tree = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert tree.keys() == references
    assert {ref for needs in tree.values() for ref in needs} <= references
    assert found["httpcore"]["purl"] in tree[found["httpx"]["purl"]]
    assert bill == supply["bill_of_materials"].bill()
    json.dumps(bill)


@pytest.fixture
def database() -> Iterator[tuple[str, dict[str, Any]]]:
    """An advisory database, and what it answers: by package, or a text instead."""
    said: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            found = [
                {"vulns": [{"id": said[name]}]} if (name := one["package"]["name"]) in said else {}
                for one in asked
            ]
            body = said.get("text", json.dumps({"results": found})).encode()
            self.send_response(said.get("status", 200))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/querybatch", said
        server.shutdown()
        thread.join()


def test_an_advisory_is_named_and_an_unreachable_database_is_admitted(
    supply: dict[str, Any],
    database: tuple[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, said = database
    advisories = supply["advisories"]

    def ask(address: str = url) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["advisories.py", "--database", address])
        return advisories.main(), capsys.readouterr().out

    code, out = ask()
    assert (code, "0 advisories" in out) == (0, True)
    said["h11"] = "TEST-2026-1"
    code, out = ask()
    assert code == 1
    assert "h11 0." in out
    assert "TEST-2026-1" in out
    monkeypatch.setattr(advisories, "ACCEPTED", {"TEST-2026-1": "a test"})
    assert ask()[0] == 0
    for more in ({"text": "<html>"}, {"text": "{}"}, {"text": "[]"}, {"status": 503}):
        said.clear()
        said.update(more)
        code, out = ask()
        assert (code, out.startswith("not checked: no database reachable")) == (0, True), more
    assert ask("http://127.0.0.1:9/")[1].startswith("not checked: no database reachable")
