"""Tax that a price includes is owed to the tax office from the capture on, and goes back as far as money does."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.test_claim import refunded_in_the_dashboard
from tests.flows.test_fulfil import mend, spoil
from tests.flows.test_revoke import make_up

from tillkeeper import catalog
from tillkeeper.catalog import Package
from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows.fulfil import fulfil
from tillkeeper.flows.offer import offer
from tillkeeper.fulfilment import packs
from tillkeeper.kernel import ids
from tillkeeper.payments import RefundNotAllowedError

ACCOUNTS = ("deferred:EUR", "tax_payable:EUR", "revenue:credits:EUR", "refunds_of_earned:EUR", "refund_payable:EUR")
TAXED = Package(
    id="taxed",
    kind="credits",
    title="100 credits",
    quantity=100,
    prices={"EUR": 1_190, "USD": 1_000},
    tax_bps={"EUR": 1_900},
)


@pytest.fixture
async def kiosk(shop: Any) -> Any:
    """Sell 100 credits for 11.90 EUR, of which 1.90 is tax, and black packs with 7 % in them."""
    black, gold = packs.DEMO
    sold = [TAXED, *(_with_tax(package) for package in catalog.DEMO_PACKS)]
    await offer(shop.till, sold, packs=(black, gold))
    return shop


def _with_tax(package: Package) -> Package:
    return Package(
        id=package.id,
        kind=package.kind,
        title=package.title,
        quantity=package.quantity,
        prices={"EUR": 1_070},
        tax_bps={"EUR": 700},
    )


async def test_a_capture_books_the_tax_apart_and_the_rest_stands_behind_the_credits(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    assert (payment["amount"], payment["tax"]) == (1_190, 190)
    assert await kiosk.ledger(*ACCOUNTS) == [1_000, 190, 0, 0, 0]
    await kiosk.spend(100)
    assert await kiosk.ledger(*ACCOUNTS) == [0, 190, 1_000, 0, 0]


async def test_a_price_without_tax_in_its_currency_owes_none(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed", currency="USD")
    assert payment["tax"] == 0
    assert await kiosk.ledger("deferred:USD", "tax_payable:USD") == [1_000, 0]


async def test_what_was_sold_keeps_its_tax_when_the_rate_changes(kiosk: Any) -> None:
    payment = await kiosk.opened(package="taxed")
    await offer(kiosk.till, [Package(id="taxed", kind="credits", title="x", quantity=100, prices={"EUR": 1_190})])
    await kiosk.pay(payment)
    await kiosk.catch_up()
    assert await kiosk.ledger(*ACCOUNTS[:2]) == [1_000, 190]


@pytest.mark.parametrize("parts", [(1_190,), (1, 1_189), (7, 7, 7, 1_169), (595, 595), (333, 333, 524)])
async def test_refunds_in_any_parts_give_back_all_of_the_tax_and_no_more(kiosk: Any, parts: tuple[int, ...]) -> None:
    payment = await kiosk.paid(package="taxed")
    back = 0
    for part in parts:
        await kiosk.refund(payment, part)
        back += part
        assert await kiosk.ledger("tax_payable:EUR") == [190 - 190 * back // 1_190]
    assert await kiosk.ledger(*ACCOUNTS) == [0, 0, 0, 0, 0]


async def test_the_unspent_half_can_be_refunded_with_its_tax(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    await kiosk.spend(50)
    with pytest.raises(RefundNotAllowedError):
        await kiosk.refund(payment, 596)
    made = await kiosk.refund(payment, 595)
    assert made["tax"] == 95
    assert await kiosk.wallet() == (0, 0)
    assert await kiosk.ledger(*ACCOUNTS) == [0, 95, 500, 0, 0]


async def test_a_refund_that_was_forced_gives_back_the_tax_of_what_was_earned_as_well(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    await kiosk.spend(100)
    await kiosk.act("refunds", {"payment_intent": payment["gateway_reference"]})
    await kiosk.catch_up()
    assert await kiosk.ledger(*ACCOUNTS) == [0, 0, 1_000, -1_000, 0]


async def test_a_refund_that_fails_owes_its_tax_again(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    made = await kiosk.refund(payment, 333)
    await kiosk.act(f"refunds/{made['gateway_reference']}/fail")
    await kiosk.catch_up()
    assert await kiosk.ledger(*ACCOUNTS) == [1_000, 190, 0, 0, 0]
    assert (await kiosk.refund(payment))["amount"] == 1_190
    assert await kiosk.ledger(*ACCOUNTS) == [0, 0, 0, 0, 0]


async def test_a_partial_capture_owes_the_tax_of_its_part(kiosk: Any) -> None:
    payment = await kiosk.opened(package="taxed", capture_method="manual")
    await kiosk.pay(payment)
    await kiosk.catch_up()
    assert (await kiosk.capture(payment, 238)).body["tax"] == 38
    assert await kiosk.ledger(*ACCOUNTS[:2]) == [200, 38]
    await kiosk.refund(payment)
    assert await kiosk.ledger(*ACCOUNTS[:2]) == [0, 0]


async def test_packs_earn_their_price_without_the_tax(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    assert await kiosk.ledger("revenue:packs:EUR", "tax_payable:EUR", "deferred:EUR") == [1_000, 70, 0]
    await kiosk.refund(payment)
    stands = await kiosk.ledger("refunds_of_earned:EUR", "tax_payable:EUR", "deferred:EUR")
    assert stands == [-1_000, 0, 0]


async def test_what_is_sold_out_goes_back_with_its_tax(kiosk: Any) -> None:
    payment = await kiosk.opened(package="pack_gold")
    await kiosk.owner.execute("UPDATE pack_type SET stock = 0 WHERE sku = 'pack_gold'")
    await kiosk.pay(payment)
    await kiosk.catch_up()
    await kiosk.operate()
    await kiosk.catch_up()
    assert await kiosk.ledger("deferred:EUR", "tax_payable:EUR", "refund_payable:EUR") == [0, 0, 0]


async def test_a_free_amount_holds_no_tax_and_a_failed_refund_of_it_earns_it_again(shop: Any) -> None:
    payment = await shop.paid(package=None, user=None, amount=2_500, currency="EUR", description="Workshop")
    assert payment["tax"] == 0
    made = await shop.refund(payment, 400)
    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    await shop.catch_up()
    stands = await shop.ledger("revenue:other:EUR", "refunds_of_earned:EUR", "deferred:EUR", "tax_payable:EUR")
    assert stands == [2_500, 0, 0, 0]


async def test_a_free_amount_of_a_known_user_gives_that_user_no_credits(shop: Any) -> None:
    payment = await shop.opened(package=None, amount=2_500, currency="EUR", capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    await shop.capture(payment, 1_000)
    assert await shop.ledger("revenue:other:EUR", "deferred:EUR") == [1_000, 0]
    assert await shop.wallet() == (0, 0)


@pytest.mark.parametrize("back", [0, 333])
async def test_goods_that_come_late_stand_for_the_money_without_its_tax(kiosk: Any, back: int) -> None:
    payment = await kiosk.opened(package="taxed")
    await kiosk.owner.execute("ALTER TABLE credit_lot ADD CONSTRAINT spoilt CHECK (granted < 100) NOT VALID")
    await kiosk.pay(payment)
    await kiosk.catch_up()
    if back:
        await kiosk.refund(payment, back)
    await kiosk.owner.execute("ALTER TABLE credit_lot DROP CONSTRAINT spoilt")
    await kiosk.owner.execute("UPDATE late_delivery SET due_at = now()")
    assert await fulfil(kiosk.till) == 1
    tax = 190 - 190 * back // 1_190
    assert await kiosk.ledger(*ACCOUNTS[:2]) == [1_190 - back - tax, tax]
    await kiosk.spend((await kiosk.wallet())[0])
    assert await kiosk.ledger(*ACCOUNTS[:2]) == [0, tax]


async def test_the_tax_in_a_fee_is_booked_apart_once_the_gateway_tells_it(shop: Any) -> None:
    payment = await shop.paid()
    accounts = ("fees:stripe:processing:EUR", "fees:stripe:tax:EUR", "gateway:stripe:clearing:EUR")
    kept, none, _ = await shop.ledger(*accounts)
    assert (kept > 0, none) == (True, 0)
    said = Notice(
        kind=NoticeKind.PAYMENT_FEE,
        gateway="stripe",
        references=(payment["gateway_reference"],),
        amount=kept + 5,
        currency="EUR",
        tax=7,
    )
    await shop.apply(said)
    await shop.apply(replace(said, id=ids.new()))
    assert await shop.ledger(*accounts) == [kept - 2, 7, 199 - kept - 5]


LOSSES = ("deferred:EUR", "tax_payable:EUR", "chargeback_loss:EUR", "gateway:stripe:dispute_receivable:EUR")


async def disputed(kiosk: Any, payment: Any, how: str, amount: int) -> None:
    opened = await kiosk.act("disputes", {"payment_intent": payment["gateway_reference"], "amount": amount})
    await kiosk.catch_up()
    await kiosk.act(f"disputes/{opened['id']}/{how}")
    await kiosk.catch_up()


async def test_tax_in_money_that_a_bank_takes_is_not_owed_any_more(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    await disputed(kiosk, payment, "lose", 1_190)
    assert await kiosk.ledger(*LOSSES) == [0, 0, 0, 0]
    assert await kiosk.wallet() == (0, 0)


async def test_what_a_bank_takes_of_spent_credits_is_a_loss_without_its_tax(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    await kiosk.spend(100)
    await disputed(kiosk, payment, "lose", 1_190)
    assert await kiosk.ledger(*LOSSES) == [0, 0, 1_000, 0]


async def test_half_of_a_payment_lost_takes_half_of_its_tax_and_refunds_take_the_rest(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    await disputed(kiosk, payment, "lose", 595)
    assert await kiosk.ledger(*LOSSES) == [500, 95, 0, 0]
    told = Notice(
        kind=NoticeKind.REFUND_SUCCEEDED,
        gateway="stripe",
        references=(payment["gateway_reference"],),
        currency="EUR",
    )
    for name, amount in (("re_1", 400), ("re_2", 195)):
        await kiosk.apply(replace(told, id=ids.new(), amount=amount, refund_reference=name))
    assert await kiosk.ledger(*LOSSES) == [0, 0, 0, 0]


async def test_a_dispute_that_is_won_leaves_the_tax_owed(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    await disputed(kiosk, payment, "win", 1_190)
    assert await kiosk.ledger(*LOSSES) == [1_000, 190, 0, 0]


@pytest.mark.parametrize("back", [0, 333])
async def test_a_dispute_after_a_refund_takes_what_is_left_of_the_tax(kiosk: Any, back: int) -> None:
    payment = await kiosk.paid(package="taxed")
    if back:
        await kiosk.refund(payment, back)
    await disputed(kiosk, payment, "lose", 1_190 - back)
    assert await kiosk.ledger(*LOSSES) == [0, 0, 0, 0]


async def test_a_refund_that_fails_after_a_lost_dispute_leaves_its_own_tax_owed(kiosk: Any) -> None:
    payment = await kiosk.paid(package="taxed")
    made = await kiosk.refund(payment, 595)
    await disputed(kiosk, payment, "lose", 595)
    await kiosk.act(f"refunds/{made['gateway_reference']}/fail")
    await kiosk.catch_up()
    assert await kiosk.ledger(*LOSSES) == [500, 95, 0, 0]


async def test_goods_that_come_after_a_lost_dispute_stand_for_what_is_left_without_tax(kiosk: Any) -> None:
    payment = await kiosk.opened(package="taxed")
    await kiosk.owner.execute("ALTER TABLE credit_lot ADD CONSTRAINT spoilt CHECK (granted < 100) NOT VALID")
    await kiosk.pay(payment)
    await kiosk.catch_up()
    await disputed(kiosk, await kiosk.show(payment), "lose", 595)
    assert await kiosk.ledger(*LOSSES) == [500, 95, 0, 0]
    await kiosk.owner.execute("ALTER TABLE credit_lot DROP CONSTRAINT spoilt")
    await kiosk.owner.execute("UPDATE late_delivery SET due_at = now()")
    assert await fulfil(kiosk.till) == 1
    assert await kiosk.wallet() == (50, 0)
    await kiosk.spend(50)
    assert await kiosk.ledger(*LOSSES) == [0, 95, 0, 0]


@pytest.mark.parametrize("how", ["refund", "lose"])
async def test_goods_that_are_taken_later_leave_the_same_tax_as_those_taken_at_once(kiosk: Any, how: str) -> None:
    payment = await kiosk.paid(package="taxed")
    await spoil(kiosk)
    if how == "refund":
        await refunded_in_the_dashboard(kiosk, payment, 595)
    else:
        await disputed(kiosk, payment, how, 595)
    assert await kiosk.wallet() == (100, 0)
    assert await kiosk.ledger(*LOSSES) == [500, 95, 0, 0]
    await mend(kiosk)
    await make_up(kiosk)
    assert await kiosk.wallet() == (50, 0)
    await kiosk.spend(50)
    assert await kiosk.ledger(*LOSSES, "refunds_of_earned:EUR") == [0, 95, 0, 0, 0]
