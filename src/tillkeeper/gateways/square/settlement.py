"""Square's account of us: its payouts, and the entries that each is made of.

Money that is not paid out yet cannot be seen: Square's entries belong to payouts. They name payments, refunds and
disputes by Square's own ids, and do not carry ours; of a payout that came back an entry does not say which it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import msgspec

from tillkeeper.facts import LineKind, SettlementLine, UnreadLine
from tillkeeper.gateway import Declined, PlaceGoneError, Unknown
from tillkeeper.gateway.lines import SettlementPage, read_line, settlement_page
from tillkeeper.gateways.square import lookup, webhook
from tillkeeper.gateways.square.calls import Wire, segment, unavailable
from tillkeeper.gateways.square.webhook import Object

GATEWAY = "square"
part_size = 100
PAYOUTS, ENTRIES = "payouts", "payout_entries"
WHAT = "list of payouts"
CURSOR, EXPIRED = "cursor", "INVALID_CURSOR"
TAX = "TAX_ON_FEE"
CHARGED = {
    "CHARGE": (LineKind.ADJUSTMENT, LineKind.CAPTURE),
    "REFUND": (LineKind.REFUND, LineKind.REFUND_FAILED),
    "OPEN_DISPUTE": (LineKind.DISPUTE, LineKind.DISPUTE_REVERSED),
    "DISPUTE": (LineKind.DISPUTE, LineKind.DISPUTE_REVERSED),
    "RETURNED_PAYOUT": (LineKind.ADJUSTMENT, LineKind.PAYOUT_FAILED),
}
"""By the type of an entry: what a debit is, and what a credit is."""
KINDS = dict.fromkeys(
    ("RESERVE_HOLD", "RESERVE_RELEASE", "HOLD_ADJUSTMENT", "RELEASE_ADJUSTMENT"), LineKind.RESERVE
) | dict.fromkeys(
    (
        "APP_FEE_REFUND",
        "APP_FEE_REVENUE",
        "DEPOSIT_FEE",
        "DEPOSIT_FEE_REVERSED",
        "FEE",
        "GIFT_CARD_LOAD_FEE",
        "GIFT_CARD_LOAD_FEE_REFUND",
        "LOCAL_OFFERS_FEE",
        "PAID_SERVICE_FEE",
        "PAID_SERVICE_FEE_REFUND",
        "PROCESSING_FEE",
        "PROCESSING_FEE_REFUND",
        "SUBSCRIPTION_FEE",
        "SUBSCRIPTION_FEE_PAID_REFUND",
        "SUBSCRIPTION_FEE_REFUND",
        TAX,
        "THIRD_PARTY_FEE",
        "THIRD_PARTY_FEE_REFUND",
        "UNDO_GIFT_CARD_LOAD_FEE_REFUND",
        "UNDO_PROCESSING_FEE_REFUND",
    ),
    LineKind.FEE,
)
"""The same whatever the direction; any other type is an adjustment, for a person to look at."""


async def read(wire: Wire, location: str, since: datetime, until: datetime, after: str | None) -> SettlementPage:
    """Read one part: a payout that was made in the window, oldest first, and entries of it, at most a page."""
    place = _Place.parse(after) if after else _Place()
    lines: list[SettlementLine | UnreadLine] = []
    if not place.payout:
        payouts, cursor = await _page(
            wire, PAYOUTS, PAYOUTS, _window(location, since, until) | _going_on(place.cursor), 1
        )
        if not payouts:
            return SettlementPage(after=_Place(cursor).text() if cursor else None)
        place = _Place(cursor, str(payouts[0]["id"]))
        if not since <= _made(payouts[0]) < until:  # Square counts the last moment in, and we do not
            return SettlementPage(after=_Place(cursor).text() if cursor else None)
        lines.append(_payout(payouts[0]))
    path = f"{PAYOUTS}/{segment(place.payout)}/payout-entries"
    entries, cursor = await _page(wire, path, ENTRIES, _going_on(place.entry), part_size)
    lines += [_entry(entry) for entry in entries]
    if cursor:
        return settlement_page(lines, _Place(place.cursor, place.payout, cursor).text())
    return settlement_page(lines, _Place(place.cursor).text() if place.cursor else None)


def of_entry(entry: Object) -> SettlementLine:
    """Put an entry of a payout into our words; raises what a strange one leads to."""
    gross, currency = webhook.money(entry["gross_amount_money"], signed=True)
    (fee, _), (net, settle) = (webhook.money(entry[f"{name}_amount_money"], signed=True) for name in ("fee", "net"))
    named, tax = entry["type"], 0
    debit, credit = CHARGED.get(named) or (KINDS.get(named, LineKind.ADJUSTMENT),) * 2
    kind = credit if gross > 0 else debit
    if kind is LineKind.FEE:  # however Square splits it, the whole entry is a fee, or the tax on one
        gross, fee, tax = (0, 0, -net) if named == TAX else (0, -net, 0)
    details = entry.get(f"type_{named.lower()}_details") or {}
    object_id, parent_id = _names(kind, details)
    return SettlementLine(
        gateway=GATEWAY,
        line_id=entry["id"],
        kind=kind,
        object_id=object_id,
        parent_id=parent_id,
        gross=gross,
        fee=fee,
        tax=tax,
        net=net,
        currency=currency,
        settle_currency=settle,
        occurred_at=_moment(entry["effective_at"]),
        payout_id=entry["payout_id"],
        raw=_raw(entry),
    )


def of_payout(payout: Object) -> SettlementLine:
    """Put a payout into our words; one below zero took money from the bank."""
    amount, currency = webhook.money(payout["amount_money"], signed=True)
    return SettlementLine(
        gateway=GATEWAY,
        line_id=payout["id"],
        kind=LineKind.PAYOUT,
        object_id=payout["id"],
        gross=-amount,
        net=-amount,
        currency=currency,
        settle_currency=currency,
        occurred_at=_made(payout),
        available_at=webhook.moment(payout.get("arrival_date")),
        automatic=payout.get("type") != webhook.SIMPLE,
        raw=_raw(payout),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Say where the next part begins: behind which payouts, in which one, behind which of its entries."""

    cursor: str = ""
    payout: str = ""
    entry: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` wrote."""
        return cls(*msgspec.json.decode(text))

    def text(self) -> str:
        """Write it down for the next call."""
        return msgspec.json.encode([self.cursor, self.payout, self.entry]).decode()


def _payout(payout: Object) -> SettlementLine | UnreadLine:
    return read_line(GATEWAY, _raw(payout), lambda: of_payout(payout), line_id=payout["id"])


def _entry(entry: Object) -> SettlementLine | UnreadLine:
    return read_line(GATEWAY, _raw(entry), lambda: of_entry(entry), line_id=entry.get("id"))


def _names(kind: LineKind, details: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Name what moved, and the payment behind it."""
    payment = details.get("payment_id")
    if kind is LineKind.CAPTURE:
        return payment, None
    return details.get("refund_id") or details.get("dispute_id"), payment


async def _page(wire: Wire, path: str, word: str, asked: Mapping[str, str], limit: int) -> tuple[list[Object], str]:
    """Read a page of a list and the cursor behind it, empty at the end; raises GatewayUnavailableError.

    A cursor counts for some minutes only, and whoever comes back later with one is told to begin anew.
    """
    answer = await wire.call("GET", path, query={**asked, "limit": str(limit)})
    if isinstance(answer, Declined) and answer.code == EXPIRED and CURSOR in asked:
        message = f"Square does not go on with its {WHAT} where we were."
        raise PlaceGoneError(message)
    if not isinstance(answer, dict):
        raise unavailable(answer, WHAT)
    rows, cursor = lookup.rows_of(answer, word), answer.get(CURSOR) or ""
    if rows is None or not isinstance(cursor, str) or (word == PAYOUTS and not all(_is_payout(row) for row in rows)):
        raise unavailable(Unknown(reason="it is no list of what was asked for"), WHAT)
    return rows, cursor


def _is_payout(row: Object) -> bool:
    """Tell whether a payout says which and when; without that nobody could go on behind it."""
    try:
        return bool(row["id"] and _made(row))
    except (LookupError, TypeError, ValueError):
        return False


def _window(location: str, since: datetime, until: datetime) -> dict[str, str]:
    begin, end = (moment.astimezone(UTC).isoformat().replace("+00:00", "Z") for moment in (since, until))
    return {"location_id": location, "begin_time": begin, "end_time": end, "sort_order": "ASC"}


def _going_on(cursor: str) -> dict[str, str]:
    return {CURSOR: cursor} if cursor else {}


def _made(payout: Object) -> datetime:
    return _moment(payout["created_at"])


def _moment(text: str) -> datetime:
    found = webhook.moment(text)
    if found is None:
        raise ValueError(text)
    return found


def _raw(thing: Object) -> str:
    return msgspec.json.encode(thing).decode()
