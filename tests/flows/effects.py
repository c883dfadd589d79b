"""Everything that writes into the books, made ready so that one act more lets it happen, by the flow that does it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.flows import asking
from tests.flows.conftest import uuid_of
from tests.flows.test_abandon import given_up, id_of
from tests.flows.test_adopt import ANA
from tests.flows.test_clear_up import strange_money, the_discrepancy
from tests.flows.test_correct_fees import sold
from tests.flows.test_fulfil import hand_over, mend, spoil
from tests.flows.test_lapse import OVER
from tests.flows.test_money_afterwards import second_capture
from tests.flows.test_pay_out import told
from tests.flows.test_reconcile import found, only_line, tell
from tests.flows.test_revoke import make_up, refunded_in_vain

from tillkeeper import catalog
from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows.abandon import abandon
from tillkeeper.flows.adopt import adopt
from tillkeeper.flows.clear_up import clear_up
from tillkeeper.flows.correct_fees import correct_fees
from tillkeeper.flows.grant import Gift, grant
from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.lapse import lapse
from tillkeeper.flows.offer import offer
from tillkeeper.flows.reconcile import reconcile_day
from tillkeeper.flows.sync import sync
from tillkeeper.flows.take import Taking, take
from tillkeeper.flows.write_off import Forgiving, write_off
from tillkeeper.fulfilment import packs
from tillkeeper.idempotency import InProgressError
from tillkeeper.kernel import clock
from tillkeeper.settlement.runs import Action

Act = Callable[[Any], Awaitable[Any]]
Prepare = Callable[[Any], Awaitable[Act]]


async def hear(shop: Any) -> None:
    """Hear and settle what happened at the gateway; what failed is due again."""
    await shop.hear_news()
    await shop.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status IN ('received', 'parked')")
    await shop.settle()


async def to_be_captured(shop: Any) -> Act:
    await shop.pay(await shop.opened())
    return hear


async def to_be_captured_in_part(shop: Any) -> Act:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()

    async def capture(shop: Any) -> None:
        """Ask as a merchant does; when that was in vain, let the worker finish it."""
        with suppress(InProgressError):
            await shop.capture(payment, 100, key="capture")
        await shop.operate()

    return capture


async def to_be_spent(shop: Any) -> Act:
    await shop.paid()
    return lambda shop: shop.spend(30, key="spend")


async def to_be_refunded(shop: Any) -> Act:
    payment = await shop.paid()
    return lambda shop: shop.refund(payment, 50, key="refund")


async def to_be_refunded_in_the_dashboard(shop: Any) -> Act:
    payment = await shop.paid()
    await shop.spend(100)
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": 150})
    return hear


async def to_be_found_refunded(shop: Any) -> Act:
    payment = await shop.paid()
    shop.line.fault = "lost"
    await shop.refund(payment, 50)
    shop.line.fault = None
    return lambda shop: shop.operate()


async def to_be_taken_back(shop: Any) -> Act:
    payment = await shop.paid()
    made = await shop.refund(payment, 50)
    await shop.catch_up()
    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    return hear


async def to_be_captured_twice(shop: Any) -> Act:
    await second_capture(shop, await shop.paid())
    return hear


async def to_be_disputed(shop: Any) -> Act:
    payment = await shop.paid()
    await shop.act("disputes", {"payment_intent": payment["gateway_reference"]})
    return hear


async def to_be_lost(shop: Any) -> Act:
    payment = await shop.paid()
    opened = await shop.act("disputes", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()
    await shop.act(f"disputes/{opened['id']}/lose")
    return hear


async def to_be_paid_out(shop: Any) -> Act:
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    return hear


async def to_be_handed_over_late(shop: Any) -> Act:
    await spoil(shop)
    await shop.pay(await shop.opened())
    await shop.catch_up()
    await mend(shop)
    return hand_over


async def to_be_won(shop: Any) -> Act:
    payment = await shop.paid()
    opened = await shop.act("disputes", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()
    await shop.act(f"disputes/{opened['id']}/win")
    return hear


async def to_be_told_its_fee(shop: Any) -> Act:
    payment = await shop.paid()
    kept = Notice(
        kind=NoticeKind.PAYMENT_FEE,
        gateway="stripe",
        references=(payment["gateway_reference"],),
        amount=77,
        currency="EUR",
    )
    return lambda shop: shop.apply(kept)


async def to_be_sold_out(shop: Any) -> Act:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    await shop.pay(await shop.opened(package="pack_gold"))
    await shop.owner.execute("UPDATE pack_type SET stock = 0")
    return hear


async def to_be_handed_over_as_cards(shop: Any) -> Act:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    await shop.pay(await shop.opened(package="pack_gold"))
    return hear


async def to_have_its_surplus_refunded(shop: Any) -> Act:
    await second_capture(shop, await shop.paid())
    await shop.catch_up()
    await shop.owner.execute("DELETE FROM operation WHERE kind <> 'refund'")  # asking for fees is another effect
    return lambda shop: shop.operate()


async def to_be_asked_about(shop: Any) -> Act:
    payment = await shop.opened()
    await shop.pay(payment)
    return lambda shop: sync(shop.till, uuid_of(payment))


async def to_be_refunded_by_request(shop: Any) -> Act:
    payment = await shop.paid()
    return lambda shop: asking.ask(shop, payment, 50, key="request")


async def to_be_agreed_to(shop: Any) -> Act:
    await asking.rule(shop, asking.CAREFUL)
    request = await asking.ask(shop, await shop.paid(), 50)
    return lambda shop: asking.agree(shop, request, key="agreed")


async def to_be_abandoned(shop: Any) -> Act:
    _, made = await given_up(shop)
    return lambda shop: abandon(shop.till, id_of(made), "not in the dashboard")


async def to_be_taken_late(shop: Any) -> Act:
    await refunded_in_vain(shop, await shop.paid())
    await mend(shop)
    return make_up


async def to_be_given(shop: Any) -> Act:
    await owing(shop)
    gift = Gift(user="ana", amount=150, reason="sorry", made_by="key_1")
    return lambda shop: grant(shop.till, shop.wish("gift"), gift)


async def to_be_taken(shop: Any) -> Act:
    await shop.paid()
    taking = Taking(user="ana", amount=70, reason="a mistake", made_by="key_1")
    return lambda shop: take(shop.till, shop.wish("taking"), taking)


async def to_be_forgiven(shop: Any) -> Act:
    await owing(shop)
    forgiving = Forgiving(user="ana", reason="they left", made_by="key_1")
    return lambda shop: write_off(shop.till, shop.wish("forgiving"), forgiving)


async def owing(shop: Any) -> None:
    """Let ana owe 100 credits."""
    payment = await shop.paid()
    await shop.spend(100)
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()


async def to_be_ended(shop: Any) -> Act:
    await shop.paid()
    await shop.owner.execute(OVER)
    return lambda shop: lapse(shop.till)


async def to_be_adopted(shop: Any) -> Act:
    await shop.paid()
    return lambda shop: adopt(shop.till, [ANA])


async def to_be_paid_out_and_sent_back(shop: Any) -> Act:
    await shop.apply(told("paid"))
    return lambda shop: shop.apply(told("failed"))


async def to_have_its_fee_corrected(shop: Any) -> Act:
    await sold(shop, off=7)
    await found(shop)
    return lambda shop: correct_fees(shop.later(days=14))


async def to_be_put_aside(shop: Any) -> Act:
    await shop.pay(await shop.opened())
    return await comparing(shop)


async def to_be_tolerated(shop: Any) -> Act:
    await shop.paid()
    await shop.owner.execute("UPDATE payment SET fee_final = false")
    line = await only_line(shop)
    await tell(shop, replace(line, fee=line.fee + 1, net=line.net - 1), compared=False)
    return compare_today


async def to_be_charged(shop: Any) -> Act:
    await shop.paid()
    await shop.act("movements", {"kind": "stripe_fee", "currency": "eur", "amount": -250})
    return await comparing(shop)


async def to_be_explained(shop: Any) -> Act:
    await shop.pay(await shop.opened())
    act = await comparing(shop)
    await act(shop)
    await shop.catch_up()
    return act


async def comparing(shop: Any) -> Act:
    """Read the gateway's account, so that it can be compared."""
    await import_settlement(shop.later(hours=2))
    return compare_today


async def compare_today(shop: Any) -> None:
    """Compare today with what the gateway accounts for."""
    await reconcile_day(shop.later(hours=30), "stripe", clock.now().date())


async def to_be_accepted(shop: Any) -> Act:
    await strange_money(shop)
    discrepancy = await the_discrepancy(shop)
    return lambda shop: clear_up(shop.till, discrepancy, action=Action.ACCEPT, reason="a gift", by="ana")


async def to_be_found_after_all(shop: Any) -> Act:
    """Accept that a line is missing, and let it come late."""
    await shop.paid()
    line = await only_line(shop)
    await tell(shop, replace(line, line_id="txn_other", object_id="pi_other", our_reference=None))
    lost = await shop.owner.fetchval("SELECT id FROM discrepancy WHERE kind = 'missing_at_gateway'")
    await clear_up(shop.till, lost, action=Action.ACCEPT, reason="gone", by="ana")
    late = replace(line, occurred_at=line.occurred_at + timedelta(days=1))
    return lambda shop: tell(shop, late, compared=False)


EFFECTS: dict[str, tuple[Prepare, ...]] = {
    "abandon": (to_be_abandoned,),
    "adopt": (to_be_adopted,),
    "approve_refund": (to_be_agreed_to,),
    "clear_up": (to_be_accepted,),
    "correct_fees": (to_have_its_fee_corrected,),
    "fulfil": (to_be_handed_over_late,),
    "grant": (to_be_given,),
    "import_settlement": (to_be_found_after_all,),
    "lapse": (to_be_ended,),
    "operate": (to_be_captured_in_part, to_be_found_refunded, to_have_its_surplus_refunded),
    "pay_out": (to_be_paid_out, to_be_paid_out_and_sent_back),
    "reconcile": (to_be_put_aside, to_be_tolerated, to_be_charged, to_be_explained),
    "refund": (to_be_refunded,),
    "request_refund": (to_be_refunded_by_request,),
    "revoke": (to_be_taken_late,),
    "settle": (
        *(to_be_captured, to_be_captured_twice, to_be_handed_over_as_cards, to_be_sold_out, to_be_told_its_fee),
        *(to_be_refunded_in_the_dashboard, to_be_taken_back, to_be_disputed, to_be_won, to_be_lost),
    ),
    "spend": (to_be_spent,),
    "sync": (to_be_asked_about,),
    "take": (to_be_taken,),
    "write_off": (to_be_forgiven,),
}
"""By the flow that posts; whatever posts is in it."""
SILENT = frozenset(
    (
        *(to_be_spent, to_be_given, to_be_taken, to_be_forgiven, to_be_ended, to_be_adopted),
        *(to_be_told_its_fee, to_have_its_fee_corrected, to_be_tolerated, to_be_charged, to_be_explained),
        *(to_be_accepted, to_be_found_after_all),
    )
)
"""What no outgoing event tells of."""
