"""The tests of rules are able to fail: of mistakes that are made in rules and recipes they notice most.

Forty on every change, the same ones each time; all of them with TILL_TEST_FULL=1.
`.venv/bin/python tests/mutation --help` says how to look at some of them.
"""

import os
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.mutation import places, session, trial

FULL = bool(os.environ.get("TILL_TEST_FULL"))
SEED = os.environ.get("TILL_MUTATION_SEED", "1")
take = 0 if FULL else 40
MONEY = ("ledger/recipes", "payments/rules")
floor = 0.95
"""What the whole has reached, less what a slice may be off by chance."""
hours_seconds = 7200
SOURCE = '''
from enum import Enum

class Colour(Enum):
    RED = 1
    BLUE = 2

LIMIT = 3
NAMES = {Colour.RED: "red"}

def fits(amount, left):
    """Say whether it fits."""
    if amount > left and left:
        raise ValueError("too much")
    return min(amount, LIMIT)

class Purse:
    @property
    def full(self):
        return self.amount >= LIMIT
'''


@pytest.fixture
def module(tmp_path: Path) -> types.ModuleType:
    """Lend a module of a few lines."""
    (tmp_path / "made.py").write_text(SOURCE)
    made = types.ModuleType("made")
    made.__file__ = str(tmp_path / "made.py")
    exec(compile(SOURCE, made.__file__, "exec"), vars(made))  # noqa: S102 (the lines above)
    return made


def test_every_mistake_that_is_known_is_made_and_none_in_words_for_people(module: types.ModuleType) -> None:
    assert [each.name for each in places.mutants(module, SOURCE)] == [
        "LIMIT: 3 → 4",
        "LIMIT: 3 → 2",
        "NAMES: Colour.RED → Colour.BLUE",
        "fits: amount > left and left → amount > left or left",
        "fits: amount > left and left → left",
        "fits: amount > left and left → amount > left",
        "fits: amount > left → amount >= left",
        "fits: amount > left → amount <= left",
        "fits: raise ValueError('too much') → pass",
        "fits: return min(amount, LIMIT) → return None",
        "fits: min(amount, LIMIT) → max(amount, LIMIT)",
        "Purse.full: return self.amount >= LIMIT → return None",
        "Purse.full: self.amount >= LIMIT → self.amount > LIMIT",
        "Purse.full: self.amount >= LIMIT → self.amount < LIMIT",
    ]


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("fits: min(amount, LIMIT) → max(amount, LIMIT)", 2, 3),
        ("LIMIT: 3 → 2", 2, 2),
        ("fits: return min(amount, LIMIT) → return None", 2, None),
    ],
)
def test_a_mistake_reaches_those_who_have_imported_what_is_wrong(
    module: types.ModuleType, name: str, before: int, after: int | None
) -> None:
    imported = module.fits
    assert imported(2, 9) == before
    [mutant] = [each for each in places.mutants(module, SOURCE) if each.name == name]
    trial.put(mutant.statement, module)
    assert imported(2, 9) == after


def test_a_mistake_in_a_table_reaches_the_tables_that_are_made_of_it(module: types.ModuleType) -> None:
    source = "LOW = 1\nBOTH = (LOW, 5)\n"
    exec(source, vars(module))  # noqa: S102 (the line above)
    [mutant, _] = [each for each in places.mutants(module, source) if each.where == "LOW"]
    trial.put(mutant.statement, module)
    assert module.BOTH == (2, 5)


def test_a_mistake_in_a_method_reaches_what_was_made_before(module: types.ModuleType) -> None:
    purse = module.Purse()
    purse.amount = 3
    [mutant] = [each for each in places.mutants(module, SOURCE) if each.after == "self.amount > LIMIT"]
    assert purse.full
    trial.put(mutant.statement, module)
    assert not purse.full


def test_where_a_test_comes_to_is_marked_in_every_function(module: types.ModuleType) -> None:
    came: list[str] = []
    vars(module)["sign"] = came.append
    for statement in places.signed(SOURCE, "sign"):
        trial.put(statement, module)
    module.fits(1, 2)
    purse = module.Purse()
    purse.amount = 1
    assert not purse.full
    assert came == ["fits", "Purse.full"]


def test_every_place_that_is_listed_as_changing_nothing_has_a_reason() -> None:
    reasons = [reason for names in session.known_equivalents().values() for reason in names.values()]
    assert [reason for reason in reasons if not reason.endswith(".")] == []


@pytest.mark.timeout(hours_seconds if FULL else 300)
def test_the_tests_of_rules_notice_most_mistakes_with_money(tell: Callable[[str], None]) -> None:
    """Look at payments and books; the rules of the rest are shown by whole flows more than by tests of their own."""
    where = [word for part in MONEY for word in ("--only", part)]
    command = [sys.executable, "tests/mutation", *where, "--seed", SEED, "--take", str(take), "--floor", str(floor)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ended = subprocess.run(command, cwd=session.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [score] = re.findall(r"^score .*$", ended.stdout, re.MULTILINE)
    tell(score)
