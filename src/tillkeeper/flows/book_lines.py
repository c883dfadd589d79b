"""Say what settlement lines and disagreements about them mean for the books."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import LineKind
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.ledger import Account, Journal, chart, recipes
from tillkeeper.reports.reconciliation import NEXT_STEPS
from tillkeeper.settlement import runs
from tillkeeper.settlement.lines import Side
from tillkeeper.settlement.runs import Discrepancy, Finding, Home, Kind, Pair

NAMESPACE = UUID("01935f2c-7c00-7000-8000-000000000002")
"""What the books call lines by: the same line of a gateway has the same name, however often it is compared."""
CONVERTIBLE = frozenset({Side.CAPTURE, Side.SURPLUS, Side.REFUND, Side.REFUND_FAILED, Side.DISPUTE})
CHARGEABLE = frozenset({Side.SURPLUS, Side.REFUND, Side.REFUND_FAILED, Side.PAYOUT, Side.PAYOUT_FAILED})
SETTLED = frozenset({None, Kind.AMOUNT_OVER, Kind.AMOUNT_UNDER, Kind.FEE_MISMATCH, Kind.FX_RESIDUAL})
"""What may be wrong with a line that stands for something of ours all the same."""
TOLD_ONLY = frozenset({Kind.PAYOUT_SUM_MISMATCH, Kind.PAYOUT_MISSING_IN_BANK, Kind.IN_TRANSIT})
"""Disagreements that no correction of ours can end: somebody else must move. But a person may know more of a payout."""


def book_lines(gateway: str, judged: Iterable[tuple[Pair, Finding | None]], now: datetime) -> list[Journal]:
    """Book what is known from lines alone: charges, reserves, exchanges; each on the day of its line."""
    return [
        journal
        for pair, finding in judged
        for journal in _told(
            gateway, ids.derive(NAMESPACE, gateway, pair.line.line_id), pair, finding, min(pair.line.occurred_at, now)
        )
    ]


def _told(gateway: str, name: UUID, pair: Pair, finding: Finding | None, at: datetime) -> Iterator[Journal]:
    line, ours = pair.line, pair.ours
    currency = line.settle_currency
    if line.kind is LineKind.FEE:
        yield from recipes.charged(name, gateway=gateway, currency=currency, fee=line.fee, tax=line.tax, at=at)
    elif line.kind is LineKind.RESERVE:
        yield from recipes.reserved(name, gateway=gateway, currency=currency, amount=line.net, at=at)
    elif line.kind is LineKind.CONVERSION:
        yield from recipes.converted(name, gateway=gateway, currency=currency, amount=line.net, at=at)
    elif ours and ours.settled and ours.imported:
        yield from recipes.taken_over(name, gateway=gateway, currency=currency, amount=line.net, at=at)
    elif ours and ours.settled and (finding.kind if finding else None) in SETTLED:
        yield from _beside(gateway, name, pair, ours, at)


def _beside(gateway: str, name: UUID, pair: Pair, ours: runs.Ours, at: datetime) -> Iterator[Journal]:
    """Book what a line says beyond what we knew: that it came in another currency, or what was charged for it."""
    line = pair.line
    if line.currency != line.settle_currency and ours.side in CONVERTIBLE:
        (rest, rounded), for_dispute = runs.residual(line), ours.side is Side.DISPUTE
        exchange = recipes.Exchange(
            currency=line.currency,
            gross=line.gross,
            # A dispute may have several lines; what is kept for it is told by them alone when they are converted.
            expected_fee=0 if for_dispute else ours.fee or 0,
            settle_currency=line.settle_currency,
            net=line.net,
            fee=line.fee,
            tax=line.tax,
            residual=rest if rounded else 0,
            for_dispute=for_dispute,
        )
        yield recipes.settled_elsewhere(name, gateway=gateway, exchange=exchange, at=at)
    elif ours.side in CHARGEABLE and not (ours.side is Side.SURPLUS and ours.fee is None):
        yield from recipes.charged(
            name,
            gateway=gateway,
            currency=line.settle_currency,
            fee=line.fee - (ours.fee or 0),
            tax=line.tax,
            for_payout=ours.side in {Side.PAYOUT, Side.PAYOUT_FAILED},
            at=at,
        )


def book_opened(opened: Sequence[Discrepancy], at: datetime) -> list[Journal]:
    """Put aside what has moved at a gateway and is not explained yet."""
    return [
        recipes.suspended(
            each.id, gateway=each.gateway, currency=each.difference_currency, difference=each.difference, at=at
        )
        for each in opened
        if each.suspended
    ]


def book_tolerated(tolerated: Sequence[Discrepancy], at: datetime) -> list[Journal]:
    """Book what is within tolerance; what rounding left of an exchange is booked with it."""
    return [
        recipes.tolerated(
            each.id, gateway=each.gateway, currency=each.difference_currency, difference=each.difference, at=at
        )
        for each in tolerated
        if each.difference
    ]


def book_explained(explained: Sequence[Discrepancy], at: datetime) -> list[Journal]:
    """Take back what was put aside, or what somebody had accepted: what it really was is booked by now.

    That stands in its own day, so what was put aside meanwhile is taken back as of when that was.
    """
    journals = []
    for each in explained:
        if each.accepted:
            journals += book_accepted(each, at, undo=True)
        if each.suspended:
            journals.append(
                recipes.explained(
                    each.id,
                    gateway=each.gateway,
                    currency=each.difference_currency,
                    difference=each.difference,
                    at=each.first_seen_at or at,
                )
            )
    return journals


def book_accepted(discrepancy: Discrepancy, at: datetime, *, undo: bool = False) -> list[Journal]:
    """Book a difference that somebody accepts, or undo that; empty where no money of ours is to be corrected.

    Raises InvalidStateError where no account is right.
    """
    each = discrepancy
    difference = (each.theirs or 0) if each.kind is Kind.FX_RESIDUAL else each.difference
    if not difference or (each.kind in TOLD_ONLY and each.home is None):
        return []
    if each.home is None:
        message = (
            f"A {each.kind} like this has no account to which it could go, so it cannot be accepted."
            f" {NEXT_STEPS[each.kind]} Ignore it, with a reason, if nothing more can be found out."
        )
        raise InvalidStateError(message)
    recipe = recipes.overtaken if undo else recipes.accepted
    return [recipe(each.id, moved=_moved(each, each.home, difference), at=at)]


def _moved(discrepancy: Discrepancy, home: Home, difference: int) -> list[recipes.Moved]:
    """Say from where a difference goes to where; in two currencies both sides go through trading."""
    each, gateway = discrepancy, discrepancy.gateway
    currency = each.difference_currency
    moved = [(_held(each), _account(home, gateway, currency), difference)]
    if each.counter and each.counter_currency:
        ours = chart.clearing(gateway, each.counter_currency), chart.fx_trade(each.counter_currency)
        moved.append((*ours, -each.counter))
    return moved


def _held(discrepancy: Discrepancy) -> Account:
    """Find the account in which a difference stands until somebody accepts it."""
    gateway, currency = discrepancy.gateway, discrepancy.difference_currency
    match discrepancy.kind:
        case Kind.FX_RESIDUAL:
            return chart.fx_trade(currency)
        case Kind.PAYOUT_MISSING_IN_BANK:
            return chart.payout_in_transit(gateway, currency)
        case _:
            return (chart.suspense if discrepancy.suspended else chart.clearing)(gateway, currency)


def _account(home: Home, gateway: str, currency: str) -> Account:
    """Find the account to which a difference belongs."""
    of_house = OF_HOUSE.get(home)
    return of_house(currency) if of_house else AT_GATEWAY[home](gateway, currency)


OF_HOUSE: Mapping[Home, Callable[[str], Account]] = {
    Home.INCOME: chart.revenue_other,
    Home.LOSS: chart.chargeback_loss,
    Home.REFUND_PAYABLE: chart.refund_payable,
    Home.REFUNDS_OF_EARNED: chart.refunds_of_earned,
    Home.BANK: chart.bank,
    Home.TRADE: chart.fx_trade,
    Home.EXCHANGE: chart.fx_gain_loss,
}
AT_GATEWAY: Mapping[Home, Callable[[str, str], Account]] = {
    Home.PROCESSING_FEE: chart.fees_processing,
    Home.DISPUTE_FEE: chart.fees_dispute,
    Home.IN_TRANSIT: chart.payout_in_transit,
}
