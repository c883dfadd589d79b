"""Where a difference belongs in the books once a person accepts that the gateway is right; None where nowhere."""

from tillkeeper.facts import LineKind
from tillkeeper.settlement.lines.values import Side
from tillkeeper.settlement.runs.values import Home, Kind, Line, Ours

SIDES = {
    LineKind.REFUND: Side.REFUND,
    LineKind.REFUND_FAILED: Side.REFUND_FAILED,
    LineKind.DISPUTE: Side.DISPUTE,
    LineKind.DISPUTE_REVERSED: Side.DISPUTE,
    LineKind.PAYOUT: Side.PAYOUT,
    LineKind.PAYOUT_FAILED: Side.PAYOUT_FAILED,
}
"""What a line that stands for nothing of ours is about; all else is money like that of a capture."""


def of_line(kind: Kind, line: Line, ours: Ours | None, difference: int) -> Home | None:
    """Find the home of what a gateway's line says beyond our books."""
    side = ours.side if ours else SIDES.get(line.kind, Side.CAPTURE)
    match kind:
        case Kind.DIRECTION_MISMATCH | Kind.IN_TRANSIT:
            return None
        case Kind.CURRENCY_MISMATCH:
            # A dispute has several lines, and none of them says how much of what we hold it stands for.
            return None if side is Side.DISPUTE else Home.TRADE
        case Kind.FEE_MISMATCH:
            return Home.PROCESSING_FEE
        case Kind.STATUS_MISMATCH if ours:
            return _of_unsettled(ours, difference)
        case _:
            return _of_side(side, difference)


def of_ours(ours: Ours) -> Home | None:
    """Find the home of what only our books say.

    What is held back for a dispute moves again when it ends: only the gateway can say that it never was.
    """
    return None if ours.side is Side.DISPUTE else _of_unsettled(ours, -1)


def of_rest(difference: int) -> Home:
    """Find the home of money that nothing explains."""
    return Home.INCOME if difference > 0 else Home.LOSS


def _of_unsettled(ours: Ours, difference: int) -> Home:
    """Undo what we say of it: a refund is still owed, and what was paid out stands where we say it arrived."""
    if ours.side in {Side.REFUND, Side.REFUND_FAILED} and ours.status != "failed":
        return Home.REFUND_PAYABLE
    if ours.side in {Side.PAYOUT, Side.PAYOUT_FAILED} and ours.status == "paid":
        return Home.BANK
    return _of_side(ours.side, difference)


def _of_side(side: Side, difference: int) -> Home:
    match side:
        case Side.REFUND | Side.REFUND_FAILED:
            return Home.REFUNDS_OF_EARNED
        case Side.DISPUTE:
            return Home.LOSS
        case Side.PAYOUT | Side.PAYOUT_FAILED:
            return Home.IN_TRANSIT
        case Side.CAPTURE | Side.SURPLUS:
            return of_rest(difference)
