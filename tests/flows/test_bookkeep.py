"""Each change of a payment means certain journals, in order, and nothing else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tillkeeper import gateways
from tillkeeper.facts import Change, Earned, Goods, Sale, Step
from tillkeeper.flows.bookkeep import bookkeep
from tillkeeper.gateway import Gateway
from tillkeeper.kernel.secrets import Secrets

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAYMENT, REFUND, USER = UUID(int=1), UUID(int=2), UUID(int=3)
CLEARING, DEFERRED, PAYABLE = "gateway:stripe:clearing:EUR", "deferred:EUR", "refund_payable:EUR"
WALLET, ISSUER, DEBT = f"wallet:{USER}", "credits:issuer", f"wallet_debt:{USER}"
EARNED, GIVEN_UP = "revenue:credits:EUR", "refunds_of_earned:EUR"

Lines = list[tuple[str, list[tuple[str, str, int]]]]


@pytest.fixture
async def known() -> AsyncIterator[dict[str, Gateway]]:
    """Connect to Stripe without ever calling it."""
    environment = {
        "STRIPE_SECRET_KEY": "sk_test_x",
        "STRIPE_WEBHOOK_SECRET": "whsec_x",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
    }
    opened = gateways.connect(Secrets(environment), mode="sandbox")
    yield opened
    for gateway in opened.values():
        await gateway.close()


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


def booked(known: dict[str, Gateway], change: Change, goods: Goods | None = None) -> Lines:
    journals = bookkeep(known, [change], [goods] if goods else [])
    return [(each.kind, [(p.debit.code, p.credit.code, p.amount) for p in each.postings]) for each in journals]


async def test_a_capture_books_money_fee_and_goods(known: dict[str, Gateway]) -> None:
    change = a_change(Step.CAPTURED)
    assert booked(known, change, Goods(change=change, granted=120)) == [
        ("capture", [(CLEARING, DEFERRED, 10_000)]),
        ("fee", [("fees:stripe:processing:EUR", CLEARING, 320)]),
        ("grant", [(ISSUER, WALLET, 120)]),
    ]


async def test_a_capture_that_repays_debt_earns_the_money_of_what_it_repaid(known: dict[str, Gateway]) -> None:
    change = a_change(Step.CAPTURED)
    earned = (Earned(currency="EUR", amount=1_000),)
    lines = booked(known, change, Goods(change=change, granted=120, debt_repaid=12, recognised=earned))
    assert lines[2:] == [
        ("grant", [(ISSUER, WALLET, 120)]),
        ("debt_repaid", [(WALLET, DEBT, 12), (DEFERRED, EARNED, 1_000)]),
    ]


async def test_a_free_amount_is_earned_at_once(known: dict[str, Gateway]) -> None:
    lines = booked(known, replace(a_change(Step.CAPTURED), sale=None, user=None))
    assert lines[0] == ("capture", [(CLEARING, "revenue:other:EUR", 10_000)])
    assert [kind for kind, _ in lines] == ["capture", "fee"]


async def test_a_capture_smaller_than_the_fee_books_no_fee(known: dict[str, Gateway]) -> None:
    assert [kind for kind, _ in booked(known, a_change(Step.CAPTURED, amount=30))] == ["capture"]


async def test_a_refund_request_takes_goods_and_owes_money(known: dict[str, Gateway]) -> None:
    change = a_change(Step.REFUND_REQUESTED, amount=5_000)
    goods = Goods(change=change, taken=50, to_debt=10, unearned=4_000, earned=1_000)
    assert booked(known, change, goods) == [
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


async def test_a_refund_that_succeeded_pays_what_was_owed(known: dict[str, Gateway]) -> None:
    assert booked(known, a_change(Step.REFUND_SUCCEEDED, amount=5_000)) == [("succeeded", [(PAYABLE, CLEARING, 5_000)])]


async def test_a_refund_that_failed_is_the_mirror_of_its_request(known: dict[str, Gateway]) -> None:
    change = a_change(Step.REFUND_FAILED, amount=5_000)
    goods = Goods(change=change, restored=60, unearned=4_000, earned=1_000)
    assert booked(known, change, goods) == [
        ("reversed", [(PAYABLE, DEFERRED, 4_000), (PAYABLE, GIVEN_UP, 1_000), (ISSUER, WALLET, 60)])
    ]


async def test_a_refund_that_failed_after_it_had_succeeded_brings_the_money_home_first(
    known: dict[str, Gateway],
) -> None:
    change = replace(a_change(Step.REFUND_FAILED, amount=5_000), was_settled=True)
    goods = Goods(change=change, restored=60, unearned=5_000)
    assert [kind for kind, _ in booked(known, change, goods)] == ["returned", "reversed"]


async def test_a_change_that_moves_neither_money_nor_goods_books_nothing(known: dict[str, Gateway]) -> None:
    assert booked(known, a_change(Step.NONE)) == []


async def test_goods_belong_to_their_own_change_also_among_changes_that_look_the_same(
    known: dict[str, Gateway],
) -> None:
    first, second = a_change(Step.CAPTURED), replace(a_change(Step.CAPTURED), payment=UUID(int=9))
    journals = bookkeep(known, [first, second], [Goods(change=second, granted=120)])
    grants = [journal for journal in journals if journal.kind == "grant"]
    assert [journal.source_id for journal in grants] == [str(UUID(int=9))]
