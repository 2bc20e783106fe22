"""Figures of the code itself: how long it is, which names repeat, and which walls leak.

    .venv/bin/python benchmarks/house.py [--json] [--root FOLDER]

Reads the source and runs nothing. Exits with 1 where a figure is beyond its limit below; the limits
are what the code has reached, so that a change which loses ground is noticed. The sandbox counts
for none of them: it is a simulator beside the product, and may be changed by other rules.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

MAX_AT: dict[str, float] = {
    "lines": 78000,
    "module_median": 120,
    "module_max": 495,
    "function_median": 7,
    "function_p95": 28,
    "ignores": 89,
    "class_names_in_several_files": 0,
    "private_words": 4,
    "replaced_names": 1,
    "imports_inside_functions": 54,
    "type_checking_imports": 25,
    "modules_that_import_cli": 0,
    "failure_deciders": 0,
    "runs_are_built_at": 3,
    "modules_that_double_a_wait": 2,
    "ledger_leaks": 0,
    "files_for_a_dialect": 12,
    "files_for_a_mapping_field": 9,
    "files_for_a_carrier_url": 2,
    "files_for_an_alert_or_event_kind": 12,
    "files_for_a_failure_class": 1,
    "files_for_a_ledger_backend": 1,
    "files_for_a_command": 3,
}
AT_LEAST: dict[str, float] = {"comment_percent": 0.6}

PACKAGE = "veracore_sync"
FAILURE_TABLES = ("domain/failures.py",)
_ERROR_TREES = ("domain/errors.py",)
_WHAT_HAPPENED = {"What", "Occurrence", "Category"}
_RUN = re.compile(r"(Orders|Inventory|Tracking)(Run|Job|Sync)")
_SQL = re.compile(
    r"\s*(SELECT\s|INSERT (OR \w+ )?INTO\s|UPDATE \w+\s+SET\s|DELETE FROM\s|CREATE (TABLE|INDEX)\s"
    r"|ALTER TABLE\s|BEGIN\b|PRAGMA\s|WITH \w+ AS\s)"
)
_IGNORE = re.compile(r"#\s*(type:\s*ignore|noqa|pragma:\s*no cover|nosec)")
_PRIVATE_WORDS = re.compile(
    r"\b(Wishes|told|unheard|crowd|inlet|Desk|forge|twofold|hasten|forgive|mends?|mended)\b"
)
# Names for which the field has a word of its own.
_REPLACED_MODULE = re.compile(
    r"crowd|inlet|desk|pace|rarely|meter|notify|watch|judge|doubts|dispatch|look|fill|ageing|life"
    r"|places|names|offer|sandbox_rule|figures"
)
_REPLACED_CLASS = re.compile(
    r"Crowd|_Guest|Inlet|Desk|Pace|Rarely|Meter|OrderHints|Head|Wishes|Doubts|Dispatch|Look|Filling"
    r"|Strangers|Alarms|Moment|Names|Offering|Tally|Cover|HandOver|Moves|Trouble|Seen|Sent|Held"
    r"|StockBook|Lost|What|KeptGate|Parts"
)
_REPLACED_FUNCTION = re.compile(
    r"dismiss|_lead|forge|only_plans|_be_born|twofold|hasten|forgive|heard|perform|alone|learn"
    r"|examined|hit|is_cut"
)
_MAPPED_FIELDS = ("address1", "postal_code", "phone")
_CARRIER_URL = re.compile(r"https://\S+\{tracking\}")
_TARGET = re.compile(r"\w+:\w+")
_KIND = re.compile(r"`([a-z]+\.[a-z_]+)`")


@dataclass(frozen=True)
class Module:
    """One file of the product; `name` is its path below the package."""

    path: Path
    name: str

    @cached_property
    def text(self) -> str:
        """The source."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of its syntax tree."""
        return list(ast.walk(ast.parse(self.text)))

    @cached_property
    def strings(self) -> list[str]:
        """String constants, docstrings among them."""
        found = (n.value for n in self.nodes if isinstance(n, ast.Constant))
        return [value for value in found if isinstance(value, str)]

    @cached_property
    def imported(self) -> set[str]:
        """Dotted names that it imports, those of a ``from`` import with what they take."""
        found = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        return found

    def is_in(self, *folders: str) -> bool:
        """Whether it lies in one of these folders of the package."""
        return self.name.split("/")[0] in folders


def modules_of(root: Path) -> list[Module]:
    """The product's modules, without the sandbox, by name."""
    package = root / PACKAGE
    found = [Module(path, path.relative_to(package).as_posix()) for path in package.rglob("*.py")]
    return sorted((one for one in found if not one.is_in("sandbox")), key=lambda one: one.name)


# ---- size and comments ------------------------------------------------------------------------


def size(modules: list[Module]) -> dict[str, Any]:
    """Lines of modules and functions, and the share of lines that are comments."""
    lengths = sorted(len(one.text.splitlines()) for one in modules)
    functions = sorted(
        node.end_lineno - node.lineno + 1
        for module in modules
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )
    comments = sum(
        line.lstrip().startswith("#") for module in modules for line in module.text.splitlines()
    )
    return {
        "lines": sum(lengths),
        "modules": len(modules),
        "module_median": statistics.median_low(lengths),
        "module_max": lengths[-1],
        "function_median": statistics.median_low(functions),
        "function_p95": functions[int(0.95 * len(functions))],
        "comment_percent": round(100 * comments / sum(lengths), 1),
        "ignores": sum(len(_ignores(module)) for module in modules),
    }


def _ignores(module: Module) -> list[str]:
    """Comments that silence a tool; what only looks like one inside a string does not count."""
    with module.path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    return [t.string for t in tokens if t.type == tokenize.COMMENT and _IGNORE.search(t.string)]


# ---- names ------------------------------------------------------------------------------------


def names(modules: list[Module]) -> dict[str, Any]:
    """Class names that several files define, and words that only this project would understand."""
    where: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                where[node.name].add(module.name)
    several = {name: sorted(files) for name, files in sorted(where.items()) if len(files) > 1}
    words = Counter(word for one in modules for word in _PRIVATE_WORDS.findall(one.text))
    return {
        "class_names_in_several_files": several,
        "private_words": dict(sorted(words.items())),
        "replaced_names": [f"{one.name}: {name}" for one in modules for name in _replaced(one)],
    }


def _replaced(module: Module) -> list[str]:
    """Its own name, and those of what it defines, where there is a better one."""
    classes = {node.name for node in module.nodes if isinstance(node, ast.ClassDef)}
    functions = {node.name for node in module.nodes if isinstance(node, ast.FunctionDef)}
    found = set(filter(_REPLACED_MODULE.fullmatch, {Path(module.name).stem}))
    found |= set(filter(_REPLACED_CLASS.fullmatch, classes))
    found |= set(filter(_REPLACED_FUNCTION.fullmatch, functions))
    return sorted(found)


# ---- imports ----------------------------------------------------------------------------------


def imports(modules: list[Module]) -> dict[str, Any]:
    """Import statements inside functions, those for type checkers alone, and those up into cli."""
    inner = {
        (module.name, node.lineno)
        for module in modules
        for function in module.nodes
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    typing_only = sum(
        isinstance(node, ast.Import | ast.ImportFrom)
        for module in modules
        for guard in module.nodes
        if isinstance(guard, ast.If) and ast.unparse(guard.test).endswith("TYPE_CHECKING")
        for node in ast.walk(guard)
    )
    upward = [
        module.name
        for module in modules
        if not module.is_in("cli", "__main__.py")
        if any(f"{name}.".startswith(f"{PACKAGE}.cli.") for name in module.imported)
    ]
    return {
        "imports_inside_functions": len(inner),
        "type_checking_imports": typing_only,
        "modules_that_import_cli": upward,
    }


# ---- failures ---------------------------------------------------------------------------------


def deciders(modules: list[Module]) -> dict[str, list[str]]:
    """Modules beside the failure table that group failures themselves, and why each counts."""
    errors = _error_classes(modules)
    found = {
        module.name: sorted(set(_decisions(module, errors)))
        for module in modules
        if module.name not in FAILURE_TABLES
    }
    return {name: reasons for name, reasons in found.items() if reasons}


def _error_classes(modules: list[Module]) -> set[str]:
    """The classes of the error tree."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for module in modules
        if module.name in _ERROR_TREES
        for node in module.nodes
        if isinstance(node, ast.ClassDef)
    }
    found = {"SyncError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def _decisions(module: Module, errors: set[str]) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Set | ast.Tuple | ast.List):
            named = [ast.unparse(one) for one in node.elts if _is_failure(one, errors)]
            if len(named) > 1:
                yield f"line {node.lineno}: {', '.join(named)}"
        elif isinstance(node, ast.Compare) and _reads_a_message(node):
            yield f"line {node.lineno}: reads a message"


def _is_failure(node: ast.AST, errors: set[str]) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id in _WHAT_HAPPENED
    return isinstance(node, ast.Name) and node.id in errors


def _reads_a_message(node: ast.Compare) -> bool:
    """Whether it looks for words in the text of an error, as in ``word in error.message``."""
    inside = (part for one in node.comparators for part in ast.walk(one))
    message = any(isinstance(part, ast.Attribute) and part.attr == "message" for part in inside)
    return message and any(isinstance(one, ast.In | ast.NotIn) for one in node.ops)


def runs(modules: list[Module]) -> dict[str, Any]:
    """Places that build a run of one of the three syncs, and modules that double a wait."""
    built = [
        f"{module.name}:{node.lineno}"
        for module in modules
        for node in module.nodes
        if isinstance(node, ast.Call)
        if isinstance(node.func, ast.Name) and _RUN.fullmatch(node.func.id)
    ]
    doubling = [one.name for one in modules if any(map(_doubles, one.nodes))]
    return {"runs_are_built_at": built, "modules_that_double_a_wait": doubling}


def _doubles(node: ast.AST) -> bool:
    """Whether it is ``2**tries``, with anything that is not a constant, or ``wait *= 2``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        is_two = isinstance(node.left, ast.Constant) and node.left.value == 2
        return is_two and not isinstance(node.right, ast.Constant)
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult):
        return isinstance(node.value, ast.Constant) and node.value.value == 2
    return False


# ---- the ledger -------------------------------------------------------------------------------


def leaks(modules: list[Module]) -> dict[str, list[str]]:
    """What modules outside the ledger know of its database, by module."""
    outside = [one for one in modules if not one.is_in("ledger")]
    return {one.name: found for one in outside if (found := sorted(_leaks(one)))}


def _leaks(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and node.attr == "database":
            yield f"line {node.lineno}: .database"
        elif isinstance(node, ast.Constant) and _SQL.match(str(node.value)):
            yield f"line {node.lineno}: SQL"
    yield from (f"imports {name}" for name in module.imported & {"sqlite3", "sqlite_utils"})


# ---- files that a change touches ----------------------------------------------------------------


def recipes(modules: list[Module], root: Path) -> dict[str, Any]:
    """How many files the changes of CONTRIBUTING.md touch, as far as the source tells it.

    Counted are the product's files that name what is added (a dialect, a kind, a command …) in its
    present examples; the most of them where examples differ.
    """
    return {
        "a_dialect": _naming_a_dialect(modules),
        "a_mapping_field": max(len(_naming(modules, field)) for field in _MAPPED_FIELDS),
        "a_carrier_url": sum(any(map(_CARRIER_URL.match, one.strings)) for one in modules),
        "an_alert_or_event_kind": _naming_a_kind(modules, root),
        "a_failure_class": 1 + len(deciders(modules)),
        "a_ledger_backend": 1 + len(leaks(modules)),
        "a_command": _naming_a_command(modules),
    }


def _naming_a_dialect(modules: list[Module]) -> int:
    """Its package, and the files elsewhere that know a dialect by name."""
    dialects = {one.name.split("/")[1] for one in modules if one.name.count("/") == 2}
    dialects = {name for name in dialects if any(f"veracore/{name}/" in m.name for m in modules)}
    packages = {f"{PACKAGE}.veracore.{name}" for name in dialects}

    def names_one(module: Module) -> bool:
        taken = any(name.startswith(tuple(packages)) for name in module.imported)
        return taken or bool(dialects & set(module.strings))

    elsewhere = [m for m in modules if not any(f"veracore/{d}/" in m.name for d in dialects)]
    return 1 + sum(map(names_one, elsewhere))


def _naming(modules: Iterable[Module], field: str) -> list[str]:
    def has(node: ast.AST) -> bool:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            return node.target.id == field
        if isinstance(node, ast.keyword):
            return node.arg == field
        return isinstance(node, ast.Attribute) and node.attr == field

    return [module.name for module in modules if any(map(has, module.nodes))]


def _naming_a_kind(modules: list[Module], root: Path) -> int:
    page = root / "docs" / "events.md"
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    kinds = {kind for line in lines if line.startswith("|") for kind in _KIND.findall(line)}
    counts = (sum(_names_the_kind(one, kind) for one in modules) for kind in kinds)
    return max(counts, default=0)


def _names_the_kind(module: Module, kind: str) -> bool:
    """Whether it has the kind as a string, or as the member of an enum."""
    member = kind.replace(".", "_").upper()
    attributes = {node.attr for node in module.nodes if isinstance(node, ast.Attribute)}
    return kind in module.strings or member in attributes


def _naming_a_command(modules: list[Module]) -> int:
    """Its file, the registry, and the files that import it beside."""
    registry = next(one for one in modules if one.name == "cli/commands.py")
    listed = {text.split(":")[0] for text in registry.strings if _TARGET.fullmatch(text)}
    if not listed:
        listed = {name.removeprefix(f"{PACKAGE}.cli.") for name in registry.imported}

    def files(command: Module) -> int:
        name = f"{PACKAGE}.cli.{Path(command.name).stem}"
        return 2 + sum(name in one.imported for one in modules if one not in (registry, command))

    commands = [m for m in modules if m.is_in("cli") and Path(m.name).stem in listed]
    return max(map(files, commands), default=0)


# ---- the whole ----------------------------------------------------------------------------------


def figures(root: Path) -> dict[str, Any]:
    """Every figure by name; lists and mappings where the places are worth knowing."""
    modules = modules_of(root)
    return {
        **size(modules),
        **names(modules),
        **imports(modules),
        "failure_deciders": deciders(modules),
        **runs(modules),
        "ledger_leaks": leaks(modules),
        **{f"files_for_{name}": count for name, count in recipes(modules, root).items()},
    }


def amount(name: str, value: Any) -> float:
    """The number that a limit is held against."""
    if name in ("private_words", "ledger_leaks"):
        return sum(one if isinstance(one, int) else len(one) for one in value.values())
    return len(value) if isinstance(value, list | dict) else value


def beyond(found: dict[str, Any]) -> list[str]:
    """One sentence for each figure that is beyond its limit."""
    amounts = {name: amount(name, value) for name, value in found.items()}
    over = [(n, f"at most {most:g}") for n, most in MAX_AT.items() if amounts[n] > most]
    under = [(n, f"at least {least:g}") for n, least in AT_LEAST.items() if amounts[n] < least]
    return [f"{name}: {amounts[name]:g}, {limit} is allowed" for name, limit in over + under]


def _as_text(found: dict[str, Any]) -> Iterator[str]:
    for name, value in found.items():
        yield f"{name.replace('_', ' ')}: {amount(name, value):g}"
        if isinstance(value, dict):
            for key, one in value.items():
                yield f"    {key}: {', '.join(one) if isinstance(one, list) else one}"
        elif isinstance(value, list):
            yield from (f"    {one}" for one in value)


def main() -> int:
    """Print the figures; 1 where one is beyond its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    options = parser.parse_args()
    found = figures(options.root)
    faults = beyond(found)
    if options.json:
        print(json.dumps({**found, "beyond": faults}, indent=2))
    else:
        print("\n".join([*_as_text(found), *(f"beyond its limit: {one}" for one in faults)]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
