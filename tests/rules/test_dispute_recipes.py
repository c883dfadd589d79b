"""What disputes move is booked exactly as the chart of accounts says, and nothing when nothing moved."""

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tillkeeper import ledger
from tillkeeper.facts import Earned
from tillkeeper.ledger import recipes
from tillkeeper.ledger.recipes import ClaimSplit

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DISPUTE, USER = UUID(int=4), UUID(int=3)
CLEARING, RECEIVABLE = "gateway:stripe:clearing:EUR", "gateway:stripe:dispute_receivable:EUR"
FEES, LOSS, DEFERRED = "fees:stripe:dispute:EUR", "chargeback_loss:EUR", "deferred:EUR"
WALLET, FROZEN, DEBT, ISSUER = f"wallet:{USER}", f"wallet_frozen:{USER}", f"wallet_debt:{USER}", "credits:issuer"
amounts = st.integers(-(10**12), 10**12)

Lines = list[tuple[str, list[tuple[str, str, int]]]]


def lines(journals: list[ledger.Journal]) -> Lines:
    """Write journals as their kinds and postings."""
    return [(each.kind, [(p.debit.code, p.credit.code, p.amount) for p in each.postings]) for each in journals]


def net(journals: list[ledger.Journal]) -> dict[str, int]:
    """Add up what journals do to each account, debits positive."""
    sums: Counter[str] = Counter()
    for _, postings in lines(journals):
        for debit, credit, amount in postings:
            sums[debit] += amount
            sums[credit] -= amount
    return {code: amount for code, amount in sums.items() if amount}


def moved(number: int, withdrawn: int, fee: int = 0) -> list[ledger.Journal]:
    return recipes.dispute_moved(
        DISPUTE, number=number, gateway="stripe", currency="EUR", withdrawn=withdrawn, fee=fee, at=AT
    )


def lost(amount: int, unearned: int, *, paid_in: str = "EUR") -> list[ledger.Journal]:
    return recipes.dispute_lost(
        DISPUTE, number=7, gateway="stripe", currency="EUR", lost=amount, paid_in=paid_in, unearned=unearned, at=AT
    )


def claimed(**split: object) -> list[ledger.Journal]:
    values = ClaimSplit(**{"user": USER, "currency": "EUR"} | split)  # type: ignore[arg-type]
    return recipes.goods_claimed("dispute", DISPUTE, "goods:1", split=values, at=AT)


def test_money_that_is_withdrawn_is_receivable_and_its_fee_is_not() -> None:
    assert lines(moved(1, 100, 15)) == [("withdrawn:1", [(RECEIVABLE, CLEARING, 100), (FEES, CLEARING, 15)])]


def test_money_that_comes_back_goes_the_other_way_and_so_does_a_fee() -> None:
    assert lines(moved(2, -100)) == [("reinstated:2", [(CLEARING, RECEIVABLE, 100)])]
    assert lines(moved(3, 0, -15)) == [("dispute_fee:3", [(CLEARING, FEES, 15)])]


def test_a_loss_is_what_was_not_owed_in_goods_any_more() -> None:
    assert lines(lost(100, 40)) == [("lost:7", [(DEFERRED, RECEIVABLE, 40), (LOSS, RECEIVABLE, 60)])]
    assert lines(lost(100, 100)) == [("lost:7", [(DEFERRED, RECEIVABLE, 100)])]
    assert lines(lost(100, 0)) == [("lost:7", [(LOSS, RECEIVABLE, 100)])]


def test_a_loss_in_another_currency_is_lowered_where_the_goods_were_owed() -> None:
    [journal] = lost(100, 40, paid_in="USD")
    assert [(p.debit.code, p.credit.code, p.amount) for p in journal.postings] == [
        (LOSS, RECEIVABLE, 100),
        ("deferred:USD", "chargeback_loss:USD", 40),
    ]


def test_what_moves_nothing_is_no_journal() -> None:
    assert [moved(1, 0), lost(0, 0), claimed()] == [[], [], []]


@given(st.lists(st.tuples(amounts, amounts), max_size=6), amounts, amounts)
def test_whatever_moves_in_any_parts_the_accounts_stand_at_the_sums(
    parts: list[tuple[int, int]], loss: int, unearned: int
) -> None:
    journals = [each for number, part in enumerate(parts) for each in moved(number, *part)] + lost(loss, unearned)
    withdrawn, fees = sum(part[0] for part in parts), sum(part[1] for part in parts)
    expected = {
        RECEIVABLE: withdrawn - loss,
        CLEARING: -withdrawn - fees,
        FEES: fees,
        LOSS: loss - unearned,
        DEFERRED: unearned,
    }
    assert net(journals) == {code: amount for code, amount in expected.items() if amount}
    assert len({journal.key for journal in journals}) == len(journals)


def test_credits_are_frozen_come_free_and_are_taken_for_good() -> None:
    assert lines(claimed(frozen=60)) == [("goods:1", [(WALLET, FROZEN, 60)])]
    assert lines(claimed(thawed=60, repaid=10)) == [("goods:1", [(FROZEN, WALLET, 60), (WALLET, DEBT, 10)])]
    assert lines(claimed(from_frozen=60, from_wallet=20, to_debt=5)) == [
        ("goods:1", [(WALLET, ISSUER, 20), (FROZEN, ISSUER, 60), (DEBT, ISSUER, 5)])
    ]
    assert lines(claimed(restored=20)) == [("goods:1", [(ISSUER, WALLET, 20)])]


def test_credits_of_others_that_went_instead_earn_their_money() -> None:
    earned = (Earned(currency="EUR", amount=30),)
    assert lines(claimed(from_wallet=20, recognised=earned)) == [
        ("goods:1", [(WALLET, ISSUER, 20), (DEFERRED, "revenue:credits:EUR", 30)])
    ]


def test_cards_stay_with_their_holder_while_they_are_suspended() -> None:
    assert claimed(unit="PACK:black", frozen=3) == []
    assert lines(claimed(unit="PACK:black", from_wallet=3)) == [
        ("goods:1", [(f"holder:{USER}:PACK:black", "issuer:PACK:black", 3)])
    ]
