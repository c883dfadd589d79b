"""A machine does everything that can happen to money and credits, in any order and at once, and compares each step.

Merchants ask through the API and gateways tell by webhooks; only what time brings is brought about by its own flow.
TILL_MACHINE_SEED repeats a run, and TILL_MACHINE_STEPS says how long it is. TILL_TEST_FULL=1 runs all of it from a seed
of chance, and else the same slice is played every time, so that a change is judged by itself and not by its luck. What
fails is made as small as it goes, for up to five minutes; TILL_MACHINE_SHRINK=0 shows it as it is.
"""

import ast
import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.machine.crowd import Crowd
from tests.machine.machine import PACKAGES, Opened
from tests.machine.world import World

from tillkeeper.kernel import clock, logs
from tillkeeper.ops.embedded_postgres import Databases

FULL = bool(os.environ.get("TILL_TEST_FULL"))
SEED = int(os.environ.get("TILL_MACHINE_SEED") or (random.randrange(10**6) if FULL else 1))
STEPS = int(os.environ.get("TILL_MACHINE_STEPS") or (50_000 if FULL else 1_200))
SHRINKING = os.environ.get("TILL_MACHINE_SHRINK") != "0"
each_min = STEPS // 100 if FULL else 1
rounds_max = 3 * (STEPS // 1_000 + 1)
steps_a_run = 100
runs_a_round = 20 if FULL else 6
RULES = {name for name in dir(Crowd) if hasattr(getattr(Crowd, name), "hypothesis_stateful_rule")}


@pytest.fixture(autouse=True)
def quiet_logs() -> None:
    """Log as the application does, and only what is worst: goods that are made to fail say so each time."""
    logs.configure("CRITICAL")


@pytest.fixture
def template(databases: Databases, database: str) -> str:
    """Name a database with the machine's catalogue, to copy from."""

    async def stock() -> None:
        world = await World.open(databases.app_url(database), databases.owner_url(database))
        await world.stock(PACKAGES)
        await world.close()

    asyncio.run(stock())
    return database


def opener(databases: Databases, template: str) -> Callable[[], Opened]:
    """Make what opens a world of its own for every run."""
    numbers = count(1)

    def open_world() -> Opened:
        name = f"{template}_{next(numbers)}"
        databases.clone(name, template=template)
        # Each commit is real; but no crash is waited for here, so none has to wait for the disk.
        databases.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
        runner = asyncio.Runner()
        world = runner.run(World.open(databases.app_url(name), databases.owner_url(name)))
        return runner, world, lambda: databases.drop(name)

    return open_world


def test_the_model_knows_nothing_of_the_program() -> None:
    for path in (Path(__file__).with_name(f"{name}.py") for name in ("model", "purse", "balances")):
        trees = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        named = {getattr(node, "module", None) or alias.name for node in trees for alias in node.names}
        assert {name for name in named if name.startswith("tillkeeper")} == set()
        assert {name for name in named if name.startswith("tests")} <= {"tests.machine.model", "tests.machine.purse"}


@pytest.mark.timeout(14_400)
def test_program_and_model_agree_after_every_step(
    databases: Databases, template: str, tell: Callable[[str], None]
) -> None:
    read_ms, tally = clock.timer_ms(), Counter[str]()
    round_settings = settings(
        max_examples=runs_a_round,
        stateful_step_count=steps_a_run,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if SHRINKING else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    open_world, found = staticmethod(opener(databases, template)), list[str]()
    played = type("Machine", (Crowd,), {"open_world": open_world, "tally": tally, "found": found})
    for number in range(SEED, SEED + rounds_max):
        try:
            run_state_machine_as_test(seed(number)(played), settings=round_settings)
        except BaseException as error:
            error.add_note(f"TILL_MACHINE_SEED={number} repeats it")
            error.add_note(min(found, key=len, default="no step differed"))
            raise
        if tally.total() >= STEPS and min(tally[name] for name in RULES) >= each_min:
            break
    counts = ", ".join(f"{name} {times}" for name, times in sorted(tally.items()))
    tell(f"TILL_MACHINE_SEED={SEED}: {tally.total()} steps in {read_ms() // 1000} s, no divergence; {counts}")
    assert {name for name in RULES if tally[name] < each_min} == set()
    assert tally.total() >= STEPS
