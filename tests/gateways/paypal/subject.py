"""PayPal, as the conformance suite needs to know it."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from tests.gateways.subject import MONEY, Act, Habit, Json, Line, Moves, Trait

from tillkeeper.facts import LineKind
from tillkeeper.gateway import Accepted, Feature, Order
from tillkeeper.gateways.paypal import calls, settlement
from tillkeeper.kernel import ids

TOKEN, CERTIFICATES = "/v1/oauth2/token", "/v1/notifications/certs/"


class PayPalSubject:
    """Play the payer and the bookkeeper at PayPal's sandbox."""

    name = "paypal"
    lacks: frozenset[Trait] = frozenset(
        {
            Feature.CUSTOMERS,
            Habit.END_CHECKOUT,
            Habit.DECLINES_TOLD,
            Habit.FINDS_CHECKOUTS,  # its orders cannot be searched; sending again under the key finds them
            Habit.SIGNED_TIME,  # a later try of PayPal's carries the time of the first
            Habit.SHARED_SECRET,
            Habit.LIVE_KEYS,
            Habit.PAYOUTS,
            Habit.MEMBERS,  # what is withdrawn is the balance
        }
    )
    secret_name = "PAYPAL_WEBHOOK_ID"
    signature_headers = (
        "paypal-auth-algo",
        "paypal-cert-url",
        "paypal-transmission-id",
        "paypal-transmission-time",
        "paypal-transmission-sig",
    )
    live_keys: Mapping[str, str] = MappingProxyType({})
    absent = "0AB12345CD678901E"
    amount, currency = 12_500, "EUR"
    exact = ((500, "JPY"), (1_999, "USD"), (30_000, "HUF"))
    inexact = ((30_050, "HUF"), (100, "INR"), (1_230, "KWD"))

    moves: Moves = MappingProxyType(
        {
            LineKind.REFUND: [("refunds", {"capture": MONEY, "amount": 100})],
            LineKind.REFUND_FAILED: [("refunds", {"capture": MONEY, "amount": 100}), ("refunds/{id}/fail", {})],
            LineKind.DISPUTE: [("disputes", {"capture": MONEY})],
            LineKind.DISPUTE_REVERSED: [("disputes", {"capture": MONEY}), ("disputes/{id}/win", {})],
            LineKind.FEE: [("movements", {"kind": "fee", "currency": "EUR", "amount": -250})],
            LineKind.RESERVE: [("movements", {"kind": "reserve", "currency": "EUR", "amount": -300})],
            LineKind.ADJUSTMENT: [("movements", {"kind": "adjustment", "currency": "EUR", "amount": 40})],
            LineKind.CONVERSION: [("conversions", {"from": "EUR", "to": "HUF", "amount": 1_000, "rate": "391.27"})],
            LineKind.PAYOUT_FAILED: [("payouts", {"currency": "EUR"}), ("payouts/{id}/fail", {})],
        }
    )

    def in_parts(self, patch: pytest.MonkeyPatch, size: int) -> None:
        patch.setattr(settlement, "part_size", size)

    def hurry(self, patch: pytest.MonkeyPatch, seconds: int) -> None:
        patch.setattr(calls, "total_timeout_seconds", seconds)

    def signs_in(self, path: str) -> bool:
        return TOKEN in path or CERTIFICATES in path

    async def pay(self, act: Act, opened: Accepted) -> Mapping[str, str]:
        await act(f"orders/{opened.references[0]}/pay")
        return {}

    async def decline(self, act: Act, opened: Accepted) -> None:
        await act(f"orders/{opened.references[0]}/decline", {"code": "instrument_declined"})

    async def authenticate(self, act: Act, opened: Accepted) -> None:
        await act(f"orders/{opened.references[0]}/authenticate", {"outcome": "complete"})

    async def abandon(self, act: Act, opened: Accepted) -> None:
        await act(f"orders/{opened.references[0]}/abandon")

    async def refund(self, act: Act, reference: str, amount: int, currency: str) -> None:
        del currency
        await act("refunds", {"capture": reference, "amount": amount})

    async def dispute(self, act: Act, reference: str) -> str:
        opened = await act("disputes", {"capture": reference})
        return str(opened["dispute_id"])

    async def decide(self, act: Act, dispute: str, *, won: bool) -> None:
        await act(f"disputes/{dispute}/{'win' if won else 'lose'}")

    async def pay_out(self, act: Act) -> None:
        await act("payouts")

    def line(self, books: Json, order: Order) -> Line:
        ours = ids.text("payment", order.payment)
        found = [line for line in books["orders"] if line["custom_id"] == ours]
        return Line(
            captured=sum(line["captured"] for line in found),
            refunded=sum(line["refunded"] for line in found),
            disputed=sum(line["disputed"] for line in found),
            fee=sum(line["fee"] for line in found),
            charges=sum(line["captures"] for line in found),
        )


SUBJECT = PayPalSubject()
