"""PayPal, as the conformance suite needs to know it."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from tests.gateways.subject import Act, Habit, Json, Line, Trait

from tillkeeper.gateway import Accepted, Feature, Order
from tillkeeper.gateways.paypal import calls
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

    async def dispute(self, act: Act, reference: str) -> None:
        await act("disputes", {"capture": reference})

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
