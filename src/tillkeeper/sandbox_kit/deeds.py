"""Deeds: what a customer, their bank or the gateway's own staff does about a payment, as calls of the control verbs."""

from dataclasses import dataclass
from typing import Any, Literal

from tillkeeper.sandbox_kit.stand import Stand

outage_seconds = 60

Json = dict[str, Any]
End = Literal["win", "lose"]


@dataclass(frozen=True, slots=True)
class Deed:
    """Hold one call below /_control: where to, and with what."""

    path: str
    body: Json


def visit(stand: Stand, checkout: str, deed: str, **wish: object) -> Deed:
    """Do something as the customer on a hosted checkout page."""
    return Deed(f"/{stand.name}/{stand.checkout}/{checkout}/{deed}", wish)


def refund(stand: Stand, money: str, amount: int) -> Deed:
    """Send money back from the gateway's own dashboard; `amount` in minor units."""
    return Deed(f"/{stand.name}/refunds", {stand.money: money, "amount": amount})


def dispute(stand: Stand, money: str) -> Deed:
    """Let the customer's bank take a payment back."""
    return Deed(f"/{stand.name}/disputes", {stand.money: money})


def decide(stand: Stand, dispute_reference: str, end: End) -> Deed:
    """Decide a dispute for the merchant or for the customer."""
    return Deed(f"/{stand.name}/disputes/{dispute_reference}/{end}", {})


def resend(event: str, copies: int) -> Deed:
    """Send the webhook of an event again, as often as asked."""
    return Deed("/webhooks/resend", {"event": event, "copies": copies})


def outage(gateway: str, seconds: int) -> Deed:
    """Let a gateway answer nothing for a while; no seconds end it."""
    return Deed("/outages", {"gateway": gateway, "seconds": seconds})


def named(disputed: Json) -> str:
    """Read the name that a gateway has given to a dispute."""
    return str(disputed.get("dispute_id") or disputed["id"])
