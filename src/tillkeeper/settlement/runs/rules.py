"""What it means when a gateway's account and ours differ: values in, a finding out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tillkeeper.facts import LineKind
from tillkeeper.kernel import money
from tillkeeper.settlement.lines.values import Side
from tillkeeper.settlement.runs import homes
from tillkeeper.settlement.runs.values import Finding, Home, Kind, Line, Lonely, Ours, Pair, Rest

WAITS = {"stripe": timedelta(hours=1), "paypal": timedelta(hours=6)}
"""How long after the fact a gateway may leave a line out; of the others it is known at their next payout."""
wait_default_days = 4
internal_wait_minutes = 30
"""How long a webhook may be on its way after its line."""
tolerated_minor = 1
"""What a predicted fee may differ by, in minor units; amounts and stated fees by nothing."""

DISPUTES = frozenset({LineKind.DISPUTE, LineKind.DISPUTE_REVERSED})
BOOKED_AS_TOLD = frozenset({LineKind.FEE, LineKind.RESERVE, LineKind.CONVERSION})
"""What nobody but the gateway knows of: it is booked from its line, and there is nothing to compare."""
CAPTURES = frozenset({Side.CAPTURE, Side.SURPLUS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Hold by what is judged: the present moment, up to when the account is here, and the last payout in it."""

    gateway: str
    now: datetime
    covered_until: datetime | None
    paid_out_until: datetime | None = None

    @property
    def wait(self) -> timedelta:
        """Tell how long the gateway may leave a line out."""
        return wait(self.gateway)

    def is_due(self, moment: datetime) -> bool:
        """Tell whether what happened then must be in the account by now.

        Where a gateway shows only what it pays out, a payout must have been made after its time.
        """
        if shows_when_paid_out(self.gateway):
            return self.paid_out_until is not None and self.paid_out_until > moment + self.wait
        covered = self.covered_until is not None and self.covered_until > moment
        return covered and moment + self.wait <= self.now


def shows_when_paid_out(gateway: str) -> bool:
    """Tell whether a gateway accounts for nothing before it pays it out."""
    return gateway not in WAITS


def wait(gateway: str) -> timedelta:
    """Tell how long a gateway may leave a line out."""
    return WAITS.get(gateway, timedelta(days=wait_default_days))


def judge(pair: Pair, terms: Terms) -> Finding | None:
    """Compare a line with what of ours it stands for; None when both say the same."""
    kind = pair.line.kind
    if kind in BOOKED_AS_TOLD:
        return None
    if kind is LineKind.ADJUSTMENT:
        detail = f"The gateway moved {_net(pair.line)} by hand, and nothing of ours asked for it."
        return _of_line(pair, Kind.ORPHAN_ADJUSTMENT, detail)
    if pair.ours is None:
        return _judge_unlinked(pair, terms)
    if not pair.ours.settled:
        return _judge_unsettled(pair, pair.ours, terms)
    if pair.ours.imported:  # nothing of it is in our books: the line itself brings it in
        return None
    return _judge_dispute(pair, pair.ours, terms) if kind in DISPUTES else _judge_settled(pair, pair.ours)


def judge_lonely(lonely: Lonely, terms: Terms) -> Finding | None:
    """Judge something of ours that has no line."""
    ours = lonely.ours
    said = money.show(abs(ours.amount), ours.currency)
    if lonely.double:
        detail = f"{said} is booked here a second time: the gateway's line belongs to another payment."
        return _of_ours(ours, Kind.DUPLICATE_INTERNAL, detail)
    if not terms.is_due(ours.at):
        detail = f"{said} ({ours.side}) is not in the gateway's account yet; there is still time."
        return _of_ours(ours, Kind.IN_TRANSIT, detail)
    detail = f"{said} ({ours.side}) is in our books and not in the gateway's account."
    return _of_ours(ours, Kind.MISSING_AT_GATEWAY, detail)


def judge_rest(rest: Rest) -> Finding:
    """Say what a payment that was paid out has left in the gateway's clearing account."""
    ours = rest.ours
    shown = money.show(rest.booked, ours.currency), money.show(rest.told, ours.currency)
    return Finding(
        kind=Kind.CLEARING_NOT_ZERO,
        subject=f"{ours.side}:{ours.id}",
        detail=f"It was paid out: {shown[0]} stood in our books, and its lines came to {shown[1]}.",
        theirs=rest.told,
        ours=rest.booked,
        currency=ours.currency,
        difference=rest.told - rest.booked,
        home=homes.of_rest(rest.told - rest.booked),
        object=ours.id,
        payment=ours.payment,
    )


def judge_grant(payment: Ours, *, granted: bool, terms: Terms) -> Finding | None:
    """Judge a payment by its goods: paid and nothing handed over, or the other way round."""
    if payment.settled and not granted and payment.at + timedelta(minutes=internal_wait_minutes) < terms.now:
        detail = "The money is here, and no goods were handed over or are on their way."
        return _of_ours(payment, Kind.GRANT_MISSING, detail)
    if granted and not payment.settled:
        detail = f"Goods were handed over, and the payment is {payment.status}: no money came."
        return _of_ours(payment, Kind.GRANT_WITHOUT_PAYMENT, detail)
    return None


def residual(line: Line) -> tuple[int, bool]:
    """Tell by how many minor units a converted line differs from its own rate, and whether rounding explains that."""
    if line.rate is None or line.currency == line.settle_currency:
        return 0, True
    became, off_max = money.convert(line.gross, line.currency, line.settle_currency, line.rate)
    rest = line.net + line.fee + line.tax - became
    return rest, abs(rest) <= off_max


def _judge_unlinked(pair: Pair, terms: Terms) -> Finding:
    line, said = pair.line, _net(pair.line)
    if pair.rival:
        return _of_line(pair, Kind.DUPLICATE_AT_GATEWAY, f"The gateway counts this {line.kind} twice; {said} more.")
    if line.occurred_at + timedelta(minutes=internal_wait_minutes) > terms.now:
        return _of_line(pair, Kind.IN_TRANSIT, f"The gateway moved {said}; its webhook may be on its way.")
    match line.kind:
        case LineKind.CAPTURE if pair.payment:
            detail = f"The gateway took {said} for a payment that another capture has paid."
            return _of_line(pair, Kind.DUPLICATE_AT_GATEWAY, detail)
        case LineKind.REFUND | LineKind.REFUND_FAILED:
            return _of_line(
                pair, Kind.REFUND_UNLINKED, f"The gateway moved {said} for a refund that is not known here."
            )
        case LineKind.DISPUTE | LineKind.DISPUTE_REVERSED:
            return _of_line(
                pair, Kind.DISPUTE_UNLINKED, f"The gateway moved {said} for a dispute that is not known here."
            )
        case _:
            return _of_line(pair, Kind.MISSING_INTERNAL, f"The gateway moved {said}, and nothing of ours explains it.")


def _judge_unsettled(pair: Pair, ours: Ours, terms: Terms) -> Finding:
    line = pair.line
    if line.occurred_at + timedelta(minutes=internal_wait_minutes) > terms.now:
        return _of_line(pair, Kind.IN_TRANSIT, f"The gateway moved {_net(line)}; its webhook may be on its way.")
    detail = f"The gateway moved {_net(line)}, and here the {ours.side} is {ours.status}."
    return _of_line(pair, Kind.STATUS_MISMATCH, detail)


def _judge_settled(pair: Pair, ours: Ours) -> Finding | None:
    line = pair.line
    if line.gross and (line.gross > 0) != (ours.amount > 0):
        detail = f"The gateway moved {money.show(line.gross, line.currency)}; here it is a {ours.side} the other way."
        return _of_line(pair, Kind.DIRECTION_MISMATCH, detail)
    if line.currency != ours.currency:
        detail = f"The gateway says {line.currency}, and we say {ours.currency}."
        return _of_line(pair, Kind.CURRENCY_MISMATCH, detail)
    if line.gross != ours.amount:
        return _of_line(pair, _by_size(line.gross, ours.amount), _sizes(line.gross, ours.amount, line.currency))
    return _judge_fee(pair, ours)


def _judge_fee(pair: Pair, ours: Ours) -> Finding | None:
    line, kept = pair.line, pair.line.fee + pair.line.tax
    if line.currency != line.settle_currency:
        return _judge_rate(pair)
    if line.net != line.gross - kept:
        detail = f"The line's own figures do not add up: {line.gross} less {line.fee} and {line.tax} is not {line.net}."
        return _of_line(pair, Kind.FEE_MISMATCH, detail)
    if ours.side is not Side.CAPTURE or ours.fee is None or kept == ours.fee:
        return None
    told = "told" if ours.fee_final else "expected"
    shown = money.show(kept, line.currency), money.show(ours.fee, line.currency)
    detail = f"The gateway kept {shown[0]}; {told} were {shown[1]}."
    tolerated = not ours.fee_final and abs(kept - ours.fee) <= tolerated_minor
    return _of_line(pair, Kind.FEE_MISMATCH, detail, fee=ours.fee, tolerated=tolerated)


def _judge_rate(pair: Pair) -> Finding | None:
    rest, rounded = residual(pair.line)
    if not rest:
        return None
    detail = f"At the rate {pair.line.rate} it differs by {money.show(rest, pair.line.settle_currency)}."
    return Finding(
        kind=Kind.FX_RESIDUAL,
        subject=_subject(pair.line),
        detail=detail,
        theirs=rest,
        ours=0,
        currency=pair.line.settle_currency,
        line=pair.line.id,
        payment=pair.payment,
        home=Home.EXCHANGE,
        tolerated=rounded,
    )


def _judge_dispute(pair: Pair, ours: Ours, terms: Terms) -> Finding | None:
    """Compare all lines of a dispute with what we know to be held back for it.

    Either may be ahead: a line of its webhook, and what we know of the line in which the money goes or comes back.
    """
    total, fee = pair.total or 0, ours.fee or 0
    subject, currency = f"dispute:{ours.id}", pair.line.currency
    if currency != ours.currency:
        return _elsewhere(pair, ours, total)
    if total != ours.amount:
        early = pair.line.occurred_at + timedelta(minutes=internal_wait_minutes) > terms.now
        if early or not terms.is_due(ours.at):
            return _moving(pair, ours, total)
        return Finding(
            kind=_by_size(total, ours.amount),
            subject=subject,
            detail=_sizes(total, ours.amount, currency),
            theirs=total,
            ours=ours.amount,
            currency=currency,
            difference=total - ours.amount,
            home=Home.LOSS,
            line=pair.line.id,
            object=ours.id,
            payment=ours.payment,
            suspend=True,
        )
    if currency != pair.line.settle_currency:  # what was kept is booked from the line, in the currency it was kept in
        return _judge_rate(pair)
    if pair.kept != fee:
        return Finding(
            kind=Kind.FEE_MISMATCH,
            subject=subject,
            detail=f"The gateway kept {money.show(pair.kept, currency)} for it; told were {money.show(fee, currency)}.",
            theirs=pair.kept,
            ours=fee,
            currency=currency,
            difference=fee - pair.kept,
            home=Home.DISPUTE_FEE,
            line=pair.line.id,
            object=ours.id,
            payment=ours.payment,
            suspend=True,
        )
    return None


def _elsewhere(pair: Pair, ours: Ours, total: int) -> Finding:
    """Set all lines of a dispute in another currency beside what we hold: none says how much of that it stands for."""
    line, detail = pair.line, f"The gateway says {pair.line.currency}, and we say {ours.currency}."
    if line.currency != line.settle_currency:  # then the lines have no sum that could take the place of ours
        return _of_line(pair, Kind.CURRENCY_MISMATCH, detail)
    return Finding(
        kind=Kind.CURRENCY_MISMATCH,
        subject=f"dispute:{ours.id}",
        detail=detail,
        theirs=total,
        ours=ours.amount,
        currency=line.currency,
        difference=total - pair.kept,
        home=Home.TRADE,
        counter=_booked(ours),
        counter_currency=ours.currency,
        line=line.id,
        object=ours.id,
        payment=ours.payment,
        suspend=True,
    )


def _moving(pair: Pair, ours: Ours, total: int) -> Finding:
    """Keep a dispute in sight whose money is on its way, as one side says and the other will."""
    return Finding(
        kind=Kind.IN_TRANSIT,
        subject=f"dispute:{ours.id}",
        detail=f"{_sizes(total, ours.amount, ours.currency)} There is still time for the rest.",
        theirs=total,
        ours=ours.amount,
        currency=ours.currency,
        line=pair.line.id,
        object=ours.id,
        payment=ours.payment,
    )


def _of_line(pair: Pair, kind: Kind, detail: str, *, fee: int | None = None, tolerated: bool = False) -> Finding:
    """Say what is wrong with a line, and by how much our books lag behind the gateway's account for it."""
    line, ours = pair.line, pair.ours
    difference, currency = _difference(line, ours)
    about_fee, elsewhere = fee is not None, kind is Kind.CURRENCY_MISMATCH
    return Finding(
        kind=kind,
        subject=_subject(line),
        detail=detail,
        theirs=line.fee + line.tax if about_fee else line.gross,
        ours=fee if about_fee else ours.amount if ours else None,
        currency=line.currency,
        difference=difference,
        difference_currency=currency,
        line=line.id,
        object=ours.id if ours else None,
        payment=pair.payment or (ours.payment if ours else None),
        suspend=kind is not Kind.IN_TRANSIT and not tolerated,
        tolerated=tolerated,
        home=homes.of_line(kind, line, ours, difference),
        counter=_booked(ours) if ours and elsewhere else None,
        counter_currency=ours.currency if ours and elsewhere else None,
    )


def _booked(ours: Ours) -> int:
    """Tell what our books of the gateway's balance hold for something."""
    return ours.amount - (ours.fee or 0)


def _difference(line: Line, ours: Ours | None) -> tuple[int, str]:
    """Tell what of a line our books do not hold; fees of anything but a capture are booked from the line itself."""
    if ours is None or not ours.settled or ours.currency != line.currency:
        return line.net, line.settle_currency
    if ours.side is Side.CAPTURE and ours.fee is not None and line.settle_currency == line.currency:
        return line.net - (ours.amount - ours.fee), line.currency
    return line.gross - ours.amount, line.currency


def _of_ours(ours: Ours, kind: Kind, detail: str) -> Finding:
    return Finding(
        kind=kind,
        subject=f"{ours.side}:{ours.id}",
        detail=detail,
        theirs=None,
        ours=ours.amount,
        currency=ours.currency,
        difference=-_booked(ours) if kind in OURS_ALONE else 0,
        home=homes.of_ours(ours) if kind in OURS_ALONE and kind is not Kind.IN_TRANSIT else None,
        object=ours.id,
        payment=ours.payment,
    )


OURS_ALONE = frozenset({Kind.MISSING_AT_GATEWAY, Kind.IN_TRANSIT, Kind.DUPLICATE_INTERNAL})


def _subject(line: Line) -> str:
    return f"line:{line.line_id}"


def _by_size(theirs: int, ours: int) -> Kind:
    return Kind.AMOUNT_OVER if abs(theirs) > abs(ours) else Kind.AMOUNT_UNDER


def _sizes(theirs: int, ours: int, currency: str) -> str:
    return f"The gateway moved {money.show(theirs, currency)}, and we say {money.show(ours, currency)}."


def _net(line: Line) -> str:
    return money.show(line.net, line.settle_currency)
