"""Checkouts, and what customers do with them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.capture import capture
from tillkeeper.flows.checkout import CREATED, Purchase, checkout
from tillkeeper.flows.guard import Listing, put_on_list
from tillkeeper.flows.read import read
from tillkeeper.flows.review import Verdict, review
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.ops.seed.plan import Fate, Sale
from tillkeeper.ops.seed.stage import Json, SeedError, Stage
from tillkeeper.reports import payment as report
from tillkeeper.risk import Context, Side, Trait

bulk_units = 126
"""So many of the largest package are a large amount; with a new account, a person looks at it."""
at_once = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """Hold a sale, and the payment that was opened for it."""

    sale: Sale
    payment: Json

    @property
    def id(self) -> UUID:
        """Name the payment inside."""
        return ids.parse("payment", self.payment["id"])

    @property
    def delivered(self) -> bool:
        """Tell whether it was paid, and its goods were handed over."""
        return bool(self.payment["fulfilment"]["status"] == "delivered")


async def sell(stage: Stage, sales: Sequence[Sale], slot: datetime) -> list[Sold]:
    """Let people buy; return what they opened, as it is once all have done what they do."""
    gate = asyncio.Semaphore(at_once)

    async def one(sale: Sale) -> Sold | None:
        async with gate:
            return await try_to_open(stage, sale, slot)

    opened = [each for each in await asyncio.gather(*map(one, sales)) if each]
    await asyncio.gather(*(_visit(stage, each) for each in opened))
    await stage.rest()
    again = [each for each in opened if each.sale.fate is Fate.PAID_AT_SECOND_TRY]
    by_hand = [each for each in opened if each.sale.fate in (Fate.CAPTURED_BY_HAND, Fate.REVIEWED)]
    await asyncio.gather(*(stage.visit(each.payment, "pay") for each in again))
    for each in by_hand:
        await _decide(stage, each)
    if again or by_hand:
        await stage.rest()

    async def look(tx: Transaction) -> list[Sold]:
        return [Sold(sale=each.sale, payment=await report.show(tx, each.id)) for each in opened]

    return await read(stage.till, look)


async def show(stage: Stage, payment: UUID) -> Json:
    """Read a payment."""
    return await read(stage.till, lambda tx: report.show(tx, payment))


async def begin(stage: Stage, sale: Sale, slot: datetime) -> Sold:
    """Let somebody open a checkout, and do there what they do; nobody decides anything about it."""
    opened = await try_to_open(stage, sale, slot)
    if opened is None:
        message = f"Sale {sale.number} was not opened."
        raise SeedError(message)
    await _visit(stage, opened)
    return opened


async def try_to_open(stage: Stage, sale: Sale, slot: datetime) -> Sold | None:
    """Open a checkout; None when the buyer is turned away, or nobody knows what the gateway made of it."""
    moment = slot - timedelta(seconds=sale.before_seconds)
    large = sale.fate in (Fate.REVIEWED, Fate.BLOCKED)
    user = f"new-{sale.number}" if large else sale.user
    if sale.fate is Fate.BLOCKED:
        await put_on_list(stage.by("mara"), Listing(side=Side.BLOCK, trait=Trait.USER, value=user, note="stolen cards"))
    purchase = Purchase(
        package="credits_600" if large else sale.package,
        quantity=bulk_units if large else sale.quantity,
        currency=sale.currency,
        user=user,
        gateway=sale.gateway,
        capture_method="manual" if sale.fate is Fate.CAPTURED_BY_HAND else "automatic",
        context=Context(account_created_at=moment - timedelta(hours=2)) if large else Context(),
    )
    answer = await checkout(stage.at(moment), stage.wish(f"sale {sale.number}"), purchase)
    return Sold(sale=sale, payment=answer.body) if answer.status == CREATED else None


async def _visit(stage: Stage, sold: Sold) -> None:
    match sold.sale.fate:
        case Fate.PAID | Fate.CAPTURED_BY_HAND | Fate.REVIEWED | Fate.BLOCKED:
            await stage.visit(sold.payment, "pay")
        case Fate.PAID_AT_SECOND_TRY | Fate.DECLINED:
            await stage.visit(sold.payment, "decline")
        case Fate.AUTHENTICATED:
            await stage.visit(sold.payment, "authenticate", outcome="complete")
        case Fate.ABANDONED:
            await stage.visit(sold.payment, "abandon")
        case Fate.CANCELED:
            await cancel(stage.till, stage.wish(f"cancel {sold.sale.number}"), sold.id)


async def _decide(stage: Stage, sold: Sold) -> None:
    """Let one of the merchant's people capture what waits for it, or look at what is doubtful."""
    till, wish = stage.by("mara"), stage.wish(f"decide {sold.sale.number}")
    if sold.sale.fate is Fate.CAPTURED_BY_HAND:
        await capture(till, wish, sold.id)
    else:
        approved = sold.sale.number % 2 == 0
        await review(till, wish, sold.id, Verdict(approved=approved, reason="called the customer"))
