"""Trying mistakes out: the tests are loaded once, and each mistake is made in a process that is forked for it.

A mistake is made in place: a function keeps its identity and gets other code, a table is put under its name wherever it
was imported. So nothing is loaded again, and a mistake costs what its tests cost.
"""

import ast
import os
import pickle
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from inspect import unwrap
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from tests.mutation.places import Mutant, signed

from tillkeeper.kernel import clock

ALIVE, KILLED = 0, 1
TABLES = (dict, tuple, list, set, frozenset)
SIGN = "_came_by"
cpu_seconds_max = 20
"""How long the tests of one mistake may compute: a loop that never ends is a mistake that was found."""
memory_bytes_max = 4 * 2**30


@dataclass(frozen=True)
class Learnt:
    """What one test does without any mistake: the functions that it comes to, and how long it takes."""

    passed: bool
    taken_ms: int
    came: frozenset[tuple[str, str]]


class Tests:
    """The tests of this session, by the functions that they come to."""

    def __init__(self, items: Sequence[pytest.Item]) -> None:
        self.items = items
        self.learnt: list[Learnt] = []

    def learn(self, modules: Sequence[ModuleType]) -> list[str]:
        """Run every test once, in a process of its own that marks where they come, and return what failed."""
        reader, writer = os.pipe()
        if os.fork() == 0:
            with os.fdopen(writer, "wb") as out:
                pickle.dump(_learn(self.items, modules), out)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as told:
            self.learnt = pickle.load(told)  # noqa: S301 (it comes from our own fork)
        return [item.nodeid for item, each in zip(self.items, self.learnt, strict=True) if not each.passed]

    def of(self, mutant: Mutant) -> list[pytest.Item]:
        """Choose the tests that come to where a mistake is, the quickest first; a table is everybody's."""
        is_table = not isinstance(mutant.statement, ast.FunctionDef | ast.ClassDef)
        tables = {id(each) for each in vars(sys.modules[mutant.module]).values() if isinstance(each, TABLES)}
        found = [
            (each.taken_ms, number)
            for number, each in enumerate(self.learnt)
            if any(name == mutant.module and (is_table or place == mutant.where) for name, place in each.came)
            or (is_table and tables & {id(value) for value in vars(_module_of(self.items[number])).values()})
        ]
        return [self.items[number] for _, number in sorted(found)]


def _module_of(item: pytest.Item) -> ModuleType:
    found = item.getparent(pytest.Module)
    assert found, item
    module: ModuleType = found.obj
    return module


def _learn(items: Sequence[pytest.Item], modules: Sequence[ModuleType]) -> list[Learnt]:
    came: set[tuple[str, str]] = set()
    for module in modules:
        vars(module)[SIGN] = lambda where, name=module.__name__: came.add((name, where))
        for statement in signed(Path(str(module.__file__)).read_text(), SIGN):
            put(statement, module)
    learnt = []
    for item in items:
        came.clear()
        read_ms = clock.timer_ms()
        passed = _passes(item)
        learnt.append(Learnt(passed=passed, taken_ms=read_ms(), came=frozenset(came)))
    return learnt


def survives(mutant: Mutant, tests: Sequence[pytest.Item]) -> bool:
    """Make a mistake in a process of its own, and tell whether all tests pass there."""
    child = os.fork()
    if child == 0:
        _try(mutant, tests)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == ALIVE


def _try(mutant: Mutant, tests: Sequence[pytest.Item]) -> None:
    """Run tests until one fails, and end this process with what came of it."""
    code = KILLED
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds_max, cpu_seconds_max))
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
        with suppress(Exception):
            put(mutant.statement, sys.modules[mutant.module])
            code = ALIVE if all(map(_passes, tests)) else KILLED
    finally:
        os._exit(code)


def _passes(item: pytest.Item) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def put(statement: ast.stmt, module: ModuleType) -> None:
    """Put another statement into a module that others have imported from already."""
    names = vars(module)
    before = dict(names)
    tree = ast.Module([statement], [])
    exec(compile(tree, str(module.__file__), "exec"), names)  # noqa: S102 (a mistake in our own source)
    for name, new in list(names.items()):
        old = before.get(name)
        if old is new or name.startswith("__"):
            continue
        if isinstance(old, type):
            names[name] = old
            _give_methods(old, new)
        elif isinstance(function := unwrap(old) if callable(old) else old, FunctionType):
            names[name] = old
            _give_code(function, unwrap(new))
        else:
            _put_everywhere(name, old, new)


def _give_methods(old: type, new: type) -> None:
    for name, method in vars(new).items():
        mine = vars(old).get(name)
        if isinstance(method, property) and isinstance(mine, property):
            _give_code(mine.fget, method.fget)
        elif isinstance(method, FunctionType) and isinstance(mine, FunctionType):
            _give_code(mine, method)


def _give_code(old: Any, new: Any) -> None:
    old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__


def _put_everywhere(name: str, old: Any, new: Any) -> None:
    for module in list(sys.modules.values()):
        if vars(module).get(name) is old:
            setattr(module, name, new)
