"""What a payment's state means to the person who pays: one headline, what it says, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tillkeeper.facts import CREDITS
from tillkeeper.payments import Status
from tillkeeper.web.shop.diary import Counts
from tillkeeper.web.shop.paper import PACKS, written

latecomers_seconds = 6
"""Copies of a webhook may still arrive after the goods have: the page counts them for a while."""
young_seconds = 120
refresh_young_seconds = 1
refresh_old_seconds = 10

Json = dict[str, Any]

UNDER_WAY = frozenset(
    {
        Status.CREATED,
        Status.IN_REVIEW,
        Status.REQUIRES_ACTION,
        Status.PROCESSING,
        Status.OUTCOME_UNKNOWN,
        Status.REQUIRES_CAPTURE,
    }
)
WAITING = "Waiting for the gateway’s webhook…"
NOTHING_CHARGED = "Nothing was charged."
UNITS = {"credits": CREDITS, "pack": PACKS}
PLACES = {"credits": "in the wallet", "pack": "in the binder"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """Hold the one thing to do next."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Hold what the page says first; `tone` colours it, `watching` tells that more may come."""

    tone: str
    icon: str
    headline: str
    says: str
    onward: Onward | None = None
    watching: bool = False
    refresh_seconds: int = refresh_young_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Hold a state in an icon and a word."""

    tone: str
    icon: str
    word: str


def tell(payment: Json, counts: Counts, now: datetime, disputes: Sequence[Json] = ()) -> Story:
    """Say what has become of a payment; `disputes` are the newest first."""
    status = Status(payment["status"])
    match status:
        case Status.SUCCEEDED:
            return _succeeded(payment, counts, now, disputes)
        case Status.FAILED:
            return _failed(payment)
        case Status.CANCELED:
            return _ended("Canceled.", f"The checkout was closed before anybody paid. {NOTHING_CHARGED}")
        case Status.EXPIRED:
            return _ended("Expired.", f"Nobody paid in time, so the checkout was closed. {NOTHING_CHARGED}")
        case (
            Status.CREATED
            | Status.IN_REVIEW
            | Status.REQUIRES_ACTION
            | Status.PROCESSING
            | Status.OUTCOME_UNKNOWN
            | Status.REQUIRES_CAPTURE
        ):
            return _under_way(payment, status, now)


def label(payment: Json) -> Label:
    """Name the state of a payment in a list."""
    status = Status(payment["status"])
    match status:
        case Status.SUCCEEDED:
            return _label_of_paid(payment)
        case Status.FAILED:
            return Label(tone="danger", icon="cross", word="Failed")
        case Status.CANCELED:
            return Label(tone="neutral", icon="cross", word="Canceled")
        case Status.EXPIRED:
            return Label(tone="neutral", icon="clock", word="Expired")
        case (
            Status.CREATED
            | Status.IN_REVIEW
            | Status.REQUIRES_ACTION
            | Status.PROCESSING
            | Status.OUTCOME_UNKNOWN
            | Status.REQUIRES_CAPTURE
        ):
            return _label_of_open(payment, status)


def _label_of_open(payment: Json, status: Status) -> Label:
    if status is Status.OUTCOME_UNKNOWN:
        return Label(tone="warning", icon="clock", word="Not known yet")
    if payment["last_error"]:
        return Label(tone="danger", icon="cross", word="Declined")
    return Label(tone="info", icon="clock", word="Not paid yet")


def _label_of_paid(payment: Json) -> Label:
    refunded, goods = payment["amount_refunded"], payment["fulfilment"]
    if payment["amount_refunding"]:
        return Label(tone="warning", icon="back", word="Refund under way")
    if refunded:
        whole = refunded == payment["amount_captured"]
        return Label(tone="warning", icon="back", word="Refunded" if whole else "Partly refunded")
    if goods and goods["revoked"]:
        return Label(tone="danger", icon="back", word="Taken back")
    if goods and goods["status"] == "delivered":
        return Label(tone="success", icon="check", word="Delivered")
    return Label(tone="success" if not goods else "info", icon="check", word="Paid")


def _succeeded(payment: Json, counts: Counts, now: datetime, disputes: Sequence[Json]) -> Story:
    watching = now - datetime.fromisoformat(payment["captured_at"]) < timedelta(seconds=latecomers_seconds)
    once = _once(counts, payment["fulfilment"])
    if disputes:
        return _disputed(payment, disputes[0], once, watching=watching)
    if payment["amount_refunding"] or payment["amount_refunded"]:
        return _refunded(payment, once, watching=watching)
    goods = payment["fulfilment"]
    if goods and goods["status"] == "pending":
        return Story(tone="info", icon="clock", headline="Paid. Delivering…", says=once, watching=True)
    said = f"{_units(goods, 'quantity')} are {PLACES[goods['kind']]}." if goods else "Thank you."
    return Story(tone="success", icon="check", headline=once, says=said, watching=watching)


def _once(counts: Counts, goods: Json | None) -> str:
    told = f"Webhook arrived {_times(counts.arrivals)}." if counts.arrivals else "The gateway said so when asked."
    what = "Pack delivered" if goods and goods["kind"] == "pack" else "Delivered"
    delivered = f" {what} {_times(counts.deliveries)}." if counts.deliveries else ""
    return f"Paid {_times(counts.captures)}. {told}{delivered}"


def _units(goods: Json, field: str) -> str:
    return written(goods[field], UNITS[goods["kind"]])


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number}×"


def _disputed(payment: Json, dispute: Json, once: str, *, watching: bool) -> Story:
    money, goods = written(dispute["amount"], dispute["currency"]), payment["fulfilment"]
    taken = f" {_units(goods, 'revoked')} taken back." if goods and goods["revoked"] else ""
    match dispute["status"]:
        case "won":
            return Story(tone="success", icon="check", headline="Dispute won.", says=f"{money} came back. {once}")
        case "lost":
            headline = f"Dispute lost: {money} went back to the customer.{taken}"
            return Story(tone="danger", icon="back", headline=headline, says=once, watching=watching)
        case _:
            headline = f"Disputed: the customer’s bank is deciding about {money}."
            says = f"The goods are frozen until it has. {once}"
            return Story(tone="warning", icon="clock", headline=headline, says=says, watching=True)


def _refunded(payment: Json, once: str, *, watching: bool) -> Story:
    code, captured = payment["currency"], payment["amount_captured"]
    refunded, refunding = payment["amount_refunded"], payment["amount_refunding"]
    goods = payment["fulfilment"]
    before = "Could not be delivered. " if goods and goods["status"] == "failed" else ""
    taken = f" {_units(goods, 'revoked')} taken back." if goods and goods["revoked"] else ""
    if refunding:
        headline = f"{before}{written(refunding, code)} is on its way back.{taken}"
    elif refunded == captured:
        headline = f"{before}Refunded in full.{taken}"
    else:
        headline = f"{before}Refunded {written(refunded, code)} of {written(captured, code)}.{taken}"
    return Story(tone="warning", icon="back", headline=headline, says=once, watching=watching or bool(refunding))


def _failed(payment: Json) -> Story:
    error = payment["last_error"]
    said = f"{error['message']} {NOTHING_CHARGED}" if error else NOTHING_CHARGED
    return Story(tone="danger", icon="cross", headline="The payment failed.", says=said)


def _ended(headline: str, says: str) -> Story:
    return Story(tone="neutral", icon="clock", headline=headline, says=f"{says} Start again in the shop.")


def _under_way(payment: Json, status: Status, now: datetime) -> Story:
    action, error = payment["next_action"], payment["last_error"]
    url = action["url"] if action and "url" in action else None
    tone, icon, headline, says, button = "info", "clock", WAITING, "", "Go on to the checkout"
    if status is Status.IN_REVIEW:
        headline, says = "Waiting for a person to look at this payment…", "Nothing is charged before that."
    elif status is Status.REQUIRES_CAPTURE:
        headline, says = "Authorised.", "The money is set aside, and not taken yet."
    elif status is Status.OUTCOME_UNKNOWN:
        headline = "Waiting for the gateway…"
        says = "It did not say what it did. Until that is known, nothing is sent elsewhere and nobody is charged again."
    elif error and url:
        tone, icon, button = "danger", "cross", "Try again"
        headline, says = "Not paid.", f"{error['message']} {NOTHING_CHARGED}"
    elif url:
        says = "If you have paid, this page changes by itself in a moment. If not, the checkout is still open."
    age = now - datetime.fromisoformat(payment["created_at"])
    return Story(
        tone=tone,
        icon=icon,
        headline=headline,
        says=says,
        onward=Onward(label=button, url=url) if url else None,
        watching=True,
        refresh_seconds=refresh_young_seconds if age < timedelta(seconds=young_seconds) else refresh_old_seconds,
    )
