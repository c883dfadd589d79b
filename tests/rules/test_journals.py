"""Every recipe, written out: which accounts it debits and credits, by how much, and the key that makes it the only one.

A line reads `debit < credit amount`. What goes the other way when an amount is below zero is written out as well.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tillkeeper.facts import Earned
from tillkeeper.ledger import chart, recipes
from tillkeeper.ledger.recipes import ClaimSplit, CreditsOpening, Exchange, RefundSplit
from tillkeeper.ledger.values import Journal

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = AT + timedelta(days=1)
IT, ANA = UUID(int=7), UUID(int=1)
EUROS: dict[str, Any] = {"gateway": "stripe", "currency": "EUR"}
USED = (Earned(currency="EUR", amount=4), Earned(currency="USD", amount=5), Earned(currency="EUR", amount=6))
INCOME = ["deferred:EUR < revenue:credits:EUR 10", "deferred:USD < revenue:credits:USD 5"]


def written(journal: Journal) -> list[str]:
    """Write a journal out: its key and its day first."""
    day = "" if journal.effective_at == AT else " a day later"
    key = f"{journal.source} {UUID(journal.source_id).int} {journal.kind}{day}"
    lines = (f"{each.debit.code} < {each.credit.code} {each.amount}" for each in journal.postings)
    return [key, *(line.replace(str(ANA), "ana") for line in lines)]


def all_written(journals: Iterable[Journal]) -> list[list[str]]:
    return [written(journal) for journal in journals]


def exchange(**other: int | bool) -> Exchange:
    wanted: dict[str, int | bool] = {"gross": 1000, "expected_fee": 30, "net": 800, "fee": 50, "tax": 7, "residual": 1}
    return Exchange(currency="EUR", settle_currency="USD", **(wanted | other))  # type: ignore[arg-type]


CLEARING, SUSPENSE = "gateway:stripe:clearing:EUR", "suspense:stripe:EUR"
ONE: dict[str, tuple[Callable[[], Journal], list[str]]] = {
    "a capture owed in goods": (
        lambda: recipes.capture(IT, **EUROS, amount=100, credits_to="deferred", at=AT, tax=19),
        ["payment 7 capture", f"{CLEARING} < deferred:EUR 81", f"{CLEARING} < tax_payable:EUR 19"],
    ),
    "a capture earned at once": (
        lambda: recipes.capture(IT, **EUROS, amount=100, credits_to="other", at=AT),
        ["payment 7 capture", f"{CLEARING} < revenue:other:EUR 100"],
    ),
    "a fee with tax": (
        lambda: recipes.fee(IT, **EUROS, amount=30, at=AT, tax=5),
        ["payment 7 fee", f"fees:stripe:processing:EUR < {CLEARING} 25", f"fees:stripe:tax:EUR < {CLEARING} 5"],
    ),
    "a fee that was smaller, with tax that nobody had known": (
        lambda: recipes.fee_correction(IT, **EUROS, difference=-3, reference="x", at=AT, tax=5),
        [
            "payment 7 fee_correction:x",
            f"{CLEARING} < fees:stripe:processing:EUR 8",
            f"fees:stripe:tax:EUR < {CLEARING} 5",
        ],
    ),
    "a second capture": (
        lambda: recipes.surplus_captured(IT, **EUROS, amount=100, fee=3, at=AT),
        ["refund 7 surplus", f"{CLEARING} < refund_payable:EUR 100", f"fees:stripe:processing:EUR < {CLEARING} 3"],
    ),
    "a payout": (
        lambda: recipes.payout_created(IT, **EUROS, amount=9, at=AT),
        ["payout 7 created", f"gateway:stripe:payout_in_transit:EUR < {CLEARING} 9"],
    ),
    "a payout that takes": (
        lambda: recipes.payout_created(IT, **EUROS, amount=-9, at=AT),
        ["payout 7 created", f"{CLEARING} < gateway:stripe:payout_in_transit:EUR 9"],
    ),
    "a payout that arrived": (
        lambda: recipes.payout_paid(IT, **EUROS, amount=9, at=AT),
        ["payout 7 paid", "bank:EUR < gateway:stripe:payout_in_transit:EUR 9"],
    ),
    "a payout that failed on its way": (
        lambda: recipes.payout_failed(IT, **EUROS, amount=9, had_arrived=False, at=AT),
        ["payout 7 failed", f"{CLEARING} < gateway:stripe:payout_in_transit:EUR 9"],
    ),
    "a payout that failed after it had arrived": (
        lambda: recipes.payout_failed(IT, **EUROS, amount=9, had_arrived=True, at=AT),
        ["payout 7 failed", f"{CLEARING} < bank:EUR 9"],
    ),
    "credits that were bought": (
        lambda: recipes.grant(IT, user=ANA, units=12, at=AT, recognised=USED),
        ["payment 7 grant", "credits:issuer < wallet:ana 12", *INCOME],
    ),
    "cards that were bought": (
        lambda: recipes.grant(IT, user=ANA, units=5, at=AT, unit="starter", recognised=USED[:1]),
        ["payment 7 grant", "issuer:starter < holder:ana:starter 5", "deferred:EUR < revenue:packs:EUR 4"],
    ),
    "debt that a purchase repaid": (
        lambda: recipes.debt_repaid("payment", IT, user=ANA, units=3, recognised=USED, at=AT),
        ["payment 7 debt_repaid", "wallet:ana < wallet_debt:ana 3", *INCOME],
    ),
    "credits that were spent": (
        lambda: recipes.spend(IT, user=ANA, units=3, earned=USED, at=AT),
        ["spend 7 spend", "wallet:ana < credits:issuer 3", *INCOME],
    ),
    "credits that were given": (
        lambda: recipes.credits_given(IT, kind="bonus", user=ANA, units=9, debt_repaid=2, at=AT),
        ["adjustment 7 bonus", "credits:issuer < wallet:ana 9", "wallet:ana < wallet_debt:ana 2"],
    ),
    "credits that were taken": (
        lambda: recipes.credits_taken(IT, user=ANA, units=9, earned=USED[:2], at=AT),
        [
            "adjustment 7 adjustment",
            "wallet:ana < credits:issuer 9",
            "deferred:EUR < breakage:EUR 4",
            "deferred:USD < breakage:USD 5",
        ],
    ),
    "credits whose time was over": (
        lambda: recipes.credits_expired(IT, user=ANA, units=9, earned=USED[0], at=AT),
        [f"lot 7 expire:{AT.isoformat()}", "wallet:ana < credits:issuer 9", "deferred:EUR < breakage:EUR 4"],
    ),
    "debt that was forgiven": (
        lambda: recipes.debt_written_off(IT, user=ANA, units=9, at=AT),
        ["adjustment 7 write_off", "credits:issuer < wallet_debt:ana 9"],
    ),
    "a refund that was sent": (
        lambda: recipes.refund_succeeded(IT, **EUROS, amount=9, at=AT),
        ["refund 7 succeeded", f"refund_payable:EUR < {CLEARING} 9"],
    ),
    "a refund that came back": (
        lambda: recipes.refund_returned(IT, **EUROS, amount=9, at=AT),
        ["refund 7 returned", f"{CLEARING} < refund_payable:EUR 9"],
    ),
    "money that changed into another currency": (
        lambda: recipes.settled_elsewhere(IT, gateway="stripe", exchange=exchange(), at=AT),
        [
            "settlement 7 settled_elsewhere",
            f"fx:trade:EUR < {CLEARING} 1000",
            f"{CLEARING} < fees:stripe:processing:EUR 30",
            "gateway:stripe:clearing:USD < fx:trade:USD 856",
            "gateway:stripe:clearing:USD < rounding:USD 1",
            "fees:stripe:processing:USD < gateway:stripe:clearing:USD 50",
            "fees:stripe:tax:USD < gateway:stripe:clearing:USD 7",
        ],
    ),
    "a dispute that was held back in another currency": (
        lambda: recipes.settled_elsewhere(
            IT,
            gateway="stripe",
            exchange=exchange(gross=-1000, net=-900, tax=0, residual=-1, for_dispute=True),
            at=AT,
        ),
        [
            "settlement 7 settled_elsewhere",
            f"{CLEARING} < fx:trade:EUR 1000",
            f"{CLEARING} < fees:stripe:dispute:EUR 30",
            "fx:trade:USD < gateway:stripe:clearing:USD 849",
            "rounding:USD < gateway:stripe:clearing:USD 1",
            "fees:stripe:dispute:USD < gateway:stripe:clearing:USD 50",
        ],
    ),
    "what nobody can explain": (
        lambda: recipes.suspended(IT, **EUROS, difference=9, at=AT),
        ["discrepancy 7 suspended", f"{CLEARING} < {SUSPENSE} 9"],
    ),
    "what was explained": (
        lambda: recipes.explained(IT, **EUROS, difference=9, at=AT),
        ["discrepancy 7 explained", f"{SUSPENSE} < {CLEARING} 9"],
    ),
    "what is within tolerance": (
        lambda: recipes.tolerated(IT, **EUROS, difference=-1, at=AT),
        ["discrepancy 7 tolerated", f"rounding:EUR < {CLEARING} 1"],
    ),
    "what somebody accepts": (
        lambda: recipes.accepted(
            IT, moved=[(chart.suspense("stripe", "EUR"), chart.fees_processing("stripe", "EUR"), 9)], at=AT
        ),
        ["discrepancy 7 accepted", f"{SUSPENSE} < fees:stripe:processing:EUR 9"],
    ),
    "what was accepted and is booked under its own name": (
        lambda: recipes.overtaken(
            IT, moved=[(chart.suspense("stripe", "EUR"), chart.fees_processing("stripe", "EUR"), 9)], at=AT
        ),
        ["discrepancy 7 overtaken", f"fees:stripe:processing:EUR < {SUSPENSE} 9"],
    ),
}
PAID_BACK = [
    "deferred:EUR < refund_payable:EUR 50",
    "refunds_of_earned:EUR < refund_payable:EUR 31",
    "tax_payable:EUR < refund_payable:EUR 19",
]
TAKEN = [
    *INCOME,
    "wallet:ana < credits:issuer 3",
    "wallet_frozen:ana < credits:issuer 2",
    "wallet_debt:ana < credits:issuer 1",
]
SPLIT = RefundSplit(
    currency="EUR",
    unearned=50,
    earned=31,
    tax=19,
    user=ANA,
    from_wallet=3,
    from_frozen=2,
    to_debt=1,
    recognised=USED,
)
MONEY = RefundSplit(currency="EUR", unearned=50, earned=31, tax=19)
CLAIM = ClaimSplit(
    user=ANA,
    currency="EUR",
    frozen=9,
    thawed=2,
    from_frozen=3,
    from_wallet=5,
    to_debt=4,
    restored=1,
    repaid=6,
    lost=8,
    recognised=USED,
)
OWED = "deferred:EUR < chargeback_loss:EUR 8"


def mirrored(lines: list[str]) -> list[str]:
    parts = (line.split(" ") for line in lines)
    return [f"{credit} < {debit} {amount}" for debit, _, credit, amount in parts]


def moved(**other: int) -> list[Journal]:
    wanted: dict[str, Any] = EUROS | {"withdrawn": 0, "fee": 0} | other
    return recipes.dispute_moved(IT, number=2, **wanted, at=AT)


def lost(*, currency: str = "EUR", amount: int, unearned: int) -> list[Journal]:
    return recipes.dispute_lost(
        IT, number=2, gateway="stripe", currency=currency, lost=amount, paid_in="EUR", unearned=unearned, at=AT
    )


def owed(amount: int) -> list[Journal]:
    return recipes.surplus_lost(IT, number=2, gateway="stripe", currency="EUR", owed=amount, at=AT)


def opened(**other: int | tuple[Earned, ...]) -> list[Journal]:
    return recipes.credits_opened(IT, opening=CreditsOpening(user=ANA, **other), at=AT)  # type: ignore[arg-type]


HELD_BACK = "gateway:stripe:dispute_receivable:EUR"
SOME: dict[str, tuple[Callable[[], list[Journal]], list[list[str]]]] = {
    "a refund that was promised": (
        lambda: recipes.refund_requested(IT, split=SPLIT, at=AT, goods_at=AT),
        [["refund 7 requested", *PAID_BACK, *TAKEN]],
    ),
    "a refund whose goods went on another day": (
        lambda: recipes.refund_requested(IT, split=SPLIT, at=AT, goods_at=LATER),
        [["refund 7 requested", *PAID_BACK], ["refund 7 requested_goods a day later", *TAKEN]],
    ),
    "a refund of money alone": (
        lambda: recipes.refund_requested(IT, split=MONEY, at=AT, goods_at=LATER),
        [["refund 7 requested", *PAID_BACK]],
    ),
    "a refund that failed": (
        lambda: recipes.refund_reversed(IT, split=SPLIT, at=AT, goods_at=AT),
        [["refund 7 reversed", *mirrored(PAID_BACK), *mirrored(TAKEN)]],
    ),
    "a refund that failed on one day and gave its goods back on another": (
        lambda: recipes.refund_reversed(IT, split=SPLIT, at=AT, goods_at=LATER),
        [["refund 7 reversed", *mirrored(PAID_BACK)], ["refund 7 reversed_goods a day later", *mirrored(TAKEN)]],
    ),
    "a refund that met goods": (
        lambda: recipes.refund_met_goods(IT, split=SPLIT, at=AT),
        [["refund 7 met_goods", "refunds_of_earned:EUR < deferred:EUR 31", *TAKEN]],
    ),
    "a refund that met nothing": (lambda: recipes.refund_met_goods(IT, split=RefundSplit(currency="EUR"), at=AT), []),
    "goods of a failed refund": (
        lambda: recipes.refund_restored(IT, split=SPLIT, at=AT),
        [["refund 7 restored", "deferred:EUR < refunds_of_earned:EUR 31", *mirrored(TAKEN)]],
    ),
    "no goods of a failed refund": (lambda: recipes.refund_restored(IT, split=RefundSplit(currency="EUR"), at=AT), []),
    "money and a fee that a dispute took": (
        lambda: moved(withdrawn=100, fee=15),
        [["dispute 7 withdrawn:2", f"{HELD_BACK} < {CLEARING} 100", f"fees:stripe:dispute:EUR < {CLEARING} 15"]],
    ),
    "money that a dispute gave back": (
        lambda: moved(withdrawn=-1),
        [["dispute 7 reinstated:2", f"{CLEARING} < {HELD_BACK} 1"]],
    ),
    "a fee alone": (lambda: moved(fee=15), [["dispute 7 dispute_fee:2", f"fees:stripe:dispute:EUR < {CLEARING} 15"]]),
    "a dispute that moved nothing": (moved, []),
    "a loss of which a part was owed": (
        lambda: lost(amount=100, unearned=30),
        [["dispute 7 lost:2", f"deferred:EUR < {HELD_BACK} 30", f"chargeback_loss:EUR < {HELD_BACK} 70"]],
    ),
    "a loss smaller than what was owed": (
        lambda: lost(amount=20, unearned=30),
        [["dispute 7 lost:2", f"deferred:EUR < {HELD_BACK} 20", "deferred:EUR < chargeback_loss:EUR 10"]],
    ),
    "a loss that came home": (
        lambda: lost(amount=-20, unearned=-5),
        [["dispute 7 lost:2", f"{HELD_BACK} < chargeback_loss:EUR 20", "chargeback_loss:EUR < deferred:EUR 5"]],
    ),
    "a loss in another currency": (
        lambda: lost(currency="USD", amount=100, unearned=30),
        [
            [
                "dispute 7 lost:2",
                "chargeback_loss:USD < gateway:stripe:dispute_receivable:USD 100",
                "deferred:EUR < chargeback_loss:EUR 30",
            ]
        ],
    ),
    "no loss": (lambda: lost(amount=0, unearned=0), []),
    "credits that a bank claims": (
        lambda: recipes.goods_claimed("dispute", IT, "claimed", split=CLAIM, at=AT),
        [
            [
                "dispute 7 claimed",
                "wallet:ana < credits:issuer 4",
                "wallet:ana < wallet_frozen:ana 7",
                "wallet_frozen:ana < credits:issuer 3",
                "wallet_debt:ana < credits:issuer 4",
                "wallet:ana < wallet_debt:ana 6",
                *INCOME,
                OWED,
            ]
        ],
    ),
    "cards that a bank claims": (
        lambda: recipes.goods_claimed(
            "refund",
            IT,
            "k",
            split=replace(CLAIM, unit="starter", lost=0, recognised=()),
            at=AT,
        ),
        [["refund 7 k", "holder:ana:starter < issuer:starter 4"]],
    ),
    "a claim of nothing": (
        lambda: recipes.goods_claimed("dispute", IT, "k", split=ClaimSplit(user=ANA, currency="EUR"), at=AT),
        [],
    ),
    "tax that was lost": (
        lambda: recipes.tax_lost("dispute", IT, "tax", currency="EUR", amount=19, at=AT),
        [["dispute 7 tax", "tax_payable:EUR < chargeback_loss:EUR 19"]],
    ),
    "a second capture that a bank gave back": (
        lambda: owed(199),
        [["dispute 7 owed:2", f"refund_payable:EUR < {HELD_BACK} 199"]],
    ),
    "a second capture that came home after that": (
        lambda: owed(-199),
        [["dispute 7 owed:2", f"{HELD_BACK} < refund_payable:EUR 199"]],
    ),
    "nothing that was owed": (lambda: owed(0), []),
    "no tax that was lost": (lambda: recipes.tax_lost("dispute", IT, "tax", currency="EUR", amount=0, at=AT), []),
    "what a user brought along": (
        lambda: opened(units=9, debt=4, debt_repaid=2, owed=USED[:2], earned=USED[:1]),
        [
            [
                "import 7 opening",
                "credits:issuer < wallet:ana 9",
                "wallet:ana < wallet_debt:ana 2",
                "wallet_debt:ana < credits:issuer 4",
                "opening:EUR < deferred:EUR 4",
                "opening:USD < deferred:USD 5",
                "deferred:EUR < revenue:credits:EUR 4",
            ]
        ],
    ),
    "nothing that a user brought along": (opened, []),
    "a charge of the gateway's": (
        lambda: recipes.charged(IT, **EUROS, fee=9, tax=2, at=AT),
        [["settlement 7 charged", f"fees:stripe:processing:EUR < {CLEARING} 9", f"fees:stripe:tax:EUR < {CLEARING} 2"]],
    ),
    "a charge for a payout": (
        lambda: recipes.charged(IT, **EUROS, fee=9, tax=0, for_payout=True, at=AT),
        [["settlement 7 charged", f"fees:stripe:payout:EUR < {CLEARING} 9"]],
    ),
    "no charge": (lambda: recipes.charged(IT, **EUROS, fee=0, tax=0, at=AT), []),
    "what an earlier system had booked": (
        lambda: recipes.taken_over(IT, **EUROS, amount=9, at=AT),
        [["settlement 7 taken_over", f"{CLEARING} < opening:EUR 9"]],
    ),
    "nothing that an earlier system had booked": (lambda: recipes.taken_over(IT, **EUROS, amount=0, at=AT), []),
    "a reserve": (
        lambda: recipes.reserved(IT, **EUROS, amount=-9, at=AT),
        [["settlement 7 reserved", f"gateway:stripe:reserve:EUR < {CLEARING} 9"]],
    ),
    "no reserve": (lambda: recipes.reserved(IT, **EUROS, amount=0, at=AT), []),
    "a conversion": (
        lambda: recipes.converted(IT, **EUROS, amount=9, at=AT),
        [["settlement 7 converted", f"{CLEARING} < fx:trade:EUR 9"]],
    ),
    "no conversion": (lambda: recipes.converted(IT, **EUROS, amount=0, at=AT), []),
}


@pytest.mark.parametrize(("make", "lines"), ONE.values(), ids=ONE)
def test_a_recipe_books_what_its_name_says(make: Callable[[], Journal], lines: list[str]) -> None:
    assert written(make()) == lines


@pytest.mark.parametrize(("make", "journals"), SOME.values(), ids=SOME)
def test_a_recipe_that_may_have_nothing_to_book_books_only_what_moved(
    make: Callable[[], list[Journal]], journals: list[list[str]]
) -> None:
    assert all_written(make()) == journals


def test_every_recipe_is_written_out_here() -> None:
    source = Path(__file__).read_text()
    verbs = {name for name in recipes.__all__ if name[0].islower()}
    assert {name for name in verbs if f"recipes.{name}(" not in source} == set()
