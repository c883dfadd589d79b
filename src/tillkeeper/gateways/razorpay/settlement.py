"""Razorpay's account of us: what each settlement to the bank was made of, day by day, and the settlements."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec

from tillkeeper.facts import LineKind, SettlementLine, UnreadLine
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.gateway.lines import SettlementPage, read_line, settlement_page
from tillkeeper.gateways.razorpay import entities
from tillkeeper.gateways.razorpay.calls import UNREADABLE, NotExecutedError, SaidNoError, UnclearError, Wire
from tillkeeper.gateways.razorpay.currencies import from_razorpay
from tillkeeper.gateways.razorpay.entities import GATEWAY, HOME, Object

REPORT, SETTLEMENTS = "settlements/recon/combined", "settlements"
part_size = 1000
settlements_part_size = 100
HOME_TIME = timezone(timedelta(hours=5, minutes=30))
"""Razorpay's days begin and end in India, which knows no summer time."""
DAY = timedelta(days=1)
KINDS = {"payment": LineKind.CAPTURE, "refund": LineKind.REFUND}
ADJUSTMENTS = {"refund": LineKind.REFUND_FAILED, "settlement": LineKind.PAYOUT_FAILED}
"""What an adjustment in our favour is about, by the first word of its description: Razorpay gives no other sign."""
PRIVATE = frozenset({"notes"})
"""Fields that may name the customer; our own ids are read from them before."""


async def read(wire: Wire, since: datetime, until: datetime, after: str | None) -> SettlementPage:
    """Read one part: the report of each day that the window touches, and then the settlements that were made in it.

    Nothing is told before it is settled; a line belongs to the moment at which it was.
    """
    place, _, skip = (after or f"{_day_of(since)} 0").partition(" ")
    if place == SETTLEMENTS:
        return await _settlements(wire, since, until, int(skip))
    day = date.fromisoformat(place)
    asked: dict[str, str | int] = {
        "year": day.year,
        "month": f"{day:%m}",
        "day": f"{day:%d}",
        "count": part_size,
        "skip": int(skip),
    }
    items = await _items(wire, REPORT, asked)
    tomorrow = day + DAY
    over = tomorrow > _day_of(until - timedelta(microseconds=1))
    following = f"{SETTLEMENTS} 0" if over else f"{tomorrow} 0"
    after = f"{day} {int(skip) + len(items)}" if len(items) == part_size else following
    return settlement_page((_line(each) for each in items if _is_within(each.get("settled_at"), since, until)), after)


def of_item(item: Object) -> SettlementLine:
    """Put an item of the report into our words; raises what a strange one leads to."""
    currency = item["currency"]
    credit, debit = (from_razorpay(item[name], currency) for name in ("credit", "debit"))
    amount, fee, tax = (from_razorpay(item[name], currency) for name in ("amount", "fee", "tax"))
    net = credit - debit
    gross = -amount if debit else amount
    fee, tax = kept(gross, net, fee - tax, tax)
    kind = kind_of(item["type"], item, in_our_favour=credit > debit)
    return SettlementLine(
        gateway=GATEWAY,
        line_id=item["entity_id"],
        kind=kind,
        object_id=named(kind, item),
        parent_id=item.get("payment_id") or (item.get("order_id") if kind is LineKind.CAPTURE else None),
        our_reference=reference(kind, item.get("order_receipt"), item.get("notes")),
        gross=gross,
        fee=fee,
        tax=tax,
        net=net,
        currency=currency,
        settle_currency=currency,
        occurred_at=_moment(item["created_at"]),
        available_at=_moment(item["settled_at"]),
        payout_id=item["settlement_id"],
        raw=_raw(item),
    )


def of_settlement(settlement: Object) -> SettlementLine:
    """Put a settlement into our words: what left for the bank; its fees are those of the payments in it."""
    amount = from_razorpay(settlement["amount"], HOME)
    return SettlementLine(
        gateway=GATEWAY,
        line_id=settlement["id"],
        kind=LineKind.PAYOUT,
        object_id=settlement["id"],
        gross=-amount,
        net=-amount,
        currency=HOME,
        settle_currency=HOME,
        occurred_at=_moment(settlement["created_at"]),
        raw=_raw(settlement),
    )


def kept(gross: int, net: int, fee: int, tax: int) -> tuple[int, int]:
    """Tell the fee without tax, and the tax, that a line really took: with fee credits or an invoice it is neither."""
    return (0, 0) if gross == net else (fee, tax)


def kind_of(named: str, told: Mapping[str, object], *, in_our_favour: bool) -> LineKind:
    """Tell what a line is from its type, the dispute it names, its description and its direction."""
    if told.get("dispute_id"):
        return LineKind.DISPUTE_REVERSED if in_our_favour else LineKind.DISPUTE
    described = str(told.get("description") or "").partition(" ")[0].casefold()
    if named == "adjustment" and in_our_favour:
        return ADJUSTMENTS.get(described, LineKind.ADJUSTMENT)
    return KINDS.get(named, LineKind.ADJUSTMENT)


def named(kind: LineKind, told: Mapping[str, Any]) -> str | None:
    """Tell what a line is about: itself or its dispute; of what came back it says the payment at most."""
    if kind in {LineKind.REFUND_FAILED, LineKind.PAYOUT_FAILED}:
        return None
    name: str = told["dispute_id" if kind in {LineKind.DISPUTE, LineKind.DISPUTE_REVERSED} else "entity_id"]
    return name


def reference(kind: LineKind, receipt: object, notes: object) -> str | None:
    """Read our own id: a payment has that of its attempt as the receipt of its order, a refund its own in its notes.

    The notes of a payment are written in the customer's browser, and are not believed.
    """
    if kind is LineKind.CAPTURE:
        return receipt if isinstance(receipt, str) and receipt else None
    return entities.our_text(notes) if kind is LineKind.REFUND else None


def _line(item: Object) -> SettlementLine | UnreadLine:
    return read_line(GATEWAY, _raw(item), lambda: of_item(item), line_id=item.get("entity_id"))


def _payout(settlement: Object) -> SettlementLine | UnreadLine:
    return read_line(GATEWAY, _raw(settlement), lambda: of_settlement(settlement), line_id=settlement.get("id"))


async def _settlements(wire: Wire, since: datetime, until: datetime, skip: int) -> SettlementPage:
    span = {"from": int(since.timestamp()), "to": int(until.timestamp())}
    asked = {**span, "count": settlements_part_size, "skip": skip}
    found = await _items(wire, SETTLEMENTS, asked)
    lines = (_payout(each) for each in found if _is_within(each.get("created_at"), since, until))
    more = len(found) == settlements_part_size
    return settlement_page(lines, f"{SETTLEMENTS} {skip + len(found)}" if more else None)


async def _items(wire: Wire, path: str, asked: Mapping[str, str | int]) -> list[Object]:
    try:
        items = (await wire.ask("GET", path, query=asked))["items"]
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise TypeError
    except (NotExecutedError, SaidNoError, UnclearError, *UNREADABLE) as error:
        message = f"Razorpay's account cannot be read: {str(error) or type(error).__name__}."
        raise GatewayUnavailableError(message) from error
    return items


def _is_within(seconds: object, since: datetime, until: datetime) -> bool:
    """Tell whether a time lies in the window; one that is no time is not left out, because it must be looked at."""
    return not isinstance(seconds, int) or since.timestamp() <= seconds < until.timestamp()


def _day_of(moment: datetime) -> date:
    return moment.astimezone(HOME_TIME).date()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _raw(thing: Object) -> str:
    return msgspec.json.encode({name: value for name, value in thing.items() if name not in PRIVATE}).decode()
