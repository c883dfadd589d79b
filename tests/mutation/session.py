"""A run of pytest that collects the tests of rules and then, instead of running them, tries mistakes out on them."""

import importlib
import random
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from tests.mutation.places import Mutant, mutants
from tests.mutation.trial import Tests, survives

from tillkeeper.kernel import clock

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCE = ROOT / "src"
RULES = ("*/rules.py", "*/*/rules.py", "*/rules/*.py", "settlement/runs/payouts.py", "ledger/recipes/*.py")
examples_max = 40


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options that a run of mistakes has."""
    group = parser.getgroup("mutation", "mistakes in rules and recipes")
    group.addoption("--seed", type=int, default=1, help="what chooses the mistakes")
    group.addoption("--take", type=int, default=0, help="how many mistakes; all of them when absent")
    group.addoption("--seconds", type=int, default=7200, help="how long to go on, at most")
    group.addoption("--floor", type=float, default=0, help="fail below this score")
    group.addoption(
        "--only", action="append", default=[], help="a part of the path of modules to look at; may be repeated"
    )


def pytest_configure() -> None:
    """Let Hypothesis find the same each time, and not look for the smallest example of what it found."""
    settings.register_profile(
        "mutation",
        database=None,
        deadline=None,
        derandomize=True,
        max_examples=examples_max,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutation")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Learn who tests what, make mistakes until time is over, and say what came of it."""
    if session.testsfailed:
        message = "the tests cannot be loaded"
        raise session.Interrupted(message)
    modules = [load(path) for path in chosen_files(session.config.option.only)]
    tests = Tests(session.items)
    read_ms = clock.timer_ms()
    if failed := tests.learn(modules):
        message = f"without any mistake these fail already: {', '.join(failed)}"
        raise session.Interrupted(message)
    say(f"{len(session.items)} tests learnt in {read_ms() / 1000:.0f} s")
    if not judge(tests, modules, session.config.option):
        session.testsfailed = 1
    return True


def judge(tests: Tests, modules: list[ModuleType], options: Any) -> bool:
    """Make the chosen mistakes, print every one that nobody noticed and the score of each module."""
    accepted = known_equivalents()
    every = [each for module in modules for each in mutants(module, Path(str(module.__file__)).read_text())]
    rotten = [] if options.only else stale(accepted, every)
    every = [each for each in every if each.name not in accepted.get(short(each.module), ())]
    chosen = random.Random(options.seed).sample(every, min(options.take or len(every), len(every)))
    read_ms, made, lived = clock.timer_ms(), Counter[str](), Counter[str]()
    for mutant in chosen:
        if read_ms() > options.seconds * 1000:
            break
        made[mutant.module] += 1
        if survives(mutant, tests.of(mutant)):
            lived[mutant.module] += 1
            file = Path(str(sys.modules[mutant.module].__file__)).relative_to(ROOT)
            say(f"survived  {file}:{mutant.line}  {mutant.name}")
    for name in sorted(made):
        say(f"{short(name):36} {made[name] - lived[name]:5} of {made[name]:5} noticed")
    noticed, score = made.total() - lived.total(), 1 - lived.total() / max(1, made.total())
    took = f"in {read_ms() // 1000} s; seed {options.seed}"
    say(f"score {score:.4f}: {noticed} of {made.total()} mistakes noticed {took}")
    say(f"{len(every)} can be made, and {sum(map(len, accepted.values()))} more change nothing")
    for name in rotten:
        say(f"in equivalent.toml and not in the source: {name}")
    return score >= options.floor and not rotten


def say(text: str) -> None:
    """Print a line at once: a whole run takes long."""
    print(text, file=sys.__stdout__, flush=True)


def chosen_files(only: list[str]) -> list[Path]:
    """Find the files of rules and recipes, all of them or those whose path holds one of these words."""
    found = {path for pattern in RULES for path in (SOURCE / "tillkeeper").glob(pattern)}
    return sorted(path for path in found if not only or any(word in str(path) for word in only))


def load(path: Path) -> ModuleType:
    """Import the module of a file."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return importlib.import_module(".".join(part for part in parts if part != "__init__"))


def short(module: str) -> str:
    """Leave out what all modules begin with."""
    return module.removeprefix("tillkeeper.")


def known_equivalents() -> dict[str, dict[str, str]]:
    """Read which mistakes change nothing that anybody could see, and why, by module."""
    return tomllib.loads((HERE / "equivalent.toml").read_text())


def stale(accepted: dict[str, dict[str, str]], every: Iterable[Mutant]) -> list[str]:
    """Find what is listed and can no longer be made."""
    there = {(short(mutant.module), mutant.name) for mutant in every}
    return [f"{module}: {name}" for module, names in accepted.items() for name in names if (module, name) not in there]
