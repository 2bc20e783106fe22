"""The mutants of a module: each is its syntax tree with one rule changed.

Only logic is changed: comparisons, boolean and arithmetic operators, constants that are compared,
conditions, returned values, statements. The words of messages are not: other tests compare them,
and a changed word misleads nobody about an order.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
AT_THE_BOUND: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
UNWRAPPED = {"sorted", "abs", "reversed"}

Where = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change.

    Args:
        function: Qualified name of the function, or ``""`` at the level of the module or a class:
            what is computed when the module is imported.
        line: Of the changed node.
        end: Its last line.
        before: The changed expression or statement, on one line.
        after: What stands in its place.
        number: Tells equal changes of one function apart.
    """

    function: str
    line: int
    end: int
    before: str
    after: str
    number: int
    path: Where
    replacement: ast.AST | None

    @property
    def name(self) -> str:
        """The same in every version of the module in which this code stands unchanged."""
        which = f" #{self.number + 1}" if self.number else ""
        return f"{self.function or '(module)'}: {self.before} -> {self.after}{which}"

    def apply(self, tree: ast.Module) -> ast.Module:
        """A copy of the module with this change."""
        changed = copy.deepcopy(tree)
        node: ast.AST = changed
        for name, index in self.path[:-1]:
            node = _child(node, name, index)
        name, index = self.path[-1]
        new = copy.deepcopy(self.replacement)
        old = _child(node, name, index)
        if new is None:
            new = ast.Pass()
        for one in ast.walk(new):
            if isinstance(one, ast.expr | ast.stmt) and not hasattr(one, "lineno"):
                ast.copy_location(one, old)
        ast.copy_location(new, old)
        if index is None:
            setattr(node, name, new)
        else:
            getattr(node, name)[index] = new
        return ast.fix_missing_locations(changed)


def mutants_of(tree: ast.Module) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    found: list[Mutant] = []
    counted: dict[tuple[str, str, str], int] = {}
    for node, path, function in _walk(tree, (), "", ""):
        for replacement in _replacements(node):
            before, after = _short(node), _short(replacement) if replacement else "(dropped)"
            if isinstance(node, ast.If) and isinstance(replacement, ast.If):
                # Its body is the same.
                before, after = (f"if {_short(one.test)}" for one in (node, replacement))
            if before == after:
                continue
            key = (function, before, after)
            number = counted[key] = counted.get(key, -1) + 1
            # A loop within an expression has no line of its own.
            placed = node.target if isinstance(node, ast.comprehension) else node
            line = getattr(placed, "lineno", 0)
            end = getattr(placed, "end_lineno", line)
            found.append(Mutant(function, line, end, before, after, number, path, replacement))
    return sorted(found, key=lambda one: (one.line, one.name))


def _child(node: ast.AST, name: str, index: int | None) -> ast.AST:
    value = getattr(node, name)
    return value if index is None else value[index]  # type: ignore[no-any-return]


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else f"{text[:60]} ... {text[-25:]}"


def _walk(
    node: ast.AST, path: Where, function: str, scope: str
) -> Iterator[tuple[ast.AST, Where, str]]:
    """Every node that may be changed, with its way from the module and its function."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "type_comment"):
            continue
        several = value if isinstance(value, list) else [value]
        for index, child in enumerate(several):
            if not isinstance(child, ast.AST) or _is_only_said(child):
                continue
            way = (*path, (name, index if isinstance(value, list) else None))
            inner, inside = function, scope
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inside = f"{scope}{child.name}."
                # A function in a function is changed with it.
                if isinstance(child, ast.FunctionDef) and not function:
                    yield from _walk_function(child, way, inside)
                    continue
            yield child, way, inner
            yield from _walk(child, way, inner, inside)


def _walk_function(
    node: ast.FunctionDef, path: Where, scope: str
) -> Iterator[tuple[ast.AST, Where, str]]:
    # Defaults are computed when the function is defined.
    yield from _walk(node.args, (*path, ("args", None)), "", scope)
    for index, child in enumerate(node.body):
        if _is_only_said(child):
            continue
        way = (*path, ("body", index))
        yield child, way, scope.rstrip(".")
        yield from _walk(child, way, scope.rstrip("."), scope)


def _is_only_said(node: ast.AST) -> bool:
    """Docstrings, messages and imports."""
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
        return True
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _replacements(node: ast.AST) -> Iterator[ast.AST | None]:
    if isinstance(node, ast.expr):
        yield from _of_expression(node)
    if isinstance(node, ast.stmt):
        yield from _of_statement(node)
    if isinstance(node, ast.comprehension):
        for index in range(len(node.ifs)):
            changed = copy.deepcopy(node)
            del changed.ifs[index]
            yield changed


def _of_expression(node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[op], left=left, comparators=[right]):
            for table in (NEGATED, AT_THE_BOUND):
                if type(op) in table:
                    yield ast.Compare(left, [table[type(op)]()], [right])
            for index, side in enumerate((left, right)):
                for other in _of_text(side):
                    sides = [left, right]
                    sides[index] = other
                    yield ast.Compare(sides[0], [op], [sides[1]])
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for index in range(len(values)):
                rest = values[:index] + values[index + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right):
            is_rule = not (_is_text(left) or _is_text(right) or _is_type(left) or _is_type(right))
            if type(op) in ARITHMETIC and is_rule:
                yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Set(elts=elts) | ast.Tuple(elts=elts):
            for index, element in enumerate(elts):
                # A state that is missing in a list of states.
                if isinstance(element, ast.Starred) or (
                    isinstance(element, ast.Attribute) and element.attr.isupper()
                ):
                    rest = [*elts[:index], *elts[index + 1 :]]
                    yield ast.Tuple(rest, ast.Load())
                for other in _of_text(element):
                    yield type(node)(  # type: ignore[call-arg]
                        elts=[*elts[:index], other, *elts[index + 1 :]],
                        **({"ctx": ast.Load()} if isinstance(node, ast.Tuple) else {}),
                    )
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            if name in SWAPPED:
                yield ast.Call(ast.Name(SWAPPED[name], ast.Load()), args, keywords)
            if name in ("min", "max") and len(args) == 2 and not keywords:
                yield from args
            if name in UNWRAPPED and args:
                yield (
                    ast.Call(ast.Name("list", ast.Load()), [args[0]], [])
                    if name != "abs"
                    else (args[0])
                )
        case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper, step=step)):
            # [::-1] and the like are whole rules of their own: without it, the other order.
            if lower or upper or step:
                yield ast.Subscript(value, ast.Slice(None, None, None), ast.Load())


def _of_statement(node: ast.stmt) -> Iterator[ast.AST | None]:
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            for value in (True, False):
                if not (isinstance(test, ast.Constant) and test.value is value):
                    yield ast.If(ast.Constant(value), body, orelse)
        case ast.Return(value=value) if value is not None:
            if not (isinstance(value, ast.Constant) and value.value is None):
                yield ast.Return(ast.Constant(None))
        case ast.AugAssign(target=target, op=op, value=value):
            if type(op) in ARITHMETIC and not _is_text(value):
                yield ast.AugAssign(target, ARITHMETIC[type(op)](), value)
            yield None
        case ast.Expr() | ast.Continue() | ast.Break() | ast.Raise() | ast.Delete():
            yield None
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield None


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _is_type(node: ast.AST) -> bool:
    """A class, as in `Adopt | Refuse`, which only names a type."""
    if isinstance(node, ast.BinOp):
        return _is_type(node.left) or _is_type(node.right)
    name = node.id.lstrip("_") if isinstance(node, ast.Name) else ""
    return name[:1].isupper() and not name.isupper()


def _of_text(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield ast.Constant(f"{node.value}?")
