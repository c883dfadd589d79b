"""The seed of a demo: ninety days of history, written by the flows that write it in production."""

import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import httpx2

from tillkeeper.flows.expire import expire
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake
from tillkeeper.kernel import clock, trust
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops.seed import accounts, endpoints, people, plan, sales, troubles
from tillkeeper.ops.seed.aftermath import Aftermaths
from tillkeeper.ops.seed.letterbox import Letterbox
from tillkeeper.ops.seed.moving_clock import Clock
from tillkeeper.ops.seed.people import Crowd
from tillkeeper.ops.seed.plan import Aftermath
from tillkeeper.ops.seed.sales import Sold
from tillkeeper.ops.seed.stage import Stage, drained
from tillkeeper.settings import Settings
from tillkeeper.till import Till

call_timeout_seconds = 35
days_per_week = 7
connections = 4
"""Each connection plans every statement anew, which takes longer here than to wait for a free one."""
SESSION = ("synchronous_commit=off", "plan_cache_mode=force_generic_plan")
"""A history that is lost with the machine is written again, so nobody waits for the disk after each line of it; and all
tables are small while it is written, so one plan of a statement is as good as another."""
first_day_listened = plan.DAYS - 7
recent_max = 60

Progress = Callable[[int, int], None]
"""Is told which day of how many has been written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Hold an empty installation: its environment, the sandbox that runs beside it, and the port of its API.

    Nobody serves at that port yet: until the history is written, the gateways bring their webhooks to us.
    """

    environment: Mapping[str, str]
    sandbox: str
    books: Path
    port: int


async def sow(ground: Ground, *, payments: int, tell: Progress) -> int:
    """Write the history; return how many payments are there then."""
    async with _staged(ground) as stage:
        recent = await _live(stage, payments, tell)
        stage.clock.set_right()
        await stage.turn(clock_ahead_seconds=0, signatures_follow_clock=False)
        await troubles.leave_open(stage, recent)
        await troubles.lose_webhooks(stage, recent, ground.environment["DATABASE_OWNER_URL"])
        await troubles.differ(stage)
        await endpoints.tell(stage)
        await troubles.degrade(stage, recent[-1].sale)
        await accounts.close(stage)
        return int(await read(stage.till, lambda tx: tx.fetchval("SELECT count(*) FROM payment")))


async def _live(stage: Stage, payments: int, tell: Progress) -> list[Sold]:
    """Let the days go by; return what was sold at last and delivered."""
    first, crowd, later = _first_midnight(clock.now()), Crowd(stage), Aftermaths(stage)
    stage.clock.set(first)
    await people.hire(stage)
    recent, day = deque[Sold](maxlen=recent_max), 0
    for slot in plan.slots(payments):
        moment, before, day = first + slot.at, day, slot.at.days
        await stage.move_to(moment)
        await _turn_page(stage, before, day)
        await crowd.come(slot.sales)
        for sold in await sales.sell(stage, slot.sales, moment):
            await crowd.play(sold)
            later.expect(sold, moment)
            if sold.delivered and sold.sale.aftermath is Aftermath.NONE:
                recent.append(sold)
        await later.catch_up(moment)
        if day >= first_day_listened:
            await endpoints.tell(stage)
        tell(day + 1, plan.DAYS)
    return list(recent)


async def _turn_page(stage: Stage, before: int, day: int) -> None:
    """Do what is done once in a while: end what nobody has paid, be paid out every week, and let programs listen."""
    await drained(expire, stage.till)
    if day // days_per_week > before // days_per_week:
        await accounts.pay_out(stage)
        await accounts.compare(stage)
    if before < first_day_listened <= day:
        await endpoints.listen(stage)


def _first_midnight(now: datetime) -> datetime:
    return datetime.combine(now.date() - timedelta(days=plan.DAYS), time.min, UTC)


@asynccontextmanager
async def _staged(ground: Ground) -> AsyncIterator[Stage]:
    moving, environment = Clock(), dict(ground.environment)
    url = environment["DATABASE_URL"]
    environment["DATABASE_URL"] += ("&" if "?" in url else "?") + "&".join(SESSION)
    environment["TILL_DATABASE_CONNECTIONS_MAX"] = str(connections)
    till = await Till.open(Settings.model_validate(environment), secrets=Secrets(environment), now=moving.now)
    box, books = Letterbox(Intake(till)), sqlite3.connect(ground.books, isolation_level=None)
    http = httpx2.AsyncClient(trust_env=False, verify=trust.authorities(), timeout=call_timeout_seconds)
    key = environment["STRIPE_SECRET_KEY"]
    try:
        await box.open(ground.port)
        yield Stage(till=till, clock=moving, box=box, http=http, sandbox=ground.sandbox, key=key, books=books)
    finally:
        await box.close()
        await http.aclose()
        books.close()
        await till.close()
