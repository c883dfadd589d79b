"""What becomes of payments days later: refunds, wishes for refunds, disputes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tillkeeper.flows.approve_refund import approve_refund, reject_refund
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.request_refund import Asked, request_refund
from tillkeeper.flows.respond import Answering, respond
from tillkeeper.kernel import clock, ids
from tillkeeper.ops.seed.plan import Aftermath
from tillkeeper.ops.seed.sales import Sold, show
from tillkeeper.ops.seed.stage import STANDS, Json, Stage
from tillkeeper.refund_requests import Person, ReasonCode
from tillkeeper.reports import dispute as report
from tillkeeper.responses import Words

bank_days = 4
"""How long a bank thinks about a dispute here."""
slack_days = 6
"""How long it may take until somebody buys again: things go on only when somebody does."""
CUSTOMER = Person(id="support", name="support@local")
DISPUTES = (Aftermath.DISPUTE_WON, Aftermath.DISPUTE_LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Hold what happens to a payment, and when; a dispute has a name at its gateway once it was opened."""

    at: datetime
    sold: Sold
    dispute: str = ""


@dataclass(slots=True)
class Aftermaths:
    """Keep what is still to happen, in the order of time."""

    stage: Stage
    waiting: list[Due] = field(default_factory=list)

    def expect(self, sold: Sold, moment: datetime) -> None:
        """Let something become of a payment that was delivered, if there is time for all of it."""
        sale, days_left = sold.sale, (clock.now().date() - moment.date()).days
        ends = sale.aftermath not in DISPUTES or days_left > sale.after_days + bank_days + slack_days
        if sale.aftermath is not Aftermath.NONE and sold.delivered and ends:
            self.waiting.append(Due(at=moment + timedelta(days=sale.after_days), sold=sold))

    async def catch_up(self, moment: datetime) -> None:
        """Do what is due by a moment, which it is now."""
        due = sorted((each for each in self.waiting if each.at <= moment), key=lambda each: each.sold.sale.number)
        self.waiting = [each for each in self.waiting if each.at > moment]
        for each in due:
            if each.sold.sale.aftermath in DISPUTES:
                await self._dispute(each, moment)
            else:
                await go_on(self.stage, each.sold)
        if due:
            await self.stage.rest()

    async def _dispute(self, due: Due, moment: datetime) -> None:
        """Open a dispute, or end it."""
        stage, sale = self.stage, due.sold.sale
        if due.dispute:
            await stage.act(sale.gateway, f"disputes/{due.dispute}/{_end_of(sale.aftermath)}")
            return
        opened = await open_dispute(stage, due.sold.payment)
        if sale.gateway == "stripe" and sale.aftermath is Aftermath.DISPUTE_WON:
            await stage.rest()
            await answer(stage, due.sold.payment)
        self.waiting.append(Due(at=moment + timedelta(days=bank_days), sold=due.sold, dispute=opened))


async def go_on(stage: Stage, sold: Sold) -> None:
    """Give money back, all or a part, here or at the gateway, or ask whether it may be."""
    match sold.sale.aftermath:
        case Aftermath.REFUND:
            await _refund(stage, sold, None)
        case Aftermath.PART_REFUND:
            await _refund(stage, sold, max(sold.payment["amount"] // 2, 1))
        case Aftermath.REFUND_IN_DASHBOARD:
            await stage.act(sold.sale.gateway, "refunds", **_named(sold.payment))
        case Aftermath.FAILED_REFUND:
            made = await stage.act(sold.sale.gateway, "refunds", **_named(sold.payment))
            await stage.rest()
            await stage.act(sold.sale.gateway, f"refunds/{made['id']}/fail")
        case Aftermath.REFUND_REQUEST | Aftermath.REJECTED_REQUEST:
            await _request(stage, sold)
        case Aftermath.NONE | Aftermath.DISPUTE_WON | Aftermath.DISPUTE_LOST:
            return


async def open_dispute(stage: Stage, payment: Json) -> str:
    """Let the customer's bank take a payment back; return what the gateway calls the dispute."""
    opened = await stage.act(payment["gateway"], "disputes", **_named(payment))
    return str(opened.get("id") or opened["dispute_id"])  # the second is PayPal's word


async def answer(stage: Stage, payment: Json) -> None:
    """Hand in what there is to say."""
    about = ids.parse("payment", payment["id"])
    found: Json = await read(stage.till, lambda tx: report.find(tx, payment=about, status=None, limit=1, cursor=None))
    [dispute] = found["data"]
    answering = Answering(
        dispute=ids.parse("dispute", dispute["id"]),
        by_id=stage.people["mara"].id,
        by_name=stage.people["mara"].name,
        words=Words(statement="The goods were delivered within a second of the payment, and used."),
    )
    await respond(stage.by("mara"), stage.wish(f"evidence {payment['id']}"), answering)


async def ask(stage: Stage, payment: Json) -> str:
    """Ask for money back in a way that a person must agree to; return the request."""
    asked = Asked(
        payment=ids.parse("payment", payment["id"]),
        by=CUSTOMER,
        reason_code=ReasonCode.REQUESTED_BY_CUSTOMER,
        note="bought the wrong package",
        override_reason="a customer of many years",
    )
    made = await request_refund(stage.till, stage.wish(f"request {payment['id']}"), asked)
    return str(made.body["id"])


async def _request(stage: Stage, sold: Sold) -> None:
    request = ids.parse("refund_request", await ask(stage, sold.payment))
    wish, mara = stage.wish(f"decide {request}"), stage.people["mara"]
    by = Person(id=mara.id, name=mara.name)
    if sold.sale.aftermath is Aftermath.REJECTED_REQUEST:
        await reject_refund(stage.by("mara"), wish, request, by=by, reason="asked for after a month of use")
    else:
        await approve_refund(stage.by("mara"), wish, request, by=by)


async def _refund(stage: Stage, sold: Sold, amount: int | None) -> None:
    if (await show(stage, sold.id))["amount_disputed"]:
        return  # the customer's bank was faster
    wanted = RefundWish(payment=sold.id, amount=amount, reason="requested by the customer", of_used_goods=True)
    await refund(stage.by("sam"), stage.wish(f"refund {sold.sale.number}"), wanted)


def _named(payment: Json) -> Json:
    return {STANDS[payment["gateway"]].money: payment["gateway_reference"]}


def _end_of(aftermath: Aftermath) -> str:
    return "win" if aftermath is Aftermath.DISPUTE_WON else "lose"
