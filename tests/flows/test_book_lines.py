"""What settlement lines mean for the books."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tillkeeper.facts import LineKind
from tillkeeper.flows.book_lines import book_accepted, book_explained, book_lines, book_opened
from tillkeeper.ledger import Journal
from tillkeeper.settlement.lines import Side
from tillkeeper.settlement.runs import Discrepancy, Home, Kind, Line, Ours, Pair, Status

AT = datetime(2026, 11, 21, tzinfo=UTC)
ID = UUID("01935f2c-7c00-7000-8000-0000000000bb")
LINE = Line(
    id=1,
    line_id="txn_1",
    kind=LineKind.FEE,
    gross=0,
    fee=30,
    tax=5,
    net=-35,
    currency="EUR",
    settle_currency="EUR",
    rate=None,
    occurred_at=AT,
)
OURS = Ours(
    side=Side.CAPTURE, id=ID, amount=1000, currency="EUR", settled=True, status="succeeded", at=AT, payment=ID, fee=59
)
FOUND = Discrepancy(
    id=ID,
    run=ID,
    gateway="stripe",
    day=AT.date(),
    kind=Kind.MISSING_INTERNAL,
    status=Status.OPEN,
    subject="line:txn_1",
    detail="",
    theirs=1000,
    ours=None,
    currency="EUR",
    difference=941,
    difference_currency="EUR",
    line=1,
    object=None,
    payment=None,
    suspended=True,
    home=Home.INCOME,
)


def moved(journals: list[Journal]) -> dict[str, int]:
    """Sum up by account what journals moved, debits less credits."""
    totals: dict[str, int] = {}
    for journal in journals:
        for each in journal.postings:
            totals[each.debit.code] = totals.get(each.debit.code, 0) + each.amount
            totals[each.credit.code] = totals.get(each.credit.code, 0) - each.amount
    return {code: total for code, total in totals.items() if total}


def booked(line: Line, ours: Ours | None = None) -> dict[str, int]:
    return moved(book_lines("stripe", [(Pair(line=line, ours=ours), None)], AT))


def test_what_a_line_tells_stands_in_its_day_and_never_in_the_future() -> None:
    for now, day in ((AT + timedelta(days=3), AT), (AT - timedelta(days=1), AT - timedelta(days=1))):
        [journal] = book_lines("stripe", [(Pair(line=LINE), None)], now)
        assert journal.effective_at == day


def test_what_was_put_aside_is_taken_back_as_of_that_day() -> None:
    seen_at = AT - timedelta(days=3)
    [journal] = book_explained([replace(FOUND, first_seen_at=seen_at)], AT)
    assert journal.effective_at == seen_at


def test_a_charge_of_its_own_is_booked_with_its_tax() -> None:
    assert booked(LINE) == {
        "fees:stripe:processing:EUR": 30,
        "fees:stripe:tax:EUR": 5,
        "gateway:stripe:clearing:EUR": -35,
    }


def test_a_charge_that_is_given_back_is_less_expense() -> None:
    assert booked(replace(LINE, fee=-30, tax=0, net=30)) == {
        "fees:stripe:processing:EUR": -30,
        "gateway:stripe:clearing:EUR": 30,
    }


@pytest.mark.parametrize("held", [500, -500])
def test_a_reserve_is_still_ours(held: int) -> None:
    line = replace(LINE, kind=LineKind.RESERVE, gross=-held, fee=0, tax=0, net=-held)
    assert booked(line) == {"gateway:stripe:clearing:EUR": -held, "gateway:stripe:reserve:EUR": held}


def test_an_exchange_on_the_balance_goes_through_trading() -> None:
    line = replace(LINE, kind=LineKind.CONVERSION, gross=-500, fee=0, tax=0, net=-500)
    assert booked(line) == {"gateway:stripe:clearing:EUR": -500, "fx:trade:EUR": 500}


@pytest.mark.parametrize(("net", "rounding"), [(1041, 0), (1042, -1)])
def test_a_capture_settled_in_another_currency_leaves_nothing_in_its_own(net: int, rounding: int) -> None:
    line = replace(LINE, kind=LineKind.CAPTURE, gross=1000, fee=59, tax=0, net=net, settle_currency="USD", rate="1.1")
    assert booked(line, OURS) == {
        "fx:trade:EUR": 1000,
        "gateway:stripe:clearing:EUR": -941,  # what the capture and its expected fee had left there
        "fees:stripe:processing:EUR": -59,
        "gateway:stripe:clearing:USD": net,
        "fees:stripe:processing:USD": 59,
        "fx:trade:USD": -1100,
    } | ({"rounding:USD": rounding} if rounding else {})


def test_what_a_refund_costs_is_booked_and_the_refund_itself_is_not_booked_again() -> None:
    line = replace(LINE, kind=LineKind.REFUND, gross=-1000, fee=20, tax=0, net=-1020)
    ours = replace(OURS, side=Side.REFUND, amount=-1000, fee=None)
    assert booked(line, ours) == {"fees:stripe:processing:EUR": 20, "gateway:stripe:clearing:EUR": -20}


@pytest.mark.parametrize(("fee", "more"), [(59, {"fees": -19, "tax": 5, "clearing": 14}), (None, {})])
def test_the_fee_of_a_second_capture_is_corrected_to_what_its_line_says(fee: int | None, more: dict[str, int]) -> None:
    line = replace(LINE, kind=LineKind.CAPTURE, gross=1000, fee=40, tax=5, net=955)
    codes = {
        "fees": "fees:stripe:processing:EUR",
        "tax": "fees:stripe:tax:EUR",
        "clearing": "gateway:stripe:clearing:EUR",
    }
    ours = replace(OURS, side=Side.SURPLUS, fee=fee)
    assert booked(line, ours) == {codes[name]: amount for name, amount in more.items()}


@pytest.mark.parametrize("kind", [LineKind.FEE, LineKind.RESERVE, LineKind.CONVERSION])
def test_a_line_that_moved_nothing_books_nothing(kind: LineKind) -> None:
    assert booked(replace(LINE, kind=kind, gross=0, fee=0, tax=0, net=0)) == {}


def test_what_a_payout_costs_is_its_own_expense() -> None:
    line = replace(LINE, kind=LineKind.PAYOUT, gross=-1000, fee=15, tax=0, net=-1015)
    ours = replace(OURS, side=Side.PAYOUT, amount=-1000, fee=None)
    assert booked(line, ours) == {"fees:stripe:payout:EUR": 15, "gateway:stripe:clearing:EUR": -15}


def test_a_line_has_one_name_in_the_books_however_often_it_is_compared() -> None:
    journals = [book_lines("stripe", [(Pair(line=LINE), None)], AT)[0].key for _ in range(2)]
    assert journals[0] == journals[1]


@pytest.mark.parametrize("difference", [941, -941])
def test_what_was_put_aside_and_is_explained_leaves_nothing(difference: int) -> None:
    found = replace(FOUND, difference=difference)
    assert moved(book_opened([found], AT)) == {
        "gateway:stripe:clearing:EUR": difference,
        "suspense:stripe:EUR": -difference,
    }
    assert moved(book_opened([found], AT) + book_explained([found], AT)) == {}


@pytest.mark.parametrize(
    ("home", "to"),
    [
        (Home.INCOME, "revenue:other:EUR"),
        (Home.LOSS, "chargeback_loss:EUR"),
        (Home.PROCESSING_FEE, "fees:stripe:processing:EUR"),
        (Home.DISPUTE_FEE, "fees:stripe:dispute:EUR"),
        (Home.REFUND_PAYABLE, "refund_payable:EUR"),
        (Home.REFUNDS_OF_EARNED, "refunds_of_earned:EUR"),
        (Home.IN_TRANSIT, "gateway:stripe:payout_in_transit:EUR"),
        (Home.BANK, "bank:EUR"),
        (Home.TRADE, "fx:trade:EUR"),
    ],
)
@pytest.mark.parametrize("difference", [941, -5])
def test_what_is_accepted_goes_where_it_belongs(home: Home, difference: int, to: str) -> None:
    found = replace(FOUND, home=home, difference=difference)
    assert moved(book_accepted(found, AT)) == {"suspense:stripe:EUR": difference, to: -difference}


def test_what_is_missing_there_and_accepted_leaves_clearing() -> None:
    found = replace(FOUND, kind=Kind.MISSING_AT_GATEWAY, difference=-941, suspended=False, home=Home.LOSS)
    assert moved(book_accepted(found, AT)) == {"gateway:stripe:clearing:EUR": -941, "chargeback_loss:EUR": 941}


def test_what_an_exchange_left_and_is_accepted_is_gain_or_loss() -> None:
    found = replace(FOUND, kind=Kind.FX_RESIDUAL, theirs=-3, difference=0, suspended=False, home=Home.EXCHANGE)
    assert moved(book_accepted(found, AT)) == {"fx:trade:EUR": -3, "fx_gain_loss:EUR": 3}


@pytest.mark.parametrize("kind", [Kind.PAYOUT_SUM_MISMATCH, Kind.PAYOUT_MISSING_IN_BANK])
def test_what_somebody_else_must_mend_is_not_booked_away(kind: Kind) -> None:
    assert book_accepted(replace(FOUND, kind=kind, suspended=False, home=None), AT) == []


def test_what_was_accepted_and_is_explained_after_all_leaves_nothing() -> None:
    accepted = replace(FOUND, accepted=True)
    whole = book_opened([FOUND], AT) + book_accepted(FOUND, AT) + book_explained([accepted], AT)
    assert moved(whole) == {}
