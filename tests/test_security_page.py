"""What the page about security names is there: every test, every module, every item once, and no item is forgotten."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tillkeeper.access.staff import rules as passwords
from tillkeeper.access.staff import well_known
from tillkeeper.flows import sign_in

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
TABLES = PAGE.partition("## OWASP ASVS")[2].partition("\n## ")[0]
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (?:`([^`|]+)`)? ?\| ([^|]*)\|$", re.MULTILINE)
NOT_HERE = re.compile(r"^\| ([^|]+) \| ([\d., –]+) \|$", re.MULTILINE)
ITEM = re.compile(r"\d+\.\d+\.\d+")
LEFT_OPEN = re.compile(r"\*\*not met\*\*|yours")
items_min = 50
LEVELS = {
    "1": "22 1111122223 112222222223 222 123",
    "2": "122 112 12223 23",
    "3": "3 113 12223 11222233 11122333 3 22333",
    "4": "12233 23333 22 1222",
    "5": "2 112333 113 222",
    "6": "122 111111112222 11223333 112233 22222333 2223 33 2222",
    "7": "222 1111 22 11222 223 22",
    "8": "1233 1123 133 23",
    "9": "111 1222",
    "10": "22 223 22223 1111122222233333 22222 22 222",
    "11": "2233 22233 11233 1222 23 23 33",
    "12": "12233 11 22223",
    "13": "2333 222223 2233 1222233",
    "14": "22 12223333 122",
    "15": "12233 12233 1222222 3333",
    "16": "2 22222 2222 222 2223",
    "17": "23 22223333 22",
}
"""Of which level each item of the standard is: its chapters, their sections, and in these one digit for each."""
ALL = [
    (f"{chapter}.{section}.{number}", int(level))
    for chapter, sections in LEVELS.items()
    for section, levels in enumerate(sections.split(), start=1)
    for number, level in enumerate(levels, start=1)
]
ORDER = [item for item, _ in ALL]
COUNTS = {1: 70, 2: 183, 3: 92}
IN_WORDS = {5: "five", 10: "ten", 20: "twenty"}


def rows() -> list[tuple[str, str, str, str]]:
    """List the rows of the table of items: item, words, module and tests."""
    return [found for found in ROW.findall(TABLES) if ITEM.match(found[0])]


def items(text: str) -> Iterator[str]:
    """List the items that a cell names, with all of those between two that a dash joins."""
    for part in text.split(","):
        first, _, last = (each.strip() for each in part.partition("–"))
        yield from ORDER[ORDER.index(first) : ORDER.index(last or first) + 1]


def not_here() -> list[str]:
    """List the items that are about what is not here."""
    return [item for _, cell in NOT_HERE.findall(TABLES) for item in items(cell)]


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
    assert bool(module) == bool(TEST.search(tests)), "a module goes with a test"
    assert module or LEFT_OPEN.search(words)
    if module:
        assert (ROOT / "src" / "tillkeeper" / module).exists() or (ROOT / module).exists(), module


def test_no_item_stands_there_twice() -> None:
    named = [item for row in rows() for item in items(row[0])] + not_here()
    assert len(named) >= items_min
    assert len(named) == len({*named})


def test_every_item_of_the_first_two_levels_is_in_one_of_the_tables() -> None:
    named = {item for row in rows() for item in items(row[0])} | {*not_here()}
    assert [item for item, level in ALL if level <= 2 and item not in named] == []
    assert {level: sum(each == level for _, each in ALL) for level in COUNTS} == COUNTS


def test_a_dash_stands_for_every_item_between_its_ends() -> None:
    assert [*items("1.2.9–1.3.1, 2.2.2")] == ["1.2.9", "1.2.10", "1.3.1", "2.2.2"]
    with pytest.raises(ValueError, match=r"1\.2\.11"):
        [*items("1.2.11")]


def test_the_rows_of_the_table_stand_in_the_order_of_the_standard() -> None:
    firsts = [ORDER.index(next(items(row[0]))) for row in rows()]
    assert firsts == sorted(firsts)


def test_the_guide_names_the_numbers_by_which_guessing_ends() -> None:
    guide = " ".join((ROOT / "docs" / "access.md").read_text().split())
    for said in (
        f"An address may try {IN_WORDS[sign_in.tries_per_address_max]} times a minute",
        f"an account can be tried {IN_WORDS[sign_in.tries_per_account_max]} times",
        f"After {IN_WORDS[passwords.wrong_codes_per_hour_max]} wrong codes",
        f"Passwords have {passwords.password_length_min} to {passwords.password_length_max} characters",
        f"after {passwords.idle_minutes} minutes without a request, after {passwords.session_hours_max} hours",
    ):
        assert said in guide


def test_the_page_says_how_soon_packages_are_renewed() -> None:
    section = " ".join(PAGE.partition("## What it is made of")[2].split())
    assert (
        "with a known hole within a week, or at once when strangers can reach it, and everything else each quarter"
        in section
    )
    assert "`.ci/run audit`" in section
    assert "audit" in (ROOT / "deploy" / "ci" / "weekly.yml").read_text()


def test_the_page_says_how_many_passwords_nobody_takes() -> None:
    assert f"{len(well_known.known()):,} of 12 characters and more" in PAGE
