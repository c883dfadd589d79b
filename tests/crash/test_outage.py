"""One gateway hangs or shuts its door: new payments go elsewhere, nobody else feels it, and it heals by itself."""

import asyncio
import random
from collections.abc import Callable
from statistics import median

import pytest
from tests.crash import market
from tests.crash.market import Market
from tests.crash.stage import Json, Stage

from tillkeeper.kernel import clock

SICK = "stripe"
BY_HAND = {"gateway": SICK, "checkout": "embedded", "capture_method": "manual"}
buyers_caught = 30
"""So many stand at the gateway when it stops answering: more than there are connections to the database."""
buyers_later = 20
looks = 10
patience_seconds = 120
GOOD = {"200", "201", "202"}
LONG_OPEN = "application_name = 'tillkeeper' AND xact_start < clock_timestamp() - interval '10 seconds'"
"""A call to a gateway may take half a minute; a transaction that is so old has waited for one."""


async def look_at_others(market_: Market, when: str) -> tuple[list[Json], int]:
    """Open checkouts at the gateways that are well; return them, and in how many milliseconds half of them were."""
    opened, took_ms = [], []
    for number in range(looks):
        for gateway in market_.stage.gateways:
            if gateway != SICK:
                read_ms = clock.timer_ms()
                opened.append(await market_.create(f"{when} {gateway} {number}", gateway=gateway, currency="USD"))
                took_ms.append(read_ms())
    return opened, int(median(took_ms))


async def crowd(market_: Market, when: str, buyers: int) -> list[Json]:
    """Let many buy at once, wherever it is decided."""
    return await asyncio.gather(*(market_.create(f"{when} {number}", currency="USD") for number in range(buyers)))


async def breaker(market_: Market) -> str:
    """Read how the sick gateway does."""
    listed: list[Json] = (await market_.get("admin/gateways/status"))["data"]
    return str(next(each["breaker"] for each in listed if each["gateway"] == SICK))


async def becomes(market_: Market, wanted: str) -> None:
    """Wait until the breaker of the sick gateway is as wanted."""
    async with asyncio.timeout(patience_seconds):
        while await breaker(market_) != wanted:  # noqa: ASYNC110 (another process is looked at)
            await asyncio.sleep(market.look_seconds)


def by_gateway(payments: list[Json]) -> set[str]:
    return {payment["gateway"] for payment in payments}


async def pay_all(market_: Market, payments: list[Json]) -> None:
    """Let everybody pay who could not until now."""

    async def pay(payment: Json) -> None:
        async with market_.door:
            await market_.pay(await market_.until(payment, lambda shown: shown["next_action"] is not None))

    await asyncio.gather(*(pay(payment) for payment in payments))


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["hangs", "refuses"])
async def test_an_outage_of_one_gateway_is_felt_at_no_other_and_heals_by_itself(
    street: Stage, tell: Callable[[str], None], how: str
) -> None:
    door = street.doors[SICK]
    async with market.opened(street, random.randrange(10**6)) as market_:
        for gateway in street.gateways:
            await market_.prefer(gateway, 0 if gateway == SICK else 100)
        held, paid = [await market_.pay(await market_.open(key, **BY_HAND)) for key in ("held", "paid")]
        await market_.post("capture", f"payments/{paid['id']}/capture", {}, "capture of what is refunded")
        opened, before_ms = await look_at_others(market_, "before")

        if how == "hangs":
            door.hang()
        else:
            await door.shut()
        looking = asyncio.create_task(look_at_others(market_, "during"))
        caught, *_ = await asyncio.gather(
            crowd(market_, "caught", buyers_caught),
            market_.post("capture", f"payments/{held['id']}/capture", {}, "capture"),
            market_.post("refund", "refunds", {"payment": paid["id"], "amount": 100}, "refund"),
        )
        opened_meanwhile, during_ms = await looking
        assert street.sessions("application_name = 'tillkeeper'") > 0
        assert street.sessions(LONG_OPEN) == 0
        assert await breaker(market_) == "open"
        later = await crowd(market_, "later", buyers_later)
        assert SICK not in by_gateway(later)
        if how == "hangs":  # nobody knows what became of them, so they are sent nowhere else
            assert {(payment["gateway"], payment["status"]) for payment in caught} == {(SICK, "outcome_unknown")}
        else:
            assert SICK not in by_gateway(caught)
        assert {answer.split()[1] for answer in market_.answers} <= GOOD, market_.answers

        await door.open()
        async with market.hurrying(street):
            await becomes(market_, "closed")
            again = await crowd(market_, "again", 1)
            assert by_gateway(again) == {SICK}
            await pay_all(market_, [*opened, *caught, *opened_meanwhile, *later, *again])
            await market.settle_down(market_)
        findings = await market.look(market_)
    tell(
        f"{how}: half of the calls elsewhere took {before_ms} ms before and {during_ms} ms during, "
        f"{during_ms / before_ms:.1f} times as long; {dict(findings.by_gateway)}; "
        f"answered {dict(sorted(market_.answers.items()))}"
    )
    assert (findings.flagged, findings.let_go) == ([], 0)
    assert findings.payments == 2 + 2 * len(opened) + buyers_caught + buyers_later + 1
