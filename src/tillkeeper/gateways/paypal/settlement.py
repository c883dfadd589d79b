"""PayPal's account of us: the transactions that moved our balance, by its event codes.

What a withdrawal took along PayPal does not tell: it is the balance that is withdrawn. A dispute's movements and its
fee name the capture, and not the dispute.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import urlencode

import msgspec

from tillkeeper.facts import LineKind, SettlementLine, UnreadLine
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.gateway.lines import SettlementPage, read_line, settlement_page
from tillkeeper.gateways.paypal import calls, webhook
from tillkeeper.gateways.paypal.amounts import from_paypal
from tillkeeper.gateways.paypal.calls import Object, Wire
from tillkeeper.kernel import ids

GATEWAY = "paypal"
TRANSACTIONS = "/v1/reporting/transactions"
part_size = 500
span_days_max = 31
TOO_MANY = "RESULTSET_TOO_LARGE"
SECOND = timedelta(seconds=1)
CODE = re.compile(r"T[0-9]{4}")
MOVED = frozenset({"S", "V", "F"})
"""Done; done and taken back by another transaction; done and partly given back by others."""
UNMOVED = frozenset({"P", "D"})
PRIVATE = frozenset({"paypal_account_id", "transaction_subject", "transaction_note"})
SECOND_IN_NAME = 2
OTHERS = (LineKind.ADJUSTMENT, LineKind.ADJUSTMENT)
FEES = "T01"
GROUPS = {
    "T00": (LineKind.ADJUSTMENT, LineKind.CAPTURE),
    FEES: (LineKind.FEE, LineKind.FEE),
    "T02": (LineKind.CONVERSION, LineKind.CONVERSION),
    "T03": (LineKind.ADJUSTMENT, LineKind.PAYOUT),
    "T04": (LineKind.PAYOUT, LineKind.PAYOUT_FAILED),
    "T15": (LineKind.RESERVE, LineKind.RESERVE),
    "T21": (LineKind.RESERVE, LineKind.RESERVE),
}
"""By the group of an event code: what a debit is, and what a credit is. The group says enough, PayPal writes."""
CODES = {
    **dict.fromkeys(("T1100", "T1106", "T1107"), (LineKind.REFUND, LineKind.REFUND_FAILED)),
    **dict.fromkeys(("T1108", "T1109"), (LineKind.FEE, LineKind.FEE)),
    **dict.fromkeys(("T1110", "T1111"), (LineKind.DISPUTE, LineKind.DISPUTE_REVERSED)),
    **dict.fromkeys(("T1201", "T1202", "T1205", "T1207", "T1208"), (LineKind.DISPUTE, LineKind.DISPUTE_REVERSED)),
    **dict.fromkeys(("T0106", "T0114"), (LineKind.DISPUTE, LineKind.DISPUTE_REVERSED)),
    "T1101": (LineKind.ADJUSTMENT, LineKind.PAYOUT_FAILED),
    "T1105": (LineKind.RESERVE, LineKind.RESERVE),
}
"""Where the group is not enough; whatever else moves the balance is an adjustment, for a person to look at."""
DISPUTES = frozenset({LineKind.DISPUTE, LineKind.DISPUTE_REVERSED})
PAYOUTS = frozenset({LineKind.PAYOUT, LineKind.PAYOUT_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Hold a transaction as the API or a report tells it; amounts are signed minor units, and a fee is negative."""

    id: str
    code: str
    at: datetime
    amount: int
    fee: int
    currency: str
    reference: str | None
    custom: str
    invoice: str
    raw: str

    @property
    def name(self) -> str:
        """Name the line: one transaction can have several, told apart by code, moment, currency and amount."""
        return f"{self.id}/{self.code}/{self.at.astimezone(UTC):%Y%m%dT%H%M%S}/{self.currency}{self.amount:+d}"


def of_entry(entry: Entry, line_id: str) -> SettlementLine:
    """Put a transaction into our words; raises ValueError for a code that is none."""
    kind = _kind(entry)
    is_fee = kind is LineKind.FEE or entry.code.startswith(FEES)
    gross, fee = (0, -entry.amount - entry.fee) if is_fee else (entry.amount, -entry.fee)
    ours = [ids.text(name, found) for name in ("refund", "payment") if (found := webhook.our_id(name, entry.custom))]
    return SettlementLine(
        gateway=GATEWAY,
        line_id=line_id,
        kind=kind,
        object_id=_object(kind, entry),
        parent_id=None if kind is LineKind.PAYOUT_FAILED else entry.reference,
        our_reference=ours[0] if ours else entry.invoice or None,
        gross=gross,
        fee=fee,
        net=entry.amount + entry.fee,
        currency=entry.currency,
        settle_currency=entry.currency,
        occurred_at=entry.at,
        automatic=kind not in PAYOUTS,
        raw=entry.raw,
    )


async def read(wire: Wire, since: datetime, until: datetime, after: str | None) -> SettlementPage:
    """Read one part, oldest first. PayPal shows a transaction up to three hours late, and takes 31 days a call.

    A span with more transactions than PayPal lists in all is asked for in halves.
    """
    until = _whole(until)
    place = _Place.parse(after) if after else _Place.beginning(_whole(since), until)
    if place.start >= place.end:
        return SettlementPage()
    answer = await _ask(wire, place)
    if answer is None:
        return SettlementPage(after=place.halved().text())
    told, pages = answer
    seen = Counter(place.seen)
    lines = [_line(info, seen) for info in told if info.get("transaction_status") not in UNMOVED]
    if place.page < pages:
        return settlement_page(lines, replace(place, page=place.page + 1, seen=_latest(lines, seen)).text())
    return settlement_page(lines, _Place.beginning(place.end, until).text() if place.end < until else None)


def numbered(name: str, seen: Counter[str]) -> str:
    """Tell lines apart that agree in everything, by how often they were seen: they happened in the same second."""
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}/{seen[name]}"


def _line(info: Object, seen: Counter[str]) -> SettlementLine | UnreadLine:
    raw = msgspec.json.encode({name: value for name, value in info.items() if name not in PRIVATE}).decode()

    def line() -> SettlementLine:
        entry = _of_info(info, raw)
        return of_entry(entry, numbered(entry.name, seen))

    return read_line(GATEWAY, raw, line)


def _of_info(info: Object, raw: str) -> Entry:
    status = info["transaction_status"]
    if status not in MOVED:
        message = f"The transaction has the status {status!r}, which is not known here."
        raise ValueError(message)
    currency, fee = info["transaction_amount"]["currency_code"], info.get("fee_amount")
    if fee is not None and fee["currency_code"] != currency:
        message = "The fee is in another currency than the transaction."
        raise ValueError(message)
    return Entry(
        id=info["transaction_id"],
        code=info["transaction_event_code"],
        at=datetime.fromisoformat(info["transaction_initiation_date"]),
        amount=_signed(info["transaction_amount"]["value"], currency),
        fee=_signed(fee["value"], currency) if fee else 0,
        currency=currency,
        reference=info.get("paypal_reference_id"),
        custom=info.get("custom_field") or "",
        invoice=info.get("invoice_id") or "",
        raw=raw,
    )


def _kind(entry: Entry) -> LineKind:
    if not CODE.fullmatch(entry.code):
        message = f"{entry.code[:10]!r} is no event code of PayPal."
        raise ValueError(message)
    debit, credit = CODES.get(entry.code) or GROUPS.get(entry.code[:3]) or OTHERS
    return credit if entry.amount > 0 else debit


def _object(kind: LineKind, entry: Entry) -> str | None:
    """Name what moved; a return is a transaction of its own, which refers to the withdrawal that came back."""
    if kind in DISPUTES:
        return None
    return entry.reference or entry.id if kind is LineKind.PAYOUT_FAILED else entry.id


def _signed(value: str, currency: str) -> int:
    size = from_paypal(value.removeprefix("-"), currency)
    return -size if value.startswith("-") else size


@dataclass(frozen=True, slots=True)
class _Place:
    """Say where the next part begins: a span, a page of it, and how often lines of the last second were seen."""

    start: datetime
    end: datetime
    page: int = 1
    seen: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def beginning(cls, start: datetime, until: datetime) -> Self:
        """Begin a span that PayPal takes in one call."""
        return cls(start, min(until, start + timedelta(days=span_days_max)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` wrote."""
        start, end, page, seen = msgspec.json.decode(text)
        return cls(datetime.fromisoformat(start), datetime.fromisoformat(end), page, seen)

    def text(self) -> str:
        """Write it down for the next call."""
        written = [self.start.isoformat(), self.end.isoformat(), self.page, self.seen]
        return msgspec.json.encode(written).decode()

    def halved(self) -> Self:
        """Take the first half of the span; raises GatewayUnavailableError when it cannot be smaller."""
        half = timedelta(seconds=(self.end - self.start) // SECOND // 2)
        if not half:
            message = f"PayPal has more transactions of {self.start.isoformat()} than it lists."
            raise GatewayUnavailableError(message)
        return type(self)(self.start, self.start + half)


def _latest(lines: Sequence[SettlementLine | UnreadLine], seen: Counter[str]) -> dict[str, int]:
    """Keep what can turn up again on the next page under a name that was seen: lines of the very last second."""
    last = lines[-1] if lines else None
    if not isinstance(last, SettlementLine):
        return {}
    second = last.line_id.split("/")[SECOND_IN_NAME]
    return {name: count for name, count in seen.items() if name.split("/")[SECOND_IN_NAME] == second}


async def _ask(wire: Wire, place: _Place) -> tuple[list[Object], int] | None:
    """Ask for a page of a span, and how many there are; None when the span has more than PayPal lists."""
    asked = {
        "start_date": _written(place.start),
        "end_date": _written(place.end - SECOND),  # PayPal counts the last second in
        "fields": "transaction_info",
        "balance_affecting_records_only": "Y",
        "page_size": part_size,
        "page": place.page,
    }
    try:
        answer = await wire.send("GET", f"{TRANSACTIONS}?{urlencode(asked)}")
        body = calls.OBJECT.decode(answer.content)
        if answer.status_code != calls.HTTP_OK and body["name"] == TOO_MANY:
            return None
        if answer.status_code != calls.HTTP_OK:
            message = f"it answered {answer.status_code} {body['name']}"
            raise ValueError(message)
        return [detail["transaction_info"] for detail in body.get("transaction_details") or ()], int(
            body["total_pages"]
        )
    except (calls.NoAnswerError, *calls.UNREADABLE) as error:
        message = f"PayPal's account cannot be read: {str(error) or type(error).__name__}."
        raise GatewayUnavailableError(message) from error


def _whole(moment: datetime) -> datetime:
    """Round a moment up to a whole second, so that two windows side by side share none."""
    return datetime.fromtimestamp(math.ceil(moment.timestamp()), UTC)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
