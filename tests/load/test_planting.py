"""A day's trade with known disagreements: every one is found and called what it is, none is invented."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from tests.load import planting

from tillkeeper.flows.import_settlement import import_file
from tillkeeper.flows.read import read
from tillkeeper.flows.reconcile import reconcile, reconcile_day
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ledger import trial_balance
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.settings import Settings
from tillkeeper.settlement.runs import Step
from tillkeeper.till import Till

FULL = bool(os.environ.get("TILL_TEST_FULL"))
LINES = 100_000 if FULL else 5_000
SEED = 20_261_121
ENVIRONMENT = {
    "STRIPE_SECRET_KEY": "sk_test_planted",
    "STRIPE_WEBHOOK_SECRET": "whsec_planted",
    "STRIPE_API_BASE": "http://127.0.0.1:9/stripe",
}
KEY = "planting " * 4
SCRIPT = Path(planting.__file__)

EVERYWHERE = tuple(f"reconcile:{step}{when}" for step in Step for when in ("", ":written"))
DEATHS = EVERYWHERE if FULL else tuple(f"reconcile:{where}" for where in ("lines:written", "captures", "end:written"))

Found = dict[str, set[str]]


@pytest.fixture(scope="module")
def plot() -> planting.Plot:
    return planting.draw(LINES, SEED)


@pytest.fixture
async def till(database_url: str) -> AsyncIterator[Till]:
    settings = Settings(mode="sandbox", database_url=database_url, secret_key=KEY)
    opened = await Till.open(settings, secrets=Secrets(ENVIRONMENT))
    yield opened
    await opened.close()


async def compare(till: Till) -> None:
    while await reconcile(till):
        pass


async def found(owner_url: str) -> Found:
    """List what was ever found, by kind, under the names that the planting knows."""
    connection = await asyncpg.connect(owner_url)
    rows = await connection.fetch(
        """
        SELECT kind, discrepancy.status, split_part(subject, ':', 2) AS name, gateway_reference AS payout
        FROM discrepancy LEFT JOIN payout ON payout.id = discrepancy.object
        """
    )
    await connection.close()
    names: Found = defaultdict(set)
    for row in rows:
        if row["status"] == "closed":
            names["tolerated"].add(row["name"])
        else:
            assert row["status"] == "open", row
            names[row["kind"]].add(row["payout"] or row["name"])
    return names


def expected(plot: planting.Plot, names: Found) -> Found:
    """Say what must be found; of two lines of one capture either may be the one too many."""
    wanted = dict(plot.planted)
    doubled = {
        next((name for name in pair.split("|") if name in names["duplicate_at_gateway"]), pair)
        for pair in plot.planted["duplicate_at_gateway"]
    }
    return wanted | {"duplicate_at_gateway": doubled}


def test_the_planting_script_imports_nothing_of_the_project() -> None:
    assert "tillkeeper" not in SCRIPT.read_text()


async def answer(owner_url: str) -> dict[str, list[tuple[object, ...]]]:
    """Read everything that a comparison leaves behind, but when."""
    connection = await asyncpg.connect(owner_url)
    told = {
        name: [tuple(row) for row in await connection.fetch(sql)]
        for name, sql in (
            ("found", "SELECT id, kind, status, theirs, ours, difference, suspended FROM discrepancy ORDER BY id"),
            (
                "runs",
                "SELECT gateway, day, status, lines, ours, found FROM reconciliation_run ORDER BY 1, 2",
            ),
            ("links", "SELECT line_id, side, object FROM settlement_link ORDER BY 1"),
            ("books", "SELECT source, source_id, kind, payload_sha FROM journal ORDER BY 1, 2, 3"),
            ("events", "SELECT id, type FROM outbox_event ORDER BY 1"),
        )
    }
    await connection.close()
    return told


async def die_at(place: str, day: str, database_url: str) -> int:
    """Compare a day in a process of its own that dies at a place; return how it ended."""
    environment = ENVIRONMENT | {"DATABASE_URL": database_url, "TILL_SECRET_KEY": KEY, "TILL_FAILPOINTS": place}
    words = ("reconcile", "run", "--no-fetch", "--gateway", "stripe", "--day", day)
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tillkeeper", *words, env=environment, stdout=subprocess.DEVNULL
    )
    return await running.wait()


@pytest.mark.timeout(600)  # it starts a process for each place
async def test_a_comparison_that_is_killed_half_way_resumes_to_the_same_answer(
    plot: planting.Plot, till: Till, database: str, databases: Databases
) -> None:
    await planting.sow(plot, databases.owner_url(database))
    await import_file(till, "stripe", planting.report(plot))
    await till.db.close()
    twin = f"{database}_twin"
    databases.clone(twin, template=database)
    settings = Settings(mode="sandbox", database_url=databases.app_url(database), secret_key=KEY)
    undisturbed = await Till.open(settings, secrets=Secrets(ENVIRONMENT))
    day = (planting.BEGIN + timedelta(days=1)).date()
    await reconcile_day(undisturbed, "stripe", day)
    await undisturbed.close()
    ends = [await die_at(place, day.isoformat(), databases.app_url(twin)) for place in (*DEATHS, "")]
    assert ends == [-signal.SIGKILL] * len(DEATHS) + [4]
    told = [await answer(databases.owner_url(name)) for name in (database, twin)]
    databases.drop(twin)
    assert told[0]["found"]
    assert told[0] == told[1]


async def test_every_planted_disagreement_is_found_under_its_name_and_none_is_invented(
    plot: planting.Plot, till: Till, owner_url: str
) -> None:
    await planting.sow(plot, owner_url)
    taken = await import_file(till, "stripe", planting.report(plot))
    assert (taken.new, taken.unread) == (len(plot.lines), 0)
    await compare(till)
    names = await found(owner_url)
    tolerated = names.pop("tolerated")
    assert names == expected(plot, names)
    assert {kind: len(each) for kind, each in names.items()} == dict.fromkeys(planting.KINDS, planting.EACH)
    assert len(tolerated) == planting.TOLERATED
    assert (await read(till, trial_balance)).balanced
