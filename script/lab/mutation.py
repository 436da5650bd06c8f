"""Find the guards of a module by its structure; each can be taken out: conditions, bounds, effects, shields."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OPPOSITE = {"min": "max", "max": "min"}
_SHIELDS = {"timeout", "suppress"}
_LONGEST_NAME = 160
# What is only said, counted or asserted guards nothing.
_IDLE_CALLS = {"debug", "info", "warning", "error", "exception", "assert_never"}


@dataclass(frozen=True)
class Mutant:
    """A guard that is taken out: where it stands, what it was and what it becomes."""

    module: str
    number: int
    function: str
    line: int
    last_line: int
    was: str
    becomes: str

    @property
    def name(self) -> str:
        """Name it by what it is and not by its line, which moves."""
        return f"{self.module}.{self.function}: {self.was} -> {self.becomes}"


@dataclass(frozen=True)
class _Site:
    """A place in a tree, and what to do to it there."""

    node: ast.AST
    function: str
    was: str
    becomes: str
    change: Callable[[], None]


def mutants(module: str, source: str) -> list[Mutant]:
    """Return all mutants of a module, in a fixed order."""
    return [
        Mutant(
            module,
            number,
            one.function,
            getattr(one.node, "lineno", 0),
            getattr(one.node, "end_lineno", 0),
            one.was,
            one.becomes,
        )
        for number, one in enumerate(_sites(ast.parse(source)))
    ]


def mutate(source: str, number: int) -> ast.Module:
    """Return the tree of a module in which one guard is taken out; its lines stay where they were."""
    tree = ast.parse(source)
    sites = list(_sites(tree))
    sites[number].change()
    return ast.fix_missing_locations(tree)


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _inside(tree, "")


def _inside(node: ast.AST, function: str) -> Iterator[_Site]:
    """Find what lies in functions; what a module does when it is read is no guard."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _inside(child, f"{function}.{child.name}" if function else child.name)
            continue
        if function:
            yield from _at(node, child, function)
        yield from _inside(child, function)


def _at(parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    for find in (_conditions, _operands, _boundaries, _truths, _calls, _elements, _shields, _sums):
        yield from find(parent, node, function)


def _put(parent: ast.AST, old: ast.AST, new: ast.AST) -> Callable[[], None]:
    """Return what puts a node in the place of another."""

    def change() -> None:
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if one is old else one for one in value]

    return change


def _constant(value: bool, like: ast.AST) -> ast.expr:  # noqa: FBT001 - the value itself
    return ast.copy_location(ast.Constant(value), like)


def _conditions(_parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    """Find conditions, which then always hold or never do."""
    tests: list[tuple[ast.AST, ast.expr]] = []
    match node:
        case ast.If(test=test) | ast.IfExp(test=test):
            tests = [(node, test)]
        case ast.comprehension(ifs=ifs):
            tests = [(node, one) for one in ifs]
        case ast.match_case(guard=ast.expr() as guard):
            tests = [(node, guard)]
        case _:
            pass
    for owner, test in tests:
        if _text(test) == "TYPE_CHECKING":
            continue
        for value in (True, False):
            change = _put(owner, test, _constant(value, test))
            yield _Site(test, function, f"if {_text(test)}", str(value), change)


def _operands(_parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    if isinstance(node, ast.BoolOp):
        neutral = isinstance(node.op, ast.And)
        for operand in node.values:
            change = _put(node, operand, _constant(neutral, operand))
            yield _Site(node, function, _text(node), f"without {_text(operand)}", change)


def _boundaries(_parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    if isinstance(node, ast.Compare):
        for op in node.ops:
            if type(op) in _BOUNDARY:
                other = _BOUNDARY[type(op)]()
                mutated = ast.Compare(node.left, [other if one is op else one for one in node.ops], node.comparators)
                yield _Site(node, function, _text(node), _text(mutated), _put(node, op, other))


def _truths(parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    """Find what is returned, kept or handed on as true or false; a condition's own are found as conditions."""
    whole = isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
    if whole and isinstance(parent, ast.Return | ast.Assign | ast.keyword | ast.Call):
        for value in (True, False):
            change = _put(parent, node, _constant(value, node))
            yield _Site(node, function, _text(node), str(value), change)


def _calls(parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    """Find calls whose only use is what they do."""
    if not isinstance(node, ast.Expr):
        return
    call = node.value.value if isinstance(node.value, ast.Await) else node.value
    if isinstance(call, ast.Call) and _called(call) not in _IDLE_CALLS:
        change = _put(parent, node, ast.copy_location(ast.Pass(), node))
        yield _Site(node, function, _text(node), "nothing", change)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _elements(parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    """Find effects that are wanted."""
    if not isinstance(node, ast.Tuple) or not isinstance(getattr(node, "ctx", None), ast.Load):
        return
    for one in node.elts:
        inner = one.value if isinstance(one, ast.Starred) else one
        effect = isinstance(inner, ast.Call) and (isinstance(one, ast.Starred) or _called(inner)[:1].isupper())
        if effect or (isinstance(one, ast.Starred) and isinstance(inner, ast.Name)):
            rest = ast.copy_location(ast.Tuple([other for other in node.elts if other is not one], ast.Load()), node)
            yield _Site(one, function, _text(node), f"without {_text(one)}", _put(parent, node, rest))


def _shields(parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    """Find what bounds a wait, or keeps an error from others."""
    bare: list[ast.stmt] | None = None
    match node:
        case ast.With(items=[ast.withitem(context_expr=ast.Call() as call)], body=body) if _called(call) in _SHIELDS:
            bare = body
        case ast.AsyncWith(items=[ast.withitem(context_expr=ast.Call() as call)], body=body) if (
            _called(call) in _SHIELDS
        ):
            bare = body
        case ast.Try(body=body, orelse=orelse, finalbody=final):
            bare = [*body, *orelse, *final]
        case _:
            pass
    if bare is not None:
        always = ast.copy_location(ast.If(_constant(value=True, like=node), bare, []), node)
        yield _Site(node, function, _text(node), "without its shield", _put(parent, node, always))


def _sums(_parent: ast.AST, node: ast.AST, function: str) -> Iterator[_Site]:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right) if not _is_text(left, right):
            other: ast.operator = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
            yield _Site(node, function, _text(node), _text(ast.BinOp(left, other, right)), _put(node, op, other))
        case ast.Call(func=ast.Name(id=name) as func) if name in _OPPOSITE and len(node.args) > 1:
            swapped = ast.copy_location(ast.Name(_OPPOSITE[name], ast.Load()), func)
            yield _Site(node, function, _text(node), _OPPOSITE[name], _put(node, func, swapped))
        case _:
            pass


def _is_text(*nodes: ast.expr) -> bool:
    return any(
        isinstance(one, ast.JoinedStr | ast.Tuple | ast.List)
        or (isinstance(one, ast.Constant) and isinstance(one.value, str))
        for one in nodes
    )
