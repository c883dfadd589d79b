"""Every SQL statement of the program, put together from the source as the program would, without running anything."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

SRC = Path(__file__).parents[1] / "src" / "tillkeeper"
ELSEWHERE = (
    "ops/migrations/",
    "ops/bench/",
    "ops/chaos/",
    "ops/seed/",
    "ops/embedded",
    "sandbox",
    "web/shop/evidence.py",
)
"""Who runs once, on tables of its own making or in SQLite, and what is only shown to people."""
STATEMENT = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE FROM|INSERT INTO)\s+\S")
PIECE = re.compile(r"\b(SELECT|FROM|WHERE|UPDATE|INSERT INTO)\b")

Locals = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Statement:
    """Hold a statement, and where it stands: file and outermost name."""

    place: str
    sql: str


class UnreadableError(Exception):
    """Report a statement that is put together from what only a running function knows."""


def statements(filled: Mapping[str, Sequence[Locals]]) -> Iterator[Statement]:
    """List every statement; `filled` tells what names a function may know, by the place it stands at."""
    for file in sorted(SRC.rglob("*.py")):
        name = file.relative_to(SRC).as_posix()
        if PIECE.search(file.read_text()) and not any(part in name for part in ELSEWHERE):
            for top in tree(file).body:
                place = f"{name}:{_called(top)}"
                yield from (Statement(place, sql) for sql in _found(file, top, filled.get(place, ({},))))


@cache
def tree(file: Path) -> ast.Module:
    """Read a file once."""
    return ast.parse(file.read_text())


@cache
def _pieces_of_others() -> frozenset[str]:
    """Name what other files put into their statements."""
    found = set()
    for file in SRC.rglob("*.py"):
        lent = {each.name for node in tree(file).body if isinstance(node, ast.ImportFrom) for each in node.names}
        for node in _parts(tree(file)):
            found |= {node.attr} if isinstance(node, ast.Attribute) else {node.id} & lent
    return frozenset(found)


@cache
def pieces(file: Path) -> frozenset[str]:
    """Name what others are made of: by itself it need not be a statement, nor a quick one."""
    own = frozenset(node.id for node in _parts(tree(file)) if isinstance(node, ast.Name))
    return own | _pieces_of_others()


def _parts(whole: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    """List the names of what is put into texts."""
    for node in ast.walk(whole):
        inner = node.value if isinstance(node, ast.FormattedValue) else _formatted(node)
        for each in ast.walk(inner) if inner else ():
            if isinstance(each, ast.Name | ast.Attribute):
                yield each


def _formatted(node: ast.AST) -> ast.expr | None:
    """Find the text that `.format()` is called on."""
    called = node.func if isinstance(node, ast.Call) else None
    return called.value if isinstance(called, ast.Attribute) and called.attr == "format" else None


def _called(top: ast.stmt) -> str:
    target = top.targets[0] if isinstance(top, ast.Assign) else getattr(top, "target", None)
    return str(getattr(top, "name", getattr(target, "id", "")))


def _found(file: Path, top: ast.stmt, filled: Sequence[Locals]) -> Iterator[str]:
    if isinstance(top, ast.Assign | ast.AnnAssign):
        name = _called(top)
        if name not in pieces(file):
            yield from filter(STATEMENT.match, _strings(getattr(_module(file), name, None)))
    elif isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for known in filled:
            yield from _within(file, top, known)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings([*value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def _within(file: Path, top: ast.stmt, filled: Locals) -> Iterator[str]:
    """List what a function says, with what it has put together before."""
    known: dict[str, Any] = vars(_module(file)) | _constants(top) | dict(filled)
    within = {node.id for node in _parts(top) if isinstance(node, ast.Name)}
    over: set[int] = set()
    for node in ast.walk(top):
        if isinstance(node, ast.Assign) and _called(node) in within:
            over |= {id(each) for each in ast.walk(node)}
        elif id(node) not in over and isinstance(node, ast.expr) and _is_text(node):
            over |= {id(each) for each in ast.walk(node)}
            sql = _put_together(node, known, f"{file.relative_to(SRC)}:{node.lineno}")
            if STATEMENT.match(sql):
                yield sql


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.JoinedStr) or _formatted(node) is not None


def _constants(top: ast.stmt) -> dict[str, object]:
    return {
        _called(node): node.value.value
        for node in ast.walk(top)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }


def _put_together(node: ast.expr, known: dict[str, Any], where: str) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not PIECE.search(ast.unparse(node)):
        return ""
    try:
        # What is evaluated is a text of our own source, from the checkout under test, and nothing from outside.
        return str(eval(compile(ast.Expression(node), where, "eval"), known))  # noqa: S307 (our own source)
    except (NameError, KeyError) as error:
        message = f"{where} is put together from what only runs; fill it in: {error}"
        raise UnreadableError(message) from error


def _module(file: Path) -> ModuleType:
    return importlib.import_module(".".join(("tillkeeper", *file.relative_to(SRC).with_suffix("").parts)))
