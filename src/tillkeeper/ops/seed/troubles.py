"""What is left open at the end of the history: something of everything that a person would have to look at."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import asyncpg

from tillkeeper import routing
from tillkeeper.flows.settle import settle
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import ids
from tillkeeper.ops.seed import accounts, aftermath, sales
from tillkeeper.ops.seed.plan import Aftermath, Fate, Sale
from tillkeeper.ops.seed.sales import Sold
from tillkeeper.ops.seed.stage import Json, Stage, drained

DISPUTED_AT = ("stripe", "paypal")
requests_open = 2
dead_letters = 3
parked_webhooks = 2
looks_max = 9
"""After so many looks at a webhook that nobody knows, it is a dead letter."""
adjustment_minor = -1_250
calls_in_vain = routing.failures_max - 1
"""One more, and nobody could buy there for a while."""
HURRY = "UPDATE inbox_message SET due_at = clock_timestamp() WHERE status = 'parked'"

OPEN = (Fate.ABANDONED, Fate.ABANDONED, Fate.CAPTURED_BY_HAND, Fate.REVIEWED)


async def leave_open(stage: Stage, recent: Sequence[Sold]) -> None:
    """Leave payments, disputes and wishes for refunds where somebody or something must go on with them."""
    now, number = stage.clock.now(), recent[-1].sale.number
    for place, fate in enumerate(OPEN, start=1):
        sale = _like(recent[-1].sale, number + place, fate=fate)
        await sales.begin(stage, sale, now)
    debit = await sales.begin(stage, _like(recent[-1].sale, number + len(OPEN) + 1, fate=Fate.ABANDONED), now)
    await stage.visit(debit.payment, "pay_by_debit")
    await stage.rest()
    for gateway in DISPUTED_AT:
        await aftermath.open_dispute(stage, _last(recent, gateway).payment)
    asked = [each for each in recent if each.sale.gateway not in DISPUTED_AT]
    for each in asked[-requests_open:]:
        await aftermath.ask(stage, each.payment)
    await stage.rest()


async def lose_webhooks(stage: Stage, recent: Sequence[Sold], owner_url: str) -> None:
    """Bring webhooks that speak of payments which are not here, and one that contradicts a payment that is."""
    for _ in range(dead_letters):
        await _decline(stage, ids.new())
    await stage.rest()
    owner = await asyncpg.connect(owner_url)
    try:
        for _ in range(looks_max):
            # The waits between two looks are in the database's time, three hours in all: nothing else is changed.
            await owner.execute(HURRY)
            await drained(settle, stage.till)
    finally:
        await owner.close()
    for _ in range(parked_webhooks):
        await _decline(stage, ids.new())
    await _contradict(stage, _last(recent, "stripe"))
    await stage.rest()


async def differ(stage: Stage) -> None:
    """Let gateways pay out all that is left, so that all agrees; and one move money by hand, which nothing explains."""
    await accounts.pay_out(stage)
    await stage.act("stripe", "movements", kind="adjustment", currency="eur", amount=adjustment_minor)
    await accounts.compare(stage)


async def degrade(stage: Stage, like: Sale, gateway: str = "square") -> None:
    """Let the last calls to a gateway fail, which stands there until it answers the next one.

    The fault itself is over then: whoever buys there is served.
    """
    await stage.turn(error_before_percent=100, only_paths=["/v2/online-checkout"])
    for place in range(calls_in_vain):
        sale = _like(like, like.number + 100 + place, fate=Fate.ABANDONED)
        with suppress(GatewayUnavailableError):
            await sales.try_to_open(stage, replace(sale, gateway=gateway), stage.clock.now())
    await stage.turn(error_before_percent=0, only_paths=[])


def _like(sale: Sale, number: int, *, fate: Fate) -> Sale:
    """Sell the same once more, at a gateway that can do everything."""
    return replace(
        sale, number=number, fate=fate, gateway="stripe", currency="EUR", user=f"late-{number}", before_seconds=30,
        quantity=1, aftermath=Aftermath.NONE,
    )  # fmt: skip


def _last(recent: Sequence[Sold], gateway: str) -> Sold:
    return next(each for each in reversed(recent) if each.sale.gateway == gateway)


async def _decline(stage: Stage, payment: UUID) -> None:
    """Let a payment fail at Stripe of which its metadata say that it is ours."""
    intent = await _intent(stage, payment, amount=1_900)
    await stage.act("stripe", f"payment_intents/{intent['id']}/decline")


async def _contradict(stage: Stage, sold: Sold) -> None:
    """Let pounds be held for a payment in another currency, as a page with a wrong price would."""
    intent = await _intent(stage, sold.id, amount=int(sold.payment["amount"]), currency="gbp", capture_method="manual")
    await stage.act("stripe", f"payment_intents/{intent['id']}/pay")


async def _intent(stage: Stage, payment: UUID, **wish: object) -> Json:
    shown = ids.text("payment", payment)
    return await stage.call("stripe", "/v1/payment_intents", {"currency": "eur", "metadata[payment]": shown} | wish)
