"""What people read about money names amounts with their currency, and never a bare number of minor units."""

import re
from typing import Any

import pytest
from tests.rules.test_payments import AT, PAYMENT, PRICE, TERMS, a_payment

from tillkeeper.facts import Notice, NoticeKind, PayoutFacts
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import TillError
from tillkeeper.payments import rules
from tillkeeper.payments.values import Book, Refund, RefundStatus, Status
from tillkeeper.settlement import rules as payouts

BARE = re.compile(r"(?<![€¥.,\d])\d{3,}")
"""Three digits or more with no currency before them: what a reader takes for hundreds."""


def told(kind: NoticeKind, **said: Any) -> Notice:
    facts: dict[str, Any] = {"gateway": "stripe", "references": ("pi_1",), "payment": PAYMENT, "currency": "EUR"} | said
    return Notice(kind=kind, **facts)


def reason_for(notice: Notice, *refunds: Refund, status: Status = Status.SUCCEEDED) -> str:
    book = Book(payments={PAYMENT: a_payment(status)}, refunds={each.id: each for each in refunds}, references={})
    [decision] = rules.decide(book, [notice], TERMS, AT)
    assert decision.verdict == "quarantined"
    return decision.reason


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"amount": 900, "currency": "EUR"}, "€9.00"),
        ({"amount": 1000, "currency": "JPY"}, "¥1,000"),
        ({"amount": 1000, "currency": None}, "no amount"),
    ],
)
def test_a_capture_of_another_amount_is_told_as_money(said: dict[str, Any], shown: str) -> None:
    reason = reason_for(told(NoticeKind.PAYMENT_CAPTURED, **said), status=Status.REQUIRES_ACTION)

    assert shown in reason
    assert "€10.00" in reason
    assert not BARE.search(reason)


@pytest.mark.parametrize(("amount", "shown"), [(PRICE + 1, "€10.01"), (None, "no amount")])
def test_a_refund_of_more_than_was_paid_is_told_as_money(amount: int | None, shown: str) -> None:
    reason = reason_for(told(NoticeKind.REFUND_SUCCEEDED, amount=amount, refund_reference="re_1"))

    assert shown in reason
    assert not BARE.search(reason)


def test_a_refund_of_another_amount_than_was_asked_for_is_told_as_money() -> None:
    ours = Refund(
        id=ids.new(),
        payment=PAYMENT,
        amount=400,
        currency="EUR",
        status=RefundStatus.PENDING,
        origin="us",
        gateway="stripe",
        reference=None,
        reason=None,
        created_at=AT,
    )

    reason = reason_for(told(NoticeKind.REFUND_SUCCEEDED, amount=500, refund=ours.id, refund_reference="re_1"), ours)

    assert "€5.00" in reason
    assert "€4.00" in reason
    assert not BARE.search(reason)


def test_a_payout_of_another_amount_is_told_as_money() -> None:
    def paid(amount: int) -> Notice:
        return told(NoticeKind.PAYOUT_PAID, amount=amount, payment=None, payout=PayoutFacts(id="po_1"))

    _, second = payouts.decide({}, [paid(970), paid(971)])

    assert "€9.71" in second.reason
    assert "€9.70" in second.reason
    assert not BARE.search(second.reason)


@pytest.mark.parametrize(("amount", "unused"), [(PRICE + 1, None), (PRICE, 700)])
def test_a_refund_that_cannot_be_is_refused_in_words_about_money(amount: int, unused: int | None) -> None:
    paid = a_payment(Status.SUCCEEDED)
    with pytest.raises(TillError) as refused:
        rules.reserve_refund(paid, amount, refund=ids.new(), unused=unused, reason=None, now=AT)

    assert "€10.00" in refused.value.detail
    assert not BARE.search(refused.value.detail)
