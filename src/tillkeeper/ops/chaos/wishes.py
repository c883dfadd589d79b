"""What clients want: each purchase follows from the seed and its number, so that a shorter schedule changes none."""

import random
from dataclasses import asdict, dataclass
from typing import Any

PACKAGES = {"credits_50": 50, "credits_120": 120, "credits_300": 300, "credits_600": 600}
CURRENCIES = {
    "auto": ("INR", "USD", "EUR", "JPY"),
    "stripe": ("INR", "USD", "EUR", "JPY"),
    "razorpay": ("INR", "USD"),
    "paypal": ("USD", "EUR", "JPY"),
    "square": ("USD", "EUR", "JPY"),
}
"""In which currencies each gateway is asked; `auto` leaves the choice to the till."""
WAYS: tuple[dict[str, str], ...] = (
    {},
    {"checkout": "embedded"},
    {"checkout": "embedded", "capture_method": "manual"},
    {},
)
"""How payments are made, in turn: as every gateway can."""
users = 37
refunded_percent, refunded_fully_percent = 30, 12
disputed_percent = 8
"""How many of those who ask nothing back let their bank take it; every other bank decides for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """Hold what one client buys, how, and which share of it they want back."""

    number: int
    key: str
    body: dict[str, Any]
    refund_percent: int
    dispute: str = ""
    """How the dispute ends that their bank opens, `win` for the merchant or `lose`; empty where there is none."""

    def as_json(self) -> dict[str, Any]:
        """Shape it for the journal."""
        return asdict(self)


def wish(seed: int, number: int, gateways: tuple[str, ...]) -> Purchase:
    """Make up one purchase; every fifth leaves the choice of the gateway to the till."""
    dice = random.Random(f"purchase {seed} {number}")  # noqa: S311 (it must be repeatable, and guards nothing)
    places = (*gateways, "auto")
    gateway = places[number % len(places)]
    key = f"purchase-{seed}-{number}"
    body: dict[str, Any] = {
        "package": dice.choice(tuple(PACKAGES)),
        "currency": dice.choice(CURRENCIES[gateway]),
        "quantity": dice.randint(2, 4),
        "user": f"user-{dice.randrange(users)}",
        "gateway": gateway,
        "metadata": {"purchase": key},
        **WAYS[number // len(places) % len(WAYS)],
    }
    thrown = dice.randrange(100)
    share = 100 if thrown < refunded_fully_percent else dice.randint(10, 90) if thrown < refunded_percent else 0
    dispute = ("lose", "win")[thrown % 2] if refunded_percent <= thrown < refunded_percent + disputed_percent else ""
    return Purchase(number=number, key=key, body=body, refund_percent=share, dispute=dispute)
