"""What can be wrong at one place: every way in which a module is changed by one mistake, as trees of Python."""

import ast
import enum
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from inspect import signature
from types import ModuleType
from typing import Any

Node = Any
"""A tree of `ast`; which kind it is, is looked at where it matters."""
OTHER_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OTHER_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
OTHER_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
LEFT_ALONE = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)
"""What only a bug of ours could break, what cannot load otherwise, and words for people."""


@dataclass(frozen=True)
class Mutant:
    """One mistake: where it stands, what was written there and what is written now, and the statement it is in."""

    module: str
    line: int
    where: str
    before: str
    after: str
    statement: ast.stmt

    @property
    def name(self) -> str:
        """Name the mistake without its line, which moves."""
        return f"{self.where}: {self.before} → {self.after}"


def mutants(module: ModuleType, source: str) -> Iterator[Mutant]:
    """Make every mistake of a module that we know how to make, one at a time."""
    body = ast.parse(source).body
    for number, statement in enumerate(body):
        if isinstance(statement, ast.ClassDef):
            methods = [part for part in statement.body if isinstance(part, ast.FunctionDef)]
            for method in methods:
                for wrong, before, after, line in _variants(method, module):
                    whole = deepcopy(statement)
                    whole.body[statement.body.index(method)] = wrong
                    yield Mutant(module.__name__, line, f"{statement.name}.{method.name}", before, after, whole)
        elif isinstance(statement, ast.FunctionDef | ast.Assign | ast.AnnAssign):
            where = _title(statement)
            later = [each for each in body[number + 1 :] if isinstance(each, ast.Assign | ast.AnnAssign)]
            for wrong, before, after, line in _variants(statement, module):
                made = wrong if isinstance(statement, ast.FunctionDef) else _first_of(wrong, later)
                yield Mutant(module.__name__, line, where, before, after, made)


def _first_of(table: ast.stmt, later: Sequence[ast.stmt]) -> ast.stmt:
    """Let the tables after one be made again, because they may be made of it."""
    return ast.fix_missing_locations(ast.copy_location(ast.If(ast.Constant(value=True), [table, *later], []), table))


def signed(source: str, sign: str) -> Iterator[ast.stmt]:
    """Let every function and method of a module begin with a call that says where it is."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            parts = statement.body if isinstance(statement, ast.ClassDef) else [statement]
            prefix = f"{statement.name}." if isinstance(statement, ast.ClassDef) else ""
            for part in parts:
                if isinstance(part, ast.FunctionDef):
                    call = ast.Call(ast.Name(sign, ast.Load()), [ast.Constant(prefix + part.name)], [])
                    part.body.insert(0, ast.Expr(call))
            yield ast.fix_missing_locations(statement)


def _title(statement: ast.FunctionDef | ast.Assign | ast.AnnAssign) -> str:
    match statement:
        case ast.FunctionDef():
            return statement.name
        case ast.Assign():
            return ast.unparse(statement.targets[0])
        case ast.AnnAssign():
            return ast.unparse(statement.target)


def _variants(statement: Node, module: ModuleType) -> Iterator[tuple[Node, str, str, int]]:
    """Change one place of a statement, and say what stood there before and what stands there now."""
    for node in _places(statement):
        for other in _others(node, module):
            memo: dict[int, Any] = {}
            copy = deepcopy(statement, memo)
            wrong = ast.fix_missing_locations(_Instead(memo[id(node)], ast.copy_location(other, node)).visit(copy))
            yield wrong, _words(node), _words(other), _line(node)


def _places(node: Node) -> Iterator[Node]:
    """Walk what decides something: no annotation, docstring, decorator or sentence for people."""
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, LEFT_ALONE):
                if isinstance(child, ast.expr | ast.stmt | ast.comprehension | ast.match_case | ast.pattern):
                    yield child
                yield from _places(child)


def _others(node: Node, module: ModuleType) -> Iterator[Node]:
    """Write something else for one part of a tree."""
    make: Callable[[Node, ModuleType], Iterator[Node]] | None = MAKERS.get(type(node))
    if make:
        yield from make(node, module)
    if isinstance(node, ast.If | ast.IfExp) and not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield _with(node, test=ast.UnaryOp(op=ast.Not(), operand=node.test))


def _comparison(node: Node, _: ModuleType) -> Iterator[Node]:
    for place, operator in enumerate(node.ops):
        for other in OTHER_COMPARISONS[type(operator)]:
            yield _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])


def _arithmetic(node: Node, _: ModuleType) -> Iterator[Node]:
    if type(node.op) in OTHER_OPERATORS:
        yield _with(node, op=OTHER_OPERATORS[type(node.op)]())


def _logic(node: Node, _: ModuleType) -> Iterator[Node]:
    yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    for place in range(len(node.values)):
        rest = [*node.values[:place], *node.values[place + 1 :]]
        yield _with(node, values=rest) if len(rest) > 1 else rest[0]


def _sign(node: Node, _: ModuleType) -> Iterator[Node]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


def _constant(node: Node, _: ModuleType) -> Iterator[Node]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield from (ast.Constant(node.value + step) for step in (1, -1))


def _choice(node: Node, _: ModuleType) -> Iterator[Node]:
    yield from (node.body, node.orelse)


def _call(node: Node, _: ModuleType) -> Iterator[Node]:
    if isinstance(node.func, ast.Name) and node.func.id in OTHER_NAMES:
        yield _with(node, func=ast.Name(OTHER_NAMES[node.func.id], ast.Load()))
        return
    for place in range(len(node.args) - 1):
        pair = node.args[place : place + 2]
        if not any(isinstance(each, ast.Starred) for each in pair):
            yield _with(node, args=[*node.args[:place], *reversed(pair), *node.args[place + 2 :]])
    if node.keywords and isinstance(node.func, ast.Name) and node.func.id == "replace":
        yield from _forgotten(node)


def _forgotten(node: Node) -> Iterator[Node]:
    """Leave one thing as it was that should have been replaced."""
    for each in node.keywords:
        yield _with(node, keywords=[other for other in node.keywords if other is not each])


def _member(node: Node, module: ModuleType) -> Iterator[Node]:
    """Write the next member of the same enum, or the next account of the same shape."""
    owner = vars(module).get(node.value.id) if isinstance(node.value, ast.Name) else None
    names: list[str] = []
    if isinstance(owner, type) and issubclass(owner, enum.Enum) and node.attr in owner.__members__:
        names = list(owner.__members__)
    elif isinstance(owner, ModuleType):
        shapes = {name: _shape(each) for name, each in vars(owner).items() if _is_of(each, owner)}
        names = [name for name, shape in shapes.items() if shape == shapes.get(node.attr)]
    if len(names) > 1 and node.attr in names:
        yield _with(node, attr=names[(names.index(node.attr) + 1) % len(names)])


def _is_of(thing: Any, owner: ModuleType) -> bool:
    return callable(thing) and not isinstance(thing, type) and thing.__module__ == owner.__name__


def _shape(function: Callable[..., Any]) -> list[Any]:
    """Tell what a function takes and gives, by types alone."""
    read = signature(function)
    return [read.return_annotation, *(each.annotation for each in read.parameters.values())]


def _result(node: Node, _: ModuleType) -> Iterator[Node]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield _with(node, value=ast.Constant(value=None))


def _removed(node: Node, _: ModuleType) -> Iterator[Node]:
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if not is_docstring:
        yield ast.Pass()


def _filter(node: Node, _: ModuleType) -> Iterator[Node]:
    yield from (_with(node, ifs=[other for other in node.ifs if other is not each]) for each in node.ifs)


def _guard(node: Node, _: ModuleType) -> Iterator[Node]:
    if node.guard:
        yield _with(node, guard=None)


MAKERS: dict[type[ast.AST], Callable[[Node, ModuleType], Iterator[Node]]] = {
    ast.Compare: _comparison,
    ast.BinOp: _arithmetic,
    ast.AugAssign: lambda node, module: iter([*_arithmetic(node, module), *_removed(node, module)]),
    ast.BoolOp: _logic,
    ast.UnaryOp: _sign,
    ast.Constant: _constant,
    ast.IfExp: _choice,
    ast.Call: _call,
    ast.Attribute: _member,
    ast.Return: _result,
    ast.Expr: _removed,
    ast.Raise: _removed,
    ast.Continue: _removed,
    ast.comprehension: _filter,
    ast.match_case: _guard,
}


def _with(node: Node, **changes: Any) -> Node:
    """Copy one node with other fields, and share what is below it."""
    return type(node)(**{**dict(ast.iter_fields(node)), **changes})


def _words(node: Node) -> str:
    """Write a part of a tree as source, on one line."""
    text = ast.unparse(node.test if isinstance(node, ast.If) else node)
    return " ".join(text.split())


def _line(node: Node) -> int:
    """Find where a part stands; a `for` of a comprehension and a `case` do not know it themselves."""
    return min(line for part in ast.walk(node) if (line := getattr(part, "lineno", 0)))


class _Instead(ast.NodeTransformer):
    """Put one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)
