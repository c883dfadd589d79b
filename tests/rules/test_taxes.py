"""Tax in prices: what goes back of it, over any refunds and failures, is exact and never below zero."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.test_ledger_recipes import AT, CLEARING, FEES, PAYMENT, REFUND, capture, lines, net

from tillkeeper import catalog
from tillkeeper.catalog import Package
from tillkeeper.facts import Notice, NoticeKind, Sale, Step
from tillkeeper.kernel import ids
from tillkeeper.ledger import recipes
from tillkeeper.payments import rules
from tillkeeper.payments.rules.taxes import gross_of, tax_part
from tillkeeper.payments.values import Book, Payment, Refund, Status, Terms

TERMS = Terms(predict_fee=lambda _gateway, _amount, _currency: 0)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TAX = "tax_payable:EUR"
rates = st.integers(0, 10_000)
prices = st.integers(1, 5_000)


def paid(captured: int, tax_bps: int) -> Payment:
    return Payment(
        id=UUID(int=7),
        status=Status.SUCCEEDED,
        amount=captured,
        currency="EUR",
        captured=captured,
        refunding=0,
        refunded=0,
        user=UUID(int=1),
        sale=Sale(package="p", kind="credits", units=120, quantity=1, tax_bps=tax_bps),
        gateway="stripe",
        manual_capture=False,
        reference="pi_1",
        created_at=NOW - timedelta(hours=1),
    )


def told(kind: NoticeKind, refund: Refund | None = None, *, amount: int | None = None) -> Notice:
    return Notice(
        kind=kind,
        gateway="stripe",
        references=("pi_1",),
        payment=UUID(int=7),
        amount=refund.amount if refund else amount,
        currency="EUR",
        refund=refund.id if refund else None,
        refund_reference=None if refund else f"re_{ids.new()}",
    )


@given(prices, rates)
def test_the_tax_in_a_price_is_its_share_to_the_nearest_minor_unit(amount: int, tax_bps: int) -> None:
    tax = Sale(package="p", kind="credits", units=1, quantity=1, tax_bps=tax_bps).tax_in(amount)
    assert abs(tax - Fraction(amount * tax_bps, 10_000 + tax_bps)) <= Fraction(1, 2)
    assert 0 <= tax <= amount


@given(prices, rates, st.data())
def test_over_any_refunds_and_failures_tax_and_rest_go_back_exactly_and_never_too_much(
    captured: int, tax_bps: int, data: st.DataObject
) -> None:
    payment = paid(captured, tax_bps)
    standing: list[Refund] = []
    for _ in range(data.draw(st.integers(1, 10))):
        payment = _one_step(payment, standing, data)
        _check(payment, standing)
    if payment.left:
        payment = _refund(payment, standing, payment.left)
    _check(payment, standing)
    assert payment.tax_refunded == payment.tax == sum(refund.tax for refund in standing)


def _one_step(payment: Payment, standing: list[Refund], data: st.DataObject) -> Payment:
    if standing and (not payment.left or data.draw(st.booleans())):
        failing = standing.pop(data.draw(st.integers(0, len(standing) - 1)))
        [decision] = rules.decide(_book(payment, [failing]), [told(NoticeKind.REFUND_FAILED, failing)], TERMS, NOW)
        assert decision.payment
        assert decision.change
        assert decision.change.tax == failing.tax
        return decision.payment
    return _refund(payment, standing, data.draw(st.integers(1, payment.left)))


def _refund(payment: Payment, standing: list[Refund], amount: int) -> Payment:
    decision = rules.reserve_refund(payment, amount, refund=ids.new(), unused=None, reason=None, now=NOW)
    assert decision.payment
    assert decision.refund
    assert decision.change
    assert decision.change.tax == decision.refund.tax
    standing.append(decision.refund)
    return decision.payment


def _book(payment: Payment, refunds: list[Refund]) -> Book:
    return Book(payments={payment.id: payment}, refunds={each.id: each for each in refunds}, references={})


def _check(payment: Payment, standing: list[Refund]) -> None:
    tax, amount = sum(each.tax for each in standing), sum(each.amount for each in standing)
    assert payment.tax_refunded == tax
    assert 0 <= tax <= payment.tax
    assert 0 <= amount - tax <= payment.captured - payment.tax
    assert all(0 <= each.tax <= each.amount for each in standing)


@given(prices, rates, st.lists(st.integers(1, 500), max_size=8))
def test_refunds_that_all_succeed_give_back_the_share_of_their_sum(
    captured: int, tax_bps: int, parts: list[int]
) -> None:
    payment, standing = paid(captured, tax_bps), []  # type: ignore[var-annotated]
    for part in parts:
        if payment.left:
            payment = _refund(payment, standing, min(part, payment.left))
        back = payment.refunding
        assert payment.tax_refunded == payment.tax * back // captured


@given(prices, rates, st.data())
def test_what_may_go_back_is_the_most_whose_rest_is_still_owed(
    captured: int, tax_bps: int, data: st.DataObject
) -> None:
    payment = paid(captured, tax_bps)
    if data.draw(st.booleans()):
        payment = _refund(payment, [], data.draw(st.integers(1, captured)))
    owed = data.draw(st.integers(0, captured))
    most = gross_of(payment, owed)
    assert 0 <= most <= payment.left
    assert most - tax_part(payment, most) <= owed
    assert most == payment.left or most + 1 - tax_part(payment, most + 1) > owed


def test_after_failures_that_left_too_much_tax_standing_a_small_refund_gives_back_none() -> None:
    payment = replace(paid(1_000, 101), refunding=1, tax_refunded=1)  # the one cent that filled up the second of tax
    assert (payment.tax, tax_part(payment, 1)) == (10, 0)
    assert tax_part(payment, 999) == 9


def test_after_failures_that_left_too_little_a_small_refund_is_all_tax_and_never_more() -> None:
    payment = replace(
        paid(1_000, 101), refunding=297, tax_refunded=0
    )  # three times 99 cents, each just below one of tax
    assert tax_part(payment, 1) == 1
    assert tax_part(payment, 703) == 10


def test_a_refund_in_the_gateways_dashboard_gives_tax_back_as_ours_do() -> None:
    payment = paid(1_190, 1_900)
    dashboard = told(NoticeKind.REFUND_SUCCEEDED, amount=595)
    requested, settled = rules.decide(_book(payment, []), [dashboard], TERMS, NOW)
    assert requested.change
    assert settled.payment
    assert (requested.change.step, requested.change.tax) == (Step.REFUND_REQUESTED, 95)
    assert settled.payment.tax_refunded == 95


def test_a_capture_says_how_much_of_it_is_tax_also_when_only_a_part_is_taken() -> None:
    waiting = replace(paid(1_190, 1_900), status=Status.REQUIRES_CAPTURE, captured=0, manual_capture=True)
    notice = told(NoticeKind.PAYMENT_CAPTURED, amount=238)
    [decision] = rules.decide(_book(waiting, []), [notice], TERMS, NOW)
    assert decision.change
    assert (decision.change.amount, decision.change.tax, decision.change.net) == (238, 38, 200)


def test_a_quote_carries_the_rate_of_its_currency() -> None:
    package = Package(
        id="p", kind="credits", title="P", quantity=1, prices={"EUR": 119, "USD": 100}, tax_bps={"EUR": 1_900}
    )
    assert catalog.quote(package, "EUR", 3).sale.tax_in(357) == 57
    assert catalog.quote(package, "USD", 1).sale.tax_in(100) == 0


def test_a_capture_owes_the_tax_to_the_tax_office() -> None:
    assert lines(capture(tax=1_597)) == [
        (CLEARING, "deferred:EUR", "EUR", 8_403),
        (CLEARING, TAX, "EUR", 1_597),
    ]


def test_a_refund_takes_its_tax_from_the_tax_office_and_brings_it_back_when_it_fails() -> None:
    split = recipes.RefundSplit(currency="EUR", unearned=50, earned=31, tax=19)
    [requested] = recipes.refund_requested(REFUND, split=split, at=AT, goods_at=AT)
    assert net(requested)[TAX] == 19
    assert net(requested)["refund_payable:EUR"] == -100
    [reversed_] = recipes.refund_reversed(REFUND, split=split, at=AT, goods_at=AT)
    assert not any(net(requested, reversed_).values())


@pytest.mark.parametrize(("amount", "tax"), [(320, 0), (320, 49), (320, 320)])
def test_a_fee_is_split_where_its_tax_is_known(amount: int, tax: int) -> None:
    fee = recipes.fee(PAYMENT, gateway="stripe", currency="EUR", amount=amount, tax=tax, at=AT)
    sums = net(fee)
    assert (sums[FEES], sums["fees:stripe:tax:EUR"], sums[CLEARING]) == (amount - tax, tax, -amount)


@given(st.integers(-500, 500), st.integers(-500, 500))
def test_a_fee_is_corrected_together_with_its_tax(difference: int, tax: int) -> None:
    if not difference and not tax:
        return
    corrected = recipes.fee_correction(
        PAYMENT, gateway="stripe", currency="EUR", difference=difference, tax=tax, reference="x", at=AT
    )
    sums = net(corrected)
    assert (sums[FEES], sums["fees:stripe:tax:EUR"], sums[CLEARING]) == (difference - tax, tax, -difference)


@pytest.mark.parametrize(
    ("told_tax", "fee", "fee_tax"),
    [((None, None), (41, 0), (0, 0)), ((7, 7), (41, 0), (7, 0)), ((None, 7), (41, 0), (0, 7))],
)
def test_the_tax_in_a_fee_is_taken_in_when_it_is_told(
    told_tax: tuple[int | None, ...], fee: tuple[int, ...], fee_tax: tuple[int, ...]
) -> None:
    payment, heard = paid(1_190, 0), []
    for tax in told_tax:
        notice = replace(told(NoticeKind.PAYMENT_FEE, amount=41), tax=tax)
        [decision] = rules.decide(_book(payment, []), [notice], TERMS, NOW)
        assert decision.payment
        payment = decision.payment
        heard.append((decision.change.fee, decision.change.fee_tax) if decision.change else (0, 0))
    assert heard == list(zip(fee, fee_tax, strict=True))
    assert (payment.fee, payment.fee_tax) == (41, sum(fee_tax))
