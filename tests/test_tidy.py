"""The style rules that no linter knows; each check is also shown something bad, so that it is known to bite."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "tillkeeper"
TESTS = ROOT / "tests"
SOURCES = sorted(SRC.rglob("*.py"))
SUITES = sorted(TESTS.rglob("test_*.py"))
SCRIPTS = [
    ROOT / "till",
    ROOT / "deploy" / "image" / "try",
    ROOT / "deploy" / "secrets" / "make",
    *sorted((ROOT / ".ci").iterdir()),
]
SHELLCHECK = Path(sys.executable).with_name("shellcheck")

file_lines_max = 400
function_lines_max = 50
test_name_words_min = 3

GATEWAY_SHAPE = {"__init__.py", "adapter.py", "webhook.py", "sandbox"}
TRANSACTIONS_OPENED_IN = ("flows", "kernel/db.py", "kernel/replica.py", "sandbox_kit", "ops/bench")
"""The sandbox keeps books of its own, in SQLite; bench measures the ledger without a flow around it."""
COMMITTED_IN = ("kernel/db.py", "sandbox_kit", "ops/migrations")
FLOATS_NAMED_IN = ("kernel/clock.py",)  # the type `Seconds`
VAGUE_CLASS = re.compile(r"(Manager|Helpers?|Utils?|Base|V\d+)$")
VAGUE_MODULES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils", "v2"}
NOT_IMPERATIVE = {"A", "An", "It", "Returns", "The", "These", "This", "Will"}
# Written in two parts, so that this file may hold them.
UNWANTED = (
    "pypi" + ".org",
    "python" + "hosted",
    "npm" + "js.org",
    "index" + "-url",
    "file:" + "//",
    "/ho" + "me/",
    "/ro" + "ot/",
    "/wo" + "rk/",
)
SPREAD_OUT = {".git", ".venv", ".till", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}

Check = Callable[[ast.Module, str], Iterator[str]]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_functions(tree: ast.Module, _: str) -> Iterator[str]:
    for node in functions(tree):
        length = (node.end_lineno or 0) - node.lineno + 1
        if length > function_lines_max:
            yield f"line {node.lineno}: {node.name} has {length} lines, at most {function_lines_max} are allowed"


def floats(tree: ast.Module, where: str) -> Iterator[str]:
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name in {"float", "Float"} and not where.startswith(FLOATS_NAMED_IN):
            yield f"line {getattr(node, 'lineno', 0)}: money is never a float, and a duration is an int of milliseconds"


def stray_transactions(tree: ast.Module, where: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in {"commit", "rollback"} and not where.startswith(COMMITTED_IN):
                yield f"line {node.lineno}: only `async with till.db.transaction()` commits"
            if node.func.attr == "transaction" and not where.startswith(TRANSACTIONS_OPENED_IN):
                yield f"line {node.lineno}: only flows open transactions"


def vague_names(tree: ast.Module, where: str) -> Iterator[str]:
    if Path(where).stem in VAGUE_MODULES or Path(where).parent.name in VAGUE_MODULES:
        yield "the file's name says nothing: name it after the noun that it is about"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and VAGUE_CLASS.search(node.name):
            yield f"line {node.lineno}: {node.name}: say what it is"


def loose_docstrings(tree: ast.Module, _: str) -> Iterator[str]:
    for node in functions(tree):
        text = ast.get_docstring(node)
        lines = text.splitlines() if text else []
        if lines and (lines[0].split()[0] in NOT_IMPERATIVE or lines[0][-1] not in ".:?…"):
            yield f"line {node.lineno}: {node.name}: the docstring starts with one imperative sentence"
        if lines[1:] and lines[1]:
            yield f"line {node.lineno}: {node.name}: the docstring's first sentence stands alone on its line"


def hidden_imports(tree: ast.Module, _: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING":
            yield f"line {node.lineno}: import it plainly, or move it down a layer"


def mocks(tree: ast.Module, _: str) -> Iterator[str]:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if any(re.search(r"\bmock\b|pytest_mock", name) for name in (*names, module)):
            yield f"line {getattr(node, 'lineno', 0)}: no mocks; fakes stand only at the wire"


def terse_tests(tree: ast.Module, _: str) -> Iterator[str]:
    for node in functions(tree):
        if node.name.startswith("test_") and len(node.name.split("_")) - 1 < test_name_words_min:
            yield f"line {node.lineno}: {node.name}: a test's name is a sentence that says one true thing"


def silent_skips(tree: ast.Module, _: str) -> Iterator[str]:
    for node in ast.walk(tree):
        call = node if isinstance(node, ast.Call) else None
        named = call.func if call else node
        if isinstance(named, ast.Attribute) and named.attr in {"skip", "skipif"} and not _says_why(call, named.attr):
            yield f"line {named.lineno}: a skipped test says why"


def _says_why(call: ast.Call | None, kind: str) -> bool:
    # The attribute is walked once more below its call, and then stands alone: only its call can tell.
    if call is None:
        return True
    return bool(call.keywords) or (kind == "skip" and bool(call.args))


def unwanted_words(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        for word in UNWANTED:
            if re.search(re.escape(word) + r"\w" if word.endswith("/") else re.escape(word), line):
                yield f"line {number}: {word} names a machine or a package registry"


SOURCE_CHECKS: dict[Check, tuple[str, str]] = {
    long_functions: ("flows/x.py", "def f():\n" + "    f()\n" * function_lines_max),
    floats: ("flows/x.py", "amount: float = 1"),
    stray_transactions: ("web/x.py", "async def f(till):\n    async with till.db.transaction() as tx: pass"),
    vague_names: ("flows/x.py", "class PaymentManager: pass"),
    loose_docstrings: ("flows/x.py", 'def f():\n    """This returns something."""'),
    hidden_imports: ("flows/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import x"),
}
SUITE_CHECKS: dict[Check, tuple[str, str]] = {
    mocks: ("flows/test_x.py", "from unittest.mock import Mock"),
    terse_tests: ("flows/test_x.py", "def test_pay(): pass"),
    silent_skips: ("flows/test_x.py", "import pytest\ndef test_a_b_c(): pytest.skip()"),
}
MORE_BAD: tuple[tuple[Check, str, str], ...] = (
    (stray_transactions, "reports/x.py", "connection.commit()"),
    (vague_names, "kernel/utils.py", ""),
    (floats, "payments/x.py", "Column(sa.Float)"),
    (loose_docstrings, "flows/x.py", 'def f():\n    """Do this\n    and that."""'),
    (silent_skips, "flows/test_x.py", "@pytest.mark.skipif(True)\ndef test_a_b_c(): pass"),
    (mocks, "flows/test_x.py", "import unittest.mock"),
)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def kept_files() -> list[Path]:
    """List what a commit would hold; where git does not answer, everything but caches."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("git") else None
    if answer and answer.returncode == 0:
        return [path for name in answer.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not SPREAD_OUT & set(path.relative_to(ROOT).parts)]


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_every_source_file_is_tidy(path: Path) -> None:
    text = path.read_text()
    where = path.relative_to(SRC).as_posix()
    untidy = [finding for check in SOURCE_CHECKS for finding in check(ast.parse(text), where)]
    if len(text.splitlines()) > file_lines_max:
        untidy.append(f"longer than {file_lines_max} lines: split it by noun")
    assert untidy == []


@pytest.mark.parametrize("path", SUITES, ids=place)
def test_every_test_file_is_tidy(path: Path) -> None:
    tree = ast.parse(path.read_text())
    where = path.relative_to(TESTS).as_posix()
    assert [finding for check in SUITE_CHECKS for finding in check(tree, where)] == []


@pytest.mark.parametrize(
    ("check", "where", "bad"),
    [*((check, *bad) for check, bad in (SOURCE_CHECKS | SUITE_CHECKS).items()), *MORE_BAD],
)
def test_every_check_finds_what_it_is_for(check: Check, where: str, bad: str) -> None:
    assert list(check(ast.parse(bad), where)) != []


@pytest.mark.parametrize(
    "folder", [f for f in sorted((SRC / "gateways").glob("*")) if (f / "__init__.py").exists()], ids=place
)
def test_every_gateway_folder_has_the_same_shape(folder: Path) -> None:
    parts = {part.name for part in folder.iterdir() if part.suffix == ".py" or (part / "__init__.py").exists()}
    assert {part.replace("sandbox.py", "sandbox") for part in parts} >= GATEWAY_SHAPE


def test_every_flow_is_tested() -> None:
    flows = {file.stem for file in (SRC / "flows").glob("*.py")} - {"__init__"}
    tested = {file.stem.removeprefix("test_") for file in TESTS.glob("flows/test_*.py")}
    assert flows - tested == set()


def test_no_kept_file_names_a_machine_or_a_registry() -> None:
    found = {}
    for path in kept_files():
        try:
            words = list(unwanted_words(path.read_text()))
        except UnicodeDecodeError:
            continue  # a picture or a font
        if words:
            found[place(path)] = words
    assert found == {}


@pytest.mark.parametrize("word", UNWANTED)
def test_the_search_for_machines_and_registries_finds_each_of_them(word: str) -> None:
    assert list(unwanted_words(f"see {word}x")) != []


@pytest.mark.parametrize("script", SCRIPTS, ids=place)
def test_every_script_passes_shellcheck(script: Path) -> None:
    answer = subprocess.run([SHELLCHECK, script], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_shellcheck_finds_an_unquoted_variable(tmp_path: Path) -> None:
    script = tmp_path / "bad"
    script.write_text("#!/bin/sh\nrm $1\n")
    assert subprocess.run([SHELLCHECK, script], capture_output=True, check=False).returncode != 0
