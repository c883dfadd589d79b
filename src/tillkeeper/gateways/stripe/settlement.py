"""Stripe's account of us: balance transactions, and which payout took each of them along."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
import stripe

from tillkeeper.facts import LineKind, SettlementLine, UnreadLine
from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.gateway.lines import SettlementPage, read_line, settlement_page
from tillkeeper.gateways.stripe import calls, webhook
from tillkeeper.kernel import ids

GATEWAY = "stripe"
part_size = 100
day_seconds = 86_400
trace_days_max = 21
"""Stripe may learn only ten days after a payout's arrival what the bank calls it, and arriving takes days as well."""
ENTRIES, PAYOUTS, COMPLETIONS, TRACES = "entries", "payouts", "completions", "traces"
"""What is read of a window, in this order: each is where a part begins."""
COMPLETION = "payout.reconciliation_completed"
COMPLETED = "completed"
PAYOUT, TAX = "payout", "tax"
# By Stripe's reporting category; whatever else moves the balance is an adjustment, for a person to look at.
KINDS = {
    "charge": LineKind.CAPTURE,
    "refund": LineKind.REFUND,
    "refund_failure": LineKind.REFUND_FAILED,
    "dispute": LineKind.DISPUTE,
    "dispute_reversal": LineKind.DISPUTE_REVERSED,
    "fee": LineKind.FEE,
    "network_cost": LineKind.FEE,
    TAX: LineKind.FEE,
    PAYOUT: LineKind.PAYOUT,
    "payout_reversal": LineKind.PAYOUT_FAILED,
    "payout_minimum_balance_hold": LineKind.RESERVE,
    "payout_minimum_balance_release": LineKind.RESERVE,
    "risk_reserved_funds": LineKind.RESERVE,
    "reserve_hold": LineKind.RESERVE,
    "reserve_release": LineKind.RESERVE,
}


Window: TypeAlias = dict[str, Any]
"""Between which moments things were created, as Stripe's lists are asked."""


async def read(client: stripe.StripeClient, since: datetime, until: datetime, after: str | None) -> SettlementPage:
    """Read one part: what moved the balance in the window, then what payouts took along, then what the bank calls them.

    What a payout takes along was entered days before, without saying so; so it is told again, with the payout. Only
    an automatic payout says what it is made of, and only once Stripe has put that together: for most when they are
    made, for others in the window of the event that says so.
    """
    window = {"created": {"gte": math.ceil(since.timestamp()), "lt": math.ceil(until.timestamp())}}
    place, _, rest = (after or f"{ENTRIES} ").partition(" ")
    if place == ENTRIES:
        entries, more = await _entries(client, window, rest)
        return settlement_page(_lines(entries), f"{ENTRIES} {entries[-1]['id']}" if more else f"{PAYOUTS} ")
    if place == PAYOUTS:
        return await _made(client, window, rest)
    if place == COMPLETIONS:
        return await _completed(client, window, rest)
    return await _traced(client, window, rest)


def of_entry(entry: webhook.Object, payout: str | None = None) -> SettlementLine:
    """Put a balance transaction into our words; raises what a strange one leads to.

    With its source expanded it also tells what was charged before it was converted, and our own id.
    """
    settle, source = entry["currency"].upper(), entry["source"]
    thing = source if isinstance(source, dict) else {"id": source}
    kind = KINDS.get(entry["reporting_category"], LineKind.ADJUSTMENT)
    amount = minor(entry["amount"], settle)
    tax = sum(minor(part["amount"], settle) for part in entry["fee_details"] if part["type"] == TAX)
    fee = minor(entry["fee"], settle) - tax
    if kind is LineKind.FEE:
        fee, tax, amount = (fee, tax - amount, 0) if entry["reporting_category"] == TAX else (fee - amount, tax, 0)
    gross, currency, rate = _before_conversion(entry, thing, amount, settle)
    object_id, parent_id = _names(kind, thing)
    return SettlementLine(
        gateway=GATEWAY,
        line_id=entry["id"],
        kind=kind,
        object_id=object_id,
        parent_id=parent_id,
        our_reference=ours(thing.get("metadata") or {}),
        gross=gross,
        fee=fee,
        tax=tax,
        net=minor(entry["net"], settle),
        currency=currency,
        settle_currency=settle,
        rate=rate,
        occurred_at=datetime.fromtimestamp(entry["created"], UTC),
        available_at=datetime.fromtimestamp(entry["available_on"], UTC),
        payout_id=payout,
        automatic=thing.get("automatic") is not False,
        raw=_raw(entry),
    )


def minor(amount: Any, currency: str) -> int:
    """Read one of Stripe's signed integers; raises PayloadUnreadableError."""
    if type(amount) is not int:
        message = "An amount of Stripe is no whole number."
        raise PayloadUnreadableError(message)
    size = webhook.from_stripe(abs(amount), currency)
    return -size if amount < 0 else size


def ours(metadata: Mapping[str, str]) -> str | None:
    """Read our own id from metadata: of the refund if it is one, else of the payment."""
    for prefix in ("refund", "payment"):
        found = webhook.our_id(prefix, metadata)
        if found:
            return ids.text(prefix, found)
    return None


async def _made(client: stripe.StripeClient, window: Window, rest: str) -> SettlementPage:
    """Read what a payout that was made in the window took along, if Stripe can say so by now."""
    payout, _, last = rest.partition(" ")
    if not last:
        asked = window | {"limit": 1} | _starting_after(payout)
        found, _ = await calls.page(client, "/v1/payouts", asked, ("id", "automatic"))
        if not found:
            return SettlementPage(after=f"{COMPLETIONS} ")
        payout = found[0]["id"]
        if not found[0]["automatic"] or found[0].get("reconciliation_status") != COMPLETED:
            return SettlementPage(after=f"{PAYOUTS} {payout}")
    behind = f"{PAYOUTS} {payout}"
    return await _members(client, payout, last, within=behind, behind=behind)


async def _completed(client: stripe.StripeClient, window: Window, rest: str) -> SettlementPage:
    """Read what an earlier payout took along, of which Stripe could say so in the window only."""
    event, payout, last = (*rest.split(" "), "", "")[:3]
    if not last:
        asked = window | {"types": [COMPLETION], "limit": 1} | _starting_after(event)
        found, _ = await calls.page(client, "/v1/events", asked, ("id", "data"))
        if not found:
            return SettlementPage(after=f"{TRACES} ")
        event, told = found[0]["id"], found[0]["data"].get("object") or {}
        payout = told.get("id", "")
        if not payout or told.get("created", 0) >= window["created"]["gte"]:  # then it was read with the others
            return SettlementPage(after=f"{COMPLETIONS} {event}")
    behind = f"{COMPLETIONS} {event}"
    return await _members(client, payout, last, within=f"{behind} {payout}", behind=behind)


async def _members(client: stripe.StripeClient, payout: str, last: str, *, within: str, behind: str) -> SettlementPage:
    """Read a part of what a payout took along, and say where the next part begins: in it still, or behind it."""
    members, more = await _entries(client, {"payout": payout}, last)
    taken = [member for member in members if member.get("reporting_category") != PAYOUT]  # it did not take itself
    return settlement_page(_lines(taken, payout), f"{within} {members[-1]['id']}" if more else behind)


async def _traced(client: stripe.StripeClient, window: Window, last: str) -> SettlementPage:
    """Read what the bank calls payouts that were made in the window or weeks before: no event tells of it."""
    made = window["created"] | {"gte": window["created"]["gte"] - trace_days_max * day_seconds}
    asked = {"created": made, "limit": part_size} | _starting_after(last)
    found, more = await calls.page(client, "/v1/payouts", asked, ("id",))
    named = {payout["id"]: (payout.get("trace_id") or {}).get("value") for payout in found}
    traces = {payout: trace for payout, trace in named.items() if trace}
    return SettlementPage(traces=traces, after=f"{TRACES} {found[-1]['id']}" if more else None)


async def _entries(client: stripe.StripeClient, wanted: dict[str, Any], last: str) -> tuple[list[webhook.Object], bool]:
    asked = wanted | {"limit": part_size, "expand": ["data.source"]} | _starting_after(last)
    return await calls.page(client, "/v1/balance_transactions", asked, ("id",))


def _starting_after(last: str) -> dict[str, str]:
    return {"starting_after": last} if last else {}


def _lines(entries: list[webhook.Object], payout: str | None = None) -> list[SettlementLine | UnreadLine]:
    def line(entry: webhook.Object) -> SettlementLine | UnreadLine:
        return read_line(GATEWAY, _raw(entry), lambda: of_entry(entry, payout), line_id=entry["id"])

    return [line(entry) for entry in entries]


def _before_conversion(
    entry: webhook.Object, thing: webhook.Object, amount: int, settle: str
) -> tuple[int, str, str | None]:
    """Tell what was charged, refunded or disputed, in the customer's currency, and the rate it was converted at."""
    currency = (thing.get("currency") or settle).upper()
    if entry.get("exchange_rate") is None or currency == settle:
        return amount, settle, None
    size = minor(thing["amount_captured" if thing["object"] == "charge" else "amount"], currency)
    return (-size if amount < 0 else size), currency, _rate(entry["exchange_rate"], currency, settle)


def _rate(told: object, currency: str, settle: str) -> str:
    """Write a rate as one between major units: Stripe's is between its own integers."""
    shift = webhook.decimals(currency) - webhook.decimals(settle)
    return format(Decimal(str(told)).scaleb(shift), "f")


def _names(kind: LineKind, thing: webhook.Object) -> tuple[str | None, str | None]:
    """Name what moved, and the payment behind it, which goes by its intent here."""
    intent = next(iter(webhook.id_of(thing.get("payment_intent") or thing.get("charge"))), None)
    if kind is LineKind.CAPTURE:
        return intent or thing["id"], None
    return thing["id"], intent


def _raw(entry: webhook.Object) -> str:
    """Write a balance transaction as the list has it: what was expanded names the customer."""
    source = entry.get("source")
    bare = {**entry, "source": source.get("id")} if isinstance(source, dict) else entry
    return msgspec.json.encode(bare).decode()
