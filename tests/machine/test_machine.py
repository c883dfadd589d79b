"""A machine does everything that can happen to money and credits, in any order and at once, and compares each step.

TILL_MACHINE_SEED repeats a run; TILL_TEST_FULL=1 runs all of it, and else a slice.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.machine.crowd import Crowd
from tests.machine.machine import PACKAGES
from tests.machine.world import World

from tillkeeper.kernel import clock, logs
from tillkeeper.ops.embedded_postgres import Databases

FULL = bool(os.environ.get("TILL_TEST_FULL"))
SEED = int(os.environ.get("TILL_MACHINE_SEED") or random.randrange(10**6))
STEPS = int(os.environ.get("TILL_MACHINE_STEPS") or (50_000 if FULL else 2_000))
each_min = 500 if FULL else 1
steps_a_run = 60
runs_a_round = 10
RULES = {name for name in dir(Crowd) if hasattr(getattr(Crowd, name), "hypothesis_stateful_rule")}


@pytest.fixture(scope="module", autouse=True)
def plain_logs() -> None:
    """Log as the application does: pictures of tracebacks take a second each."""
    logs.configure("ERROR")


@pytest.fixture
def template(databases: Databases, database: str) -> str:
    """Name a database with the machine's catalogue, to copy from."""
    async def fill() -> None:
        world = await World.open(databases.app_url(database), databases.owner_url(database))
        await world.stock(PACKAGES)
        await world.close()

    asyncio.run(fill())
    return database


def worlds(databases: Databases, template: str) -> Callable[[], tuple[asyncio.Runner, World, Callable[[], None]]]:
    """Make what opens a world of its own for every run."""
    numbers = count(1)

    def open_world() -> tuple[asyncio.Runner, World, Callable[[], None]]:
        name = f"{template}_{next(numbers)}"
        databases.clone(name, template=template)
        runner = asyncio.Runner()
        world = runner.run(World.open(databases.app_url(name), databases.owner_url(name)))
        return runner, world, lambda: databases.drop(name)

    return open_world


@pytest.mark.timeout(7_200)
def test_program_and_model_agree_after_every_step(
    databases: Databases, template: str, tell: Callable[[str], None]
) -> None:
    read_ms, tally = clock.timer_ms(), Counter[str]()
    rounds = settings(
        max_examples=runs_a_round,
        stateful_step_count=steps_a_run,
        deadline=None,
        database=None,
        phases=(Phase.generate,) if os.environ.get('NOSHRINK') else (Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    for number in count(SEED):
        round_ = type("Round", (Crowd,), {"open_world": staticmethod(worlds(databases, template)), "tally": tally})
        run_state_machine_as_test(seed(number)(round_), settings=rounds)
        if tally.total() >= STEPS:
            break
    told = ", ".join(f"{name} {times}" for name, times in sorted(tally.items()))
    tell(f"TILL_MACHINE_SEED={SEED}: {tally.total()} steps in {read_ms() // 1000} s, no divergence; {told}")
