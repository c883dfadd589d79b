"""Disputes move money and goods: held back and frozen, won back, or lost with what was sold."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.conftest import Json, uuid_of
from tests.flows.test_fulfil import hand_over, mend, paid_in_vain

from tillkeeper.facts import DisputeFacts, DisputeStatus, Notice, NoticeKind
from tillkeeper.flows.read import read
from tillkeeper.fulfilment.wallet import InsufficientCreditsError
from tillkeeper.kernel import clock
from tillkeeper.reports import dispute as disputes_shown
from tillkeeper.reports import timeline
from tillkeeper.reports import wallet as wallets_shown

PRICE, DISPUTE_FEE = 199, 1500
FEE = (PRICE * 290 + 5_000) // 10_000 + 30
CLEARING, RECEIVABLE = "gateway:stripe:clearing:EUR", "gateway:stripe:dispute_receivable:EUR"
DEFERRED, LOSS, FEES = "deferred:EUR", "chargeback_loss:EUR", "fees:stripe:dispute:EUR"
GIVEN_UP, EARNED = "refunds_of_earned:EUR", "revenue:credits:EUR"
KINDS = {DisputeStatus.WON: NoticeKind.DISPUTE_WON, DisputeStatus.LOST: NoticeKind.DISPUTE_LOST}


async def disputed(shop: Any, payment: Json, amount: int | None = None) -> str:
    """Let the customer's bank take a payment back, or a part of it."""
    wanted = {"payment_intent": payment["gateway_reference"]} | ({"amount": amount} if amount else {})
    opened = await shop.act("disputes", wanted)
    await shop.catch_up()
    return str(opened["id"])


async def ended(shop: Any, dispute: str, how: str) -> None:
    """Let the bank decide."""
    await shop.act(f"disputes/{dispute}/{how}")
    await shop.catch_up()


async def purse(shop: Any, user: str = "ana") -> tuple[int, int, int]:
    """Read what can be spent, what is frozen, and what is owed."""
    shown: Any = await read(shop.till, lambda tx: wallets_shown.show(tx, user))
    return shown["balance"], shown["frozen"], shown["debt"]


async def shown_dispute(shop: Any) -> Json:
    found: Any = await read(
        shop.till, lambda tx: disputes_shown.find(tx, payment=None, status=None, limit=9, cursor=None)
    )
    [dispute] = found["data"]
    return dict(dispute)


def a_stage(payment: Json, status: DisputeStatus, minute: int, /, amount: int = PRICE, **told: Any) -> Notice:
    """Tell a stage of a dispute as a gateway would that is free to say what it likes."""
    at = clock.now() + timedelta(minutes=minute)
    facts: Json = {"id": "dp_told", "status": status, "reason": "fraudulent", "at": at}
    currency = told.pop("currency", "EUR")
    return Notice(
        kind=KINDS.get(status, NoticeKind.DISPUTE_UPDATED),
        gateway="stripe",
        references=(payment["gateway_reference"],),
        amount=amount,
        currency=currency,
        dispute=DisputeFacts(**facts | told),
    )


def a_reversal(payment: Json, amount: int = PRICE) -> Notice:
    """Tell that the gateway gave the payer's money back by itself."""
    return Notice(
        kind=NoticeKind.REFUND_SUCCEEDED,
        gateway="stripe",
        references=(payment["gateway_reference"],),
        amount=amount,
        currency="EUR",
        refund_reference="re_by_itself",
        reversal=True,
    )


async def refunded_in_the_dashboard(shop: Any, payment: Json, amount: int) -> Json:
    made = await shop.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": amount})
    await shop.catch_up()
    return dict(made)


async def test_money_that_is_withdrawn_is_receivable_and_its_goods_are_frozen(shop: Any) -> None:
    payment = await shop.paid()
    await disputed(shop, payment)

    assert await shop.ledger(RECEIVABLE, FEES, DEFERRED) == [PRICE, DISPUTE_FEE, PRICE]
    assert await shop.ledger(CLEARING) == [-FEE - DISPUTE_FEE]
    assert await purse(shop) == (0, 120, 0)
    with pytest.raises(InsufficientCreditsError):
        await shop.spend(1)
    shown = await shop.show(payment)
    assert (shown["amount_disputed"], shown["fulfilment"]["status"]) == (PRICE, "delivered")


async def test_a_dispute_that_is_won_brings_money_and_goods_back_but_not_the_fee(shop: Any) -> None:
    payment = await shop.paid()
    await ended(shop, await disputed(shop, payment), "win")

    assert await shop.ledger(RECEIVABLE, FEES, LOSS, DEFERRED) == [0, DISPUTE_FEE, 0, PRICE]
    assert await shop.ledger(CLEARING) == [PRICE - FEE - DISPUTE_FEE]
    assert await purse(shop) == (120, 0, 0)
    await shop.spend(120)
    assert await shop.ledger(EARNED, DEFERRED) == [PRICE, 0]


async def test_a_dispute_that_is_lost_takes_unused_goods_and_costs_only_the_fee(shop: Any) -> None:
    payment = await shop.paid()
    await ended(shop, await disputed(shop, payment), "lose")

    assert await shop.ledger(RECEIVABLE, FEES, LOSS, DEFERRED) == [0, DISPUTE_FEE, 0, 0]
    assert await purse(shop) == (0, 0, 0)
    assert (await shop.show(payment))["fulfilment"] == {
        "status": "revoked",
        "kind": "credits",
        "quantity": 120,
        "revoked": 120,
    }
    assert await shop.count("outbox_event", "type = 'fulfilment.revoked'") == 1
    dispute = await shown_dispute(shop)
    assert (dispute["status"], dispute["amount_withdrawn"], dispute["amount_lost"]) == ("lost", PRICE, PRICE)


async def test_a_lost_dispute_about_spent_credits_is_a_loss_and_a_debt_that_the_next_purchase_repays(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(90)
    dispute = await disputed(shop, payment)
    assert await purse(shop) == (0, 30, 0), "as long as nobody has decided nothing is owed"
    await ended(shop, dispute, "lose")

    earned = PRICE * 90 // 120
    assert await shop.ledger(RECEIVABLE, LOSS, EARNED, DEFERRED) == [0, earned, earned, 0]
    assert await purse(shop) == (0, 0, 90)
    await shop.paid()
    assert await purse(shop) == (30, 0, 0)


async def test_what_a_lost_dispute_does_not_find_in_its_lot_is_taken_from_others(shop: Any) -> None:
    first = await shop.paid()
    await shop.spend(90)
    await shop.paid()
    await ended(shop, await disputed(shop, first), "lose")

    assert await purse(shop) == (30, 0, 0)


async def test_a_dispute_about_a_part_freezes_and_takes_its_share(shop: Any) -> None:
    payment = await shop.paid()
    dispute = await disputed(shop, payment, 100)
    assert await purse(shop) == (60, 60, 0)
    await ended(shop, dispute, "lose")

    assert await purse(shop) == (60, 0, 0)
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 0, PRICE - 100]
    assert (await shop.show(payment))["fulfilment"]["status"] == "partly_revoked"


@pytest.mark.parametrize("how", ["win", "lose"])
async def test_a_dispute_after_a_partial_refund_never_takes_goods_twice(shop: Any, how: str) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 100)
    dispute = await disputed(shop, payment, PRICE)
    assert await shop.ledger(RECEIVABLE) == [PRICE], "the gateway took all of it"
    assert await purse(shop) == (0, 60, 0)
    await ended(shop, dispute, how)

    lost = PRICE if how == "lose" else 0
    assert await shop.ledger(RECEIVABLE, LOSS) == [0, 100 if lost else 0]
    assert await purse(shop) == (0 if lost else 60, 0, 0)
    assert await shop.ledger(DEFERRED) == [0 if lost else PRICE - 100]


async def test_what_comes_back_of_a_lost_dispute_is_lost_no_more(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 100)
    await shop.apply(a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, withdrawn=PRICE, fee=DISPUTE_FEE))
    await shop.apply(a_stage(payment, DisputeStatus.LOST, 2, withdrawn=PRICE, fee=DISPUTE_FEE))
    assert await shop.ledger(RECEIVABLE, LOSS) == [0, 100]
    await shop.apply(a_stage(payment, DisputeStatus.LOST, 3, withdrawn=PRICE - 100, fee=DISPUTE_FEE))

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 0, 0]
    assert (await shop.show(payment))["amount_disputed"] == PRICE - 100


async def test_a_refund_that_is_told_after_a_lost_dispute_ends_like_one_told_before(shop: Any) -> None:
    ends = []
    for number in range(2):
        user = f"user-{number}"
        payment = await shop.paid(user=user)
        opened = await shop.act("disputes", {"payment_intent": payment["gateway_reference"], "amount": PRICE})
        await shop.act(f"disputes/{opened['id']}/lose")
        codes = (DEFERRED, LOSS, GIVEN_UP, RECEIVABLE, "refund_payable:EUR", CLEARING)
        before = await shop.ledger(*codes)
        refund = replace(a_reversal(payment, 80), reversal=False, refund_reference=f"re_{number}")
        if number:
            await shop.apply(refund)
        await shop.catch_up()
        if not number:
            await shop.apply(refund)
        moved = [after - was for was, after in zip(before, await shop.ledger(*codes), strict=True)]
        ends.append((moved, await purse(shop, user)))

    assert ends[0] == ends[1]
    assert ends[0][0][1:3] == [80, 0], "what went back twice is a loss, and not a refund of something earned"


async def test_an_inquiry_takes_neither_money_nor_goods(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.WARNING, 1, withdrawn=0))
    await shop.apply(a_stage(payment, DisputeStatus.PREVENTED, 2, withdrawn=0))

    assert await shop.count("journal", "source = 'dispute'") == 0
    assert await purse(shop) == (120, 0, 0)
    assert (await shop.show(payment))["amount_disputed"] == 0


async def test_money_that_a_prevented_dispute_kept_all_the_same_is_lost(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.PREVENTED, 2, withdrawn=PRICE))

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 0, 0]
    assert await purse(shop) == (0, 0, 0)


async def test_a_claim_freezes_goods_also_where_the_gateway_takes_money_only_at_the_end(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, withdrawn=0))
    assert await shop.ledger(RECEIVABLE) == [0]
    assert await purse(shop) == (0, 120, 0)
    await shop.apply(a_stage(payment, DisputeStatus.LOST, 2, withdrawn=PRICE))

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, CLEARING) == [0, 0, 0, -FEE]
    assert await purse(shop) == (0, 0, 0)


async def test_of_a_dispute_that_is_won_in_part_the_conceded_part_is_lost(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, withdrawn=0))
    await shop.apply(a_stage(payment, DisputeStatus.WON, 2, withdrawn=100, conceded=100))

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 0, PRICE - 100]
    assert await purse(shop) == (60, 0, 0)
    assert (await shop.show(payment))["amount_disputed"] == 100


async def test_money_that_is_taken_comes_back_and_is_taken_again_is_booked_each_time(shop: Any) -> None:
    payment = await shop.paid()
    for minute, withdrawn in enumerate((PRICE, 0, PRICE, 0, PRICE)):
        notice = a_stage(payment, DisputeStatus.UNDER_REVIEW, minute, withdrawn=withdrawn)
        await shop.apply(notice)
        await shop.apply(notice)

    assert await shop.ledger(RECEIVABLE, CLEARING) == [PRICE, -FEE]
    kinds = await shop.owner.fetch(
        "SELECT kind FROM journal WHERE source = 'dispute' AND kind !~ 'goods' ORDER BY kind"
    )
    assert [row["kind"] for row in kinds] == [
        "reinstated:2",
        "reinstated:4",
        "withdrawn:1",
        "withdrawn:3",
        "withdrawn:5",
    ]


async def test_a_fee_that_comes_back_is_booked_back(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.UNDER_REVIEW, 1, withdrawn=PRICE, fee=DISPUTE_FEE))
    await shop.apply(a_stage(payment, DisputeStatus.WON, 2, withdrawn=0, fee=500))

    assert await shop.ledger(FEES, RECEIVABLE) == [500, 0]


@pytest.mark.parametrize("end", [DisputeStatus.WON, DisputeStatus.LOST])
async def test_a_dispute_in_another_currency_is_booked_in_its_own_and_claims_all_of_the_payment(
    shop: Any, end: DisputeStatus
) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, 220, currency="USD", withdrawn=220, fee=0))
    assert await shop.ledger("gateway:stripe:dispute_receivable:USD", RECEIVABLE) == [220, 0]
    assert await purse(shop) == (0, 120, 0)
    kept = 0 if end is DisputeStatus.WON else 220
    await shop.apply(a_stage(payment, end, 2, 220, currency="USD", withdrawn=kept))

    assert await shop.ledger("gateway:stripe:dispute_receivable:USD", "chargeback_loss:USD") == [0, kept]
    assert await shop.ledger(DEFERRED, LOSS) == ([0, -PRICE] if kept else [PRICE, 0])
    assert await purse(shop) == (0 if kept else 120, 0, 0)


async def test_a_dispute_larger_than_its_payment_takes_no_more_goods_than_there_were(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, 250, withdrawn=250))
    assert await purse(shop) == (0, 120, 0)
    await shop.apply(a_stage(payment, DisputeStatus.LOST, 2, 250, withdrawn=250))

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 250 - PRICE, 0]
    assert (await shop.show(payment))["fulfilment"]["revoked"] == 120


async def test_several_disputes_of_one_payment_claim_together_what_their_sum_does(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(
        a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, 66, id="dp_1", withdrawn=66),
        a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, 67, id="dp_2", withdrawn=67),
    )
    assert await purse(shop) == (120 - 120 * 133 // PRICE, 120 * 133 // PRICE, 0)
    await shop.apply(a_stage(payment, DisputeStatus.WON, 2, 66, id="dp_1", withdrawn=0))
    await shop.apply(a_stage(payment, DisputeStatus.LOST, 2, 67, id="dp_2", withdrawn=67))

    assert await purse(shop) == (120 - 120 * 67 // PRICE, 0, 0)
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 0, PRICE - 67]


async def test_a_refund_that_is_on_its_way_when_the_dispute_comes_and_then_fails_leaves_only_the_dispute(
    shop: Any,
) -> None:
    payment = await shop.paid()
    shop.line.fault = "busy"
    refund = await shop.refund(payment, 100)
    shop.line.fault = None
    assert refund["status"] == "pending"
    await shop.act("disputes", {"payment_intent": payment["gateway_reference"], "amount": PRICE})
    await shop.catch_up()
    assert await purse(shop) == (0, 60, 0)
    await shop.operate()

    assert (await shop.show_refund(refund))["status"] == "failed", "nothing that is disputed is refunded"
    assert await purse(shop) == (0, 120, 0)
    assert await shop.ledger(RECEIVABLE, "refund_payable:EUR", DEFERRED) == [PRICE, 0, PRICE]


async def test_a_dispute_that_is_lost_after_a_full_refund_is_all_loss_and_takes_nothing_more(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment)
    await ended(shop, await disputed(shop, payment, PRICE), "lose")

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, PRICE, 0]
    assert await purse(shop) == (0, 0, 0)
    assert await shop.count("outbox_event", "type = 'fulfilment.revoked'") == 1


async def test_a_refund_in_the_dashboard_during_a_dispute_takes_what_was_frozen(shop: Any) -> None:
    payment = await shop.paid()
    await disputed(shop, payment, PRICE)
    await shop.apply(replace(a_reversal(payment), reversal=False))
    assert await purse(shop) == (0, 0, 0)
    dispute = (await shown_dispute(shop))["gateway_reference"]
    await ended(shop, dispute, "win")
    assert await purse(shop) == (0, 0, 0), "what was refunded meanwhile does not come back"
    assert (await shop.show(payment))["fulfilment"]["revoked"] == 120


@pytest.mark.parametrize("told", [None, PRICE])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
async def test_money_that_the_gateway_took_back_by_itself_for_a_dispute_is_taken_once_in_any_order(
    shop: Any, order: tuple[int, ...], told: int | None
) -> None:
    payment = await shop.paid()
    notices = [
        a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1),
        a_reversal(payment),
        a_stage(payment, DisputeStatus.LOST, 2, withdrawn=told),
    ]
    for place in (*order, *order):
        await shop.apply(notices[place])

    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"], shown["amount_disputed"]) == (0, 0, PRICE)
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, CLEARING) == [0, 0, 0, -FEE]
    assert await shop.ledger("refund_payable:EUR", GIVEN_UP) == [0, 0]
    assert await purse(shop) == (0, 0, 0)


async def test_money_that_the_gateway_took_back_without_a_dispute_is_a_forced_refund(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(20)
    await shop.apply(a_reversal(payment))

    assert (await shop.show(payment))["amount_refunded"] == PRICE
    assert await purse(shop) == (0, 0, 20)


async def test_an_end_that_is_told_first_moves_the_same_as_one_told_last(shop: Any) -> None:
    payment = await shop.paid()
    opened = await shop.act("disputes", {"payment_intent": payment["gateway_reference"]})
    await shop.act(f"disputes/{opened['id']}/lose")
    for event in reversed(await shop.events()):
        if event["id"] not in shop.heard:
            await shop.hear(event)
    await shop.catch_up()

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, FEES) == [0, 0, 0, DISPUTE_FEE]
    assert await purse(shop) == (0, 0, 0)


async def test_goods_are_not_handed_over_as_long_as_a_bank_claims_their_money(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    dispute = await disputed(shop, payment)
    await mend(shop)

    assert await hand_over(shop) == 0
    assert await purse(shop) == (0, 0, 0)
    await ended(shop, dispute, "win")
    assert await hand_over(shop) == 1
    assert await purse(shop) == (120, 0, 0)
    assert await shop.ledger(RECEIVABLE, DEFERRED) == [0, PRICE]


async def test_goods_of_a_lost_dispute_are_never_handed_over(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    await ended(shop, await disputed(shop, payment), "lose")
    await mend(shop)

    assert await hand_over(shop) == 0
    assert (await shop.show(payment))["fulfilment"]["status"] == "revoked"
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 0, 0]


async def test_of_a_dispute_that_took_a_part_the_rest_is_handed_over_later(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    await ended(shop, await disputed(shop, payment, 100), "lose")
    assert await shop.ledger(LOSS, DEFERRED) == [0, PRICE - 100]
    await mend(shop)
    await hand_over(shop)

    assert await purse(shop) == (60, 0, 0)
    assert await shop.ledger(LOSS, DEFERRED) == [0, PRICE - 100]
    await shop.spend(60)
    assert await shop.ledger(EARNED, DEFERRED) == [PRICE - 100, 0]


async def test_refunds_of_what_was_never_handed_over_and_a_lost_dispute_owe_nothing_in_the_end(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    await ended(shop, await disputed(shop, payment, 150), "lose")
    await shop.apply(replace(a_reversal(payment, 100), reversal=False))

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, "refund_payable:EUR") == [0, 51, 0, 0]


async def test_a_user_who_owes_credits_gets_late_goods_of_a_partly_lost_payment_in_the_same_books(shop: Any) -> None:
    first = await shop.paid()
    await shop.spend(120)
    await refunded_in_the_dashboard(shop, first, PRICE)
    assert await purse(shop) == (0, 0, 120)
    payment = await paid_in_vain(shop)
    await ended(shop, await disputed(shop, payment, 100), "lose")
    await mend(shop)
    await hand_over(shop)

    assert await purse(shop) == (0, 0, 60)
    assert await shop.ledger(DEFERRED, RECEIVABLE) == [0, 0]


async def test_the_timeline_tells_what_a_dispute_moved(shop: Any) -> None:
    payment = await shop.paid()
    await ended(shop, await disputed(shop, payment), "win")
    shown: Any = await read(shop.till, lambda tx: timeline.show(tx, uuid_of(payment)))

    told = {(line["kind"], line["title"]) for line in shown["data"]}
    assert ("payment", "disputed: fraudulent; €1.99 withdrawn, €15.00 fee") in told
    assert ("payment", "dispute won; €1.99 came back") in told
    assert {("delivery", "freeze"), ("delivery", "thaw")} < told
    assert {("ledger", "withdrawn:1"), ("ledger", "goods:1"), ("ledger", "reinstated:2"), ("ledger", "goods:2")} < told


async def test_the_history_of_a_wallet_names_the_dispute(shop: Any) -> None:
    payment = await shop.paid()
    await disputed(shop, payment)
    shown: Any = await read(shop.till, lambda tx: wallets_shown.entries(tx, "ana", limit=9, before=None))

    frozen, granted = shown["data"]
    assert (frozen["kind"], frozen["amount"], frozen["balance_after"]) == ("freeze", -120, 0)
    assert (frozen["source"], granted["kind"]) == ((await shown_dispute(shop))["id"], "grant")
