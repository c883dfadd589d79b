"""Each change of a payment means certain journals, in order, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from tillkeeper.facts import Change, Earned, Goods, Sale, Step
from tillkeeper.flows.bookkeep import bookkeep

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAYMENT, REFUND, USER = UUID(int=1), UUID(int=2), UUID(int=3)
CLEARING, DEFERRED, PAYABLE = "gateway:stripe:clearing:EUR", "deferred:EUR", "refund_payable:EUR"
WALLET, ISSUER, DEBT = f"wallet:{USER}", "credits:issuer", f"wallet_debt:{USER}"
EARNED, GIVEN_UP = "revenue:credits:EUR", "refunds_of_earned:EUR"

Lines = list[tuple[str, list[tuple[str, str, int]]]]


def a_change(step: Step, amount: int = 10_000) -> Change:
    return Change(
        payment=PAYMENT,
        before="x",
        after="x",
        reason="x",
        step=step,
        at=AT,
        gateway="stripe",
        currency="EUR",
        user=USER,
        sale=Sale(package="credits_120", kind="credits", units=120, quantity=1),
        amount=amount,
        refund=None if step is Step.CAPTURED else REFUND,
    )


def booked(change: Change, goods: Goods | None = None) -> Lines:
    journals = bookkeep([change], [goods] if goods else [])
    return [(each.kind, [(p.debit.code, p.credit.code, p.amount) for p in each.postings]) for each in journals]


def test_a_capture_books_money_fee_and_goods() -> None:
    change = replace(a_change(Step.CAPTURED), fee=320)
    assert booked(change, Goods(change=change, granted=120)) == [
        ("capture", [(CLEARING, DEFERRED, 10_000)]),
        ("fee", [("fees:stripe:processing:EUR", CLEARING, 320)]),
        ("grant", [(ISSUER, WALLET, 120)]),
    ]


def test_a_capture_that_repays_debt_earns_the_money_of_what_it_repaid() -> None:
    change = a_change(Step.CAPTURED)
    earned = (Earned(currency="EUR", amount=1_000),)
    lines = booked(change, Goods(change=change, granted=120, debt_repaid=12, recognised=earned))
    assert lines[1:] == [
        ("grant", [(ISSUER, WALLET, 120)]),
        ("debt_repaid", [(WALLET, DEBT, 12), (DEFERRED, EARNED, 1_000)]),
    ]


def test_a_free_amount_is_earned_at_once() -> None:
    lines = booked(replace(a_change(Step.CAPTURED), sale=None, user=None))
    assert lines[0] == ("capture", [(CLEARING, "revenue:other:EUR", 10_000)])
    assert [kind for kind, _ in lines] == ["capture"]


def test_a_capture_of_which_the_gateway_keeps_nothing_books_no_fee() -> None:
    assert [kind for kind, _ in booked(a_change(Step.CAPTURED, amount=30))] == ["capture"]


def test_a_refund_request_takes_goods_and_owes_money() -> None:
    change = a_change(Step.REFUND_REQUESTED, amount=5_000)
    goods = Goods(change=change, taken=50, to_debt=10, unearned=4_000, earned=1_000)
    assert booked(change, goods) == [
        (
            "requested",
            [
                (DEFERRED, PAYABLE, 4_000),
                (GIVEN_UP, PAYABLE, 1_000),
                (WALLET, ISSUER, 50),
                (DEBT, ISSUER, 10),
            ],
        )
    ]


def test_a_refund_that_succeeded_pays_what_was_owed() -> None:
    assert booked(a_change(Step.REFUND_SUCCEEDED, amount=5_000)) == [("succeeded", [(PAYABLE, CLEARING, 5_000)])]


def test_a_refund_that_failed_is_the_mirror_of_its_request() -> None:
    change = a_change(Step.REFUND_FAILED, amount=5_000)
    goods = Goods(change=change, restored=60, unearned=4_000, earned=1_000)
    assert booked(change, goods) == [
        ("reversed", [(PAYABLE, DEFERRED, 4_000), (PAYABLE, GIVEN_UP, 1_000), (ISSUER, WALLET, 60)])
    ]


def test_a_refund_that_failed_after_it_had_succeeded_brings_the_money_home_first() -> None:
    change = replace(a_change(Step.REFUND_FAILED, amount=5_000), was_settled=True)
    goods = Goods(change=change, restored=60, unearned=5_000)
    assert [kind for kind, _ in booked(change, goods)] == ["returned", "reversed"]


def test_a_second_capture_is_owed_back_and_costs_a_fee() -> None:
    change = replace(a_change(Step.SURPLUS_CAPTURED, amount=5_000), fee=175)
    assert booked(change) == [("surplus", [(CLEARING, PAYABLE, 5_000), ("fees:stripe:processing:EUR", CLEARING, 175)])]
    assert booked(a_change(Step.SURPLUS_REFUNDED, amount=5_000)) == [("succeeded", [(PAYABLE, CLEARING, 5_000)])]


def test_a_second_capture_that_could_not_be_given_back_stays_owed() -> None:
    change = a_change(Step.SURPLUS_RETURNED, amount=5_000)
    assert booked(change) == []
    assert booked(replace(change, was_settled=True)) == [("returned", [(CLEARING, PAYABLE, 5_000)])]


def test_a_fee_that_was_told_late_corrects_the_one_that_was_expected() -> None:
    more = replace(a_change(Step.FEE_CHANGED), fee=25, occasion="320:345")
    assert booked(more) == [("fee_correction:320:345", [("fees:stripe:processing:EUR", CLEARING, 25)])]
    assert booked(replace(more, fee=-25)) == [
        ("fee_correction:320:345", [(CLEARING, "fees:stripe:processing:EUR", 25)])
    ]
    assert booked(replace(more, fee=0)) == []


def test_a_change_that_moves_neither_money_nor_goods_books_nothing() -> None:
    assert booked(a_change(Step.NONE)) == []


def test_goods_belong_to_their_own_change_also_among_changes_that_look_the_same() -> None:
    first, second = a_change(Step.CAPTURED), replace(a_change(Step.CAPTURED), payment=UUID(int=9))
    journals = bookkeep([first, second], [Goods(change=second, granted=120)])
    grants = [journal for journal in journals if journal.kind == "grant"]
    assert [journal.source_id for journal in grants] == [str(UUID(int=9))]
