"""What a line means when it is told for the first time, and when it is told again."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from tillkeeper.facts import LineKind, SettlementLine, UnreadLine
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.settlement.lines.values import Line, Unread

OURS = re.compile(r"(?<![a-z])(?:payment|refund)_[0-9a-z]{26}")
IDENTITY = ("kind", "object_id", "gross", "currency")
"""What a line is: it never changes, but in what a file could not say."""
MONEY = ("fee", "tax", "net", "settle_currency")
"""What a gateway may still work out for a capture in its own currency, until it is paid out."""
TOLD_LATER = ("rate", "parent_id", "our_reference", "our_payment", "our_refund", "available_at", "payout_id")
"""What a gateway may tell later, or in one of its accounts and not in another; told once, it stays."""
raw_length_max = 100_000
first_day = date(1990, 1, 1)
years_ahead = timedelta(days=731)


def read(line: SettlementLine, zone: ZoneInfo, seal: Callable[[bytes], bytes]) -> Line:
    """Make a line ready to be kept."""
    return Line(
        gateway=line.gateway,
        line_id=line.line_id,
        kind=line.kind,
        object_id=line.object_id,
        parent_id=line.parent_id,
        our_reference=line.our_reference,
        our_payment=our_id("payment", line.our_reference),
        our_refund=our_id("refund", line.our_reference),
        gross=line.gross,
        fee=line.fee,
        tax=line.tax,
        net=line.net,
        currency=line.currency,
        settle_currency=line.settle_currency,
        rate=line.rate,
        occurred_at=line.occurred_at,
        available_at=line.available_at,
        payout_id=line.payout_id,
        raw=seal(line.raw[:raw_length_max].encode()),
        day=day_of(line.occurred_at, zone),
    )


def sort_out(told: Sequence[SettlementLine], today: date) -> tuple[list[SettlementLine], list[UnreadLine]]:
    """Put lines aside whose date is none: a day that no gateway has seen could never be compared."""
    plausible = [line for line in told if first_day <= line.occurred_at.date() <= today + years_ahead]
    others = {line.line_id for line in told} - {line.line_id for line in plausible}
    reason = "its date lies before there were gateways, or years ahead"
    unread = [
        UnreadLine(gateway=line.gateway, line_id=line.line_id, reason=reason, raw=line.raw)
        for line in told
        if line.line_id in others
    ]
    return plausible, unread


def read_unread(line: UnreadLine, day: date, seal: Callable[[bytes], bytes]) -> Unread:
    """Make a line that nobody could read ready to be kept."""
    raw = seal(line.raw[:raw_length_max].encode())
    return Unread(gateway=line.gateway, line_id=line.line_id, reason=line.reason, raw=raw, day=day)


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Tell on which day of a gateway something happened."""
    return moment.astimezone(zone).date()


def our_id(prefix: str, reference: str | None) -> UUID | None:
    """Find our own id in what a gateway carried for us; whatever else stands there is somebody else's business."""
    for found in OURS.findall(reference or ""):
        try:
            return ids.parse(prefix, found)
        except NotFoundError:
            continue
    return None


def hear(known: Line, told: Line, *, booked: bool = False) -> Line | str:
    """Take a line that is told again: as it stands then, or in what it contradicts what was told before.

    A file may say less than the API: fee and tax as one sum, or only what the gross became in the balance's currency.
    What is `booked` from the line itself cannot be booked with another sum.
    """
    fixed = booked or _is_fixed(known)
    if _is_bare(known, told):
        known = replace(known, gross=told.gross, currency=told.currency)
    elif _is_bare(told, known):
        told = replace(told, gross=known.gross, currency=known.currency)
    if known.fee + known.tax == told.fee + told.tax and (not told.tax or (fixed and not known.tax)):
        told = replace(told, fee=known.fee, tax=known.tax)
    other = [name for name in IDENTITY if getattr(known, name) != getattr(told, name)]
    other += [name for name in MONEY if getattr(known, name) != getattr(told, name)] if fixed else []
    other += ["payout_id"] if known.payout_id and told.payout_id and known.payout_id != told.payout_id else []
    if other:
        name = other[0]
        return f"Told before with {name} {getattr(known, name)}, and now with {getattr(told, name)}."
    money = {} if fixed else {name: getattr(told, name) for name in MONEY}
    later = {name: getattr(told, name) for name in TOLD_LATER if getattr(known, name) is None}
    return replace(known, **money, **later)


def _is_bare(line: Line, full: Line) -> bool:
    """Tell whether a line says nothing of the currency that was paid in, and otherwise what the full one says."""
    became = full.net + full.fee + full.tax
    return line.currency == line.settle_currency == full.settle_currency != full.currency and (
        line.gross,
        line.net,
    ) == (became, full.net)


def _is_fixed(line: Line) -> bool:
    """Tell whether the money of a line is settled: what was paid out or converted, and all but captures, is."""
    return line.kind is not LineKind.CAPTURE or line.payout_id is not None or line.settle_currency != line.currency
