"""What the page about security names is there: every test, every module, and every item once."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (?:`([^`|]+)`)? ?\| ([^|]*)\|$", re.MULTILINE)
ITEM = re.compile(r"\d+\.\d+\.\d+")
LEFT_OPEN = re.compile(r"\*\*not met\*\*|yours")
items_min = 50


def rows() -> list[tuple[str, str, str, str]]:
    """List the rows of the table of items: item, words, module and tests."""
    return [found for found in ROW.findall(PAGE.partition("## OWASP ASVS")[2]) if ITEM.match(found[0])]


def missing(text: str) -> list[str]:
    """List the tests that a text names and that are not there."""
    lost = []
    for file, name in TEST.findall(text):
        place = ROOT / file
        functions = ast.walk(ast.parse(place.read_text())) if place.is_file() else ()
        names = {each.name for each in functions if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
        if not place.is_file() or (name and name not in names):
            lost.append(f"{file}::{name}")
    return lost


def test_every_test_that_is_named_is_there() -> None:
    assert len(TEST.findall(PAGE)) > items_min
    assert missing(PAGE) == []


def test_a_test_that_is_not_there_would_be_found() -> None:
    assert missing("`tests/test_tidy.py::test_nothing_of_that_name` and `tests/test_nothing.py`") == [
        "tests/test_tidy.py::test_nothing_of_that_name",
        "tests/test_nothing.py::",
    ]


def test_every_threat_names_a_test() -> None:
    table = PAGE.partition("## Threats")[2].partition("## OWASP")[0]
    threats = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(threats) > 12
    assert [line for line in threats if not TEST.search(line)] == []


@pytest.mark.parametrize(("item", "words", "module", "tests"), rows(), ids=lambda value: str(value)[:20])
def test_every_item_names_where_it_is_met_and_what_shows_it_or_who_is_to_do_it(
    item: str, words: str, module: str, tests: str
) -> None:
    assert all(ITEM.fullmatch(part) for part in re.split(r", |–", item))
    assert (module and TEST.search(tests)) or LEFT_OPEN.search(words)
    if module:
        assert (ROOT / "src" / "tillkeeper" / module).exists() or (ROOT / module).exists(), module


def test_no_item_stands_there_twice() -> None:
    named = [item for row in rows() for item in ITEM.findall(row[0])]
    assert len(named) >= items_min
    assert len(named) == len({*named})
