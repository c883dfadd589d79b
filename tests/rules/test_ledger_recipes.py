"""Each event is booked exactly as the chart of accounts says."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper import ledger
from tillkeeper.facts import Earned
from tillkeeper.ledger import chart, recipes

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = AT + timedelta(days=3)
PAYMENT = UUID("01900000-0000-7000-8000-000000000001")
REFUND = UUID("01900000-0000-7000-8000-000000000002")
USER = UUID("01900000-0000-7000-8000-000000000003")
WALLET, DEBT = f"wallet:{USER}", f"wallet_debt:{USER}"
ISSUER, CLEARING, DEFERRED = "credits:issuer", "gateway:stripe:clearing:EUR", "deferred:EUR"
FEES, PAYABLE, EARNED = "fees:stripe:processing:EUR", "refund_payable:EUR", "revenue:credits:EUR"
amounts = st.integers(0, 10**15)


def lines(journal: ledger.Journal) -> list[tuple[str, str, str, int]]:
    """Write a journal's postings as debit, credit, currency, amount."""
    return [(each.debit.code, each.credit.code, each.debit.currency, each.amount) for each in journal.postings]


def net(*journals: ledger.Journal) -> Counter[str]:
    """Add up what journals do to each account, debits positive."""
    sums: Counter[str] = Counter()
    for debit, credit, _, amount in (line for journal in journals for line in lines(journal)):
        sums[debit] += amount
        sums[credit] -= amount
    return sums


def capture(**change: object) -> ledger.Journal:
    """Book the usual capture."""
    values = {"gateway": "stripe", "currency": "EUR", "amount": 10_000, "credits_to": "deferred", "at": AT}
    return recipes.capture(PAYMENT, **values | change)  # type: ignore[arg-type]


def test_a_capture_owes_goods() -> None:
    assert lines(capture()) == [(CLEARING, DEFERRED, "EUR", 10_000)]
    assert capture().key == ("payment", str(PAYMENT), "capture")


def test_a_capture_of_a_free_amount_is_earned_at_once() -> None:
    assert lines(capture(credits_to="other")) == [(CLEARING, "revenue:other:EUR", "EUR", 10_000)]


def test_a_fee_leaves_the_clearing_account() -> None:
    fee = recipes.fee(PAYMENT, gateway="stripe", currency="EUR", amount=320, at=AT)

    assert lines(fee) == [(FEES, CLEARING, "EUR", 320)]
    assert fee.key == ("payment", str(PAYMENT), "fee")


@pytest.mark.parametrize(("difference", "debit", "credit"), [(7, FEES, CLEARING), (-7, CLEARING, FEES)])
def test_a_fee_is_corrected_both_ways_under_a_key_of_its_proof(difference: int, debit: str, credit: str) -> None:
    corrected = recipes.fee_correction(
        PAYMENT, gateway="stripe", currency="EUR", difference=difference, reference="txn_9", at=AT
    )

    assert lines(corrected) == [(debit, credit, "EUR", 7)]
    assert corrected.key == ("payment", str(PAYMENT), "fee_correction:txn_9")


def test_a_grant_comes_from_the_issuer_and_repays_debt_from_the_wallet() -> None:
    grant = recipes.grant(PAYMENT, user=USER, units=120, at=AT)
    earned = [Earned(currency="EUR", amount=1_667)]
    repaid = recipes.debt_repaid("payment", PAYMENT, user=USER, units=20, recognised=earned, at=AT)

    assert lines(grant) == [(ISSUER, WALLET, "CRD", 120)]
    assert lines(repaid) == [(WALLET, DEBT, "CRD", 20), (DEFERRED, EARNED, "EUR", 1_667)]
    assert net(grant, repaid) == {ISSUER: 120, WALLET: -100, DEBT: -20, DEFERRED: 1_667, EARNED: -1_667}
    assert repaid.key == ("payment", str(PAYMENT), "debt_repaid")


def test_a_spend_earns_each_currency_once_and_leaves_zero_out() -> None:
    parts = [("EUR", 5), ("USD", 0), ("INR", 9), ("EUR", 6)]
    spend = recipes.spend(
        REFUND, user=USER, units=3, earned=[Earned(currency=code, amount=amount) for code, amount in parts], at=AT
    )

    assert lines(spend) == [
        (WALLET, ISSUER, "CRD", 3),
        (DEFERRED, EARNED, "EUR", 11),
        ("deferred:INR", "revenue:credits:INR", "INR", 9),
    ]
    assert spend.key == ("spend", str(REFUND), "spend")


SPLIT = recipes.RefundSplit(
    currency="EUR",
    unearned=60,
    earned=40,
    user=USER,
    from_wallet=70,
    to_debt=30,
    recognised=(Earned(currency="USD", amount=8),),
)


def test_a_refund_takes_back_goods_and_owes_the_money() -> None:
    [requested] = recipes.refund_requested(REFUND, split=SPLIT, at=AT, goods_at=AT)

    assert lines(requested) == [
        (DEFERRED, PAYABLE, "EUR", 60),
        ("refunds_of_earned:EUR", PAYABLE, "EUR", 40),
        ("deferred:USD", "revenue:credits:USD", "USD", 8),
        (WALLET, ISSUER, "CRD", 70),
        (DEBT, ISSUER, "CRD", 30),
    ]
    assert requested.key == ("refund", str(REFUND), "requested")


def test_a_refund_without_goods_moves_only_money() -> None:
    split = recipes.RefundSplit(currency="EUR", earned=5)
    [requested] = recipes.refund_requested(REFUND, split=split, at=AT, goods_at=LATER)

    assert lines(requested) == [("refunds_of_earned:EUR", PAYABLE, "EUR", 5)]


def test_money_and_goods_of_a_refund_stand_in_the_days_on_which_they_moved() -> None:
    money, goods = recipes.refund_requested(REFUND, split=SPLIT, at=AT, goods_at=LATER)
    assert (money.effective_at, goods.effective_at) == (AT, LATER)
    assert (money.kind, goods.kind) == ("requested", "requested_goods")
    assert {currency for _, _, currency, _ in lines(money)} == {"EUR"}
    assert (WALLET, ISSUER, "CRD", 70) in lines(goods)


def test_a_refund_that_fails_late_leaves_no_account_changed() -> None:
    steps = [
        *recipes.refund_requested(REFUND, split=SPLIT, at=AT, goods_at=AT),
        recipes.refund_succeeded(REFUND, gateway="stripe", currency="EUR", amount=100, at=AT),
        recipes.refund_returned(REFUND, gateway="stripe", currency="EUR", amount=100, at=AT),
        *recipes.refund_reversed(REFUND, split=SPLIT, at=AT, goods_at=AT),
    ]

    assert lines(steps[1]) == [(PAYABLE, CLEARING, "EUR", 100)]
    assert not any(net(*steps).values())
    assert [each.kind for each in steps] == ["requested", "succeeded", "returned", "reversed"]


def test_units_without_a_user_are_refused() -> None:
    split = recipes.RefundSplit(currency="EUR", earned=5, to_debt=1)
    with pytest.raises(AssertionError):
        recipes.refund_requested(REFUND, split=split, at=AT, goods_at=AT)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_fact_that_moves_nothing_or_less_is_refused(amount: int) -> None:
    with pytest.raises(AssertionError):
        capture(amount=amount)


@given(unearned=amounts, earned=amounts, from_wallet=amounts, to_debt=amounts, parts=st.lists(amounts, max_size=5))
def test_any_split_of_a_refund_is_exact_and_its_mirror_undoes_it(
    unearned: int, earned: int, from_wallet: int, to_debt: int, parts: list[int]
) -> None:
    split = recipes.RefundSplit(
        currency="EUR",
        unearned=unearned,
        earned=earned + 1,
        user=USER,
        from_wallet=from_wallet,
        to_debt=to_debt,
        recognised=tuple(Earned(currency="EUR", amount=part) for part in parts),
    )

    requested = recipes.refund_requested(REFUND, split=split, at=AT, goods_at=LATER)
    sums = net(*requested)

    assert sums[PAYABLE] == -(unearned + earned + 1)
    assert sums[DEFERRED] == unearned + sum(parts)
    assert sums[EARNED] == -sum(parts)
    assert sums[ISSUER] == -(from_wallet + to_debt)
    assert not any(net(*requested, *recipes.refund_reversed(REFUND, split=split, at=AT, goods_at=LATER)).values())


def test_the_payload_is_the_same_in_every_process_and_order() -> None:
    [journal] = recipes.refund_requested(REFUND, split=SPLIT, at=AT, goods_at=AT)
    turned = ledger.Journal("x", "y", "z", journal.postings[::-1], datetime(2000, 1, 1, tzinfo=UTC), "other")

    assert turned.payload_sha == journal.payload_sha
    assert capture().payload_sha.hex() == "60e2cba36f0bd01347f0ee0a5cea69eb97f55a03c4e24fcd07b143f4a4cac203"
    assert capture(amount=10_001).payload_sha != capture().payload_sha


def test_only_accounts_of_users_are_kept_up_to_date() -> None:
    house = [
        chart.clearing("g", "EUR"),
        chart.deferred_revenue("EUR"),
        chart.refund_payable("EUR"),
        chart.revenue_credits("EUR"),
        chart.revenue_other("EUR"),
        chart.refunds_of_earned("EUR"),
        chart.fees_processing("g", "EUR"),
        chart.suspense("g", "EUR"),
        chart.rounding("EUR"),
        chart.credits_issuer(),
    ]

    assert all(each.deferred and not each.guarded for each in house)
    assert chart.wallet(USER).guarded
    assert not chart.wallet(USER).deferred
    assert not chart.wallet_debt(USER).guarded


def test_a_guard_on_an_account_that_is_summed_later_is_refused() -> None:
    with pytest.raises(AssertionError):
        ledger.Account("a", "EUR", ledger.AccountClass.UNIT, guarded=True, deferred=True)
    with pytest.raises(AssertionError):
        ledger.Account("a", "EUR", ledger.AccountClass.ASSET, guarded=True)


def test_a_refund_that_meets_goods_only_later_corrects_what_was_earned_and_moves_units() -> None:
    user = UUID(int=9)
    split = recipes.RefundSplit(currency="EUR", unearned=40, earned=60, user=user, from_wallet=20, to_debt=5)
    [journal] = recipes.refund_met_goods(UUID(int=1), split=split, at=AT)
    assert [(each.debit.code, each.credit.code, each.amount) for each in journal.postings] == [
        ("refunds_of_earned:EUR", "deferred:EUR", 60),
        (f"wallet:{user}", "credits:issuer", 20),
        (f"wallet_debt:{user}", "credits:issuer", 5),
    ]


def test_a_refund_that_meets_no_goods_books_nothing() -> None:
    assert recipes.refund_met_goods(UUID(int=1), split=recipes.RefundSplit(currency="EUR", unearned=40), at=AT) == []
