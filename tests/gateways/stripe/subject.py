"""Stripe, as the conformance suite needs to know it."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from tests.gateways.subject import MONEY, Act, Json, Line, Moves, Trait

from tillkeeper.facts import LineKind
from tillkeeper.gateway import Accepted, Order
from tillkeeper.gateways.stripe import calls, settlement
from tillkeeper.kernel import ids

SUMS = ("captured", "refunded", "disputed")
HUNDREDFOLD = ("ISK", "UGX")
"""Currencies without decimals that Stripe counts in hundredths all the same."""


class StripeSubject:
    """Play the customer and the bookkeeper at Stripe's sandbox."""

    name = "stripe"
    lacks: frozenset[Trait] = frozenset()
    secret_name = "STRIPE_WEBHOOK_SECRET"
    signature_headers = ("stripe-signature",)
    live_keys: Mapping[str, str] = MappingProxyType({"STRIPE_SECRET_KEY": "sk_live_conformance"})
    absent = "pi_absent"
    amount, currency = 1_250, "EUR"
    exact = ((240, "JPY"), (500, "ISK"), (1_999, "EUR"), (10_000, "INR"), (12_340, "KWD"))
    inexact = ((12_345, "KWD"), (100_000_000, "EUR"))

    moves: Moves = MappingProxyType(
        {
            LineKind.REFUND: [("refunds", {"payment_intent": MONEY, "amount": 100})],
            LineKind.REFUND_FAILED: [("refunds", {"payment_intent": MONEY, "amount": 100}), ("refunds/{id}/fail", {})],
            LineKind.DISPUTE: [("disputes", {"payment_intent": MONEY})],
            LineKind.DISPUTE_REVERSED: [("disputes", {"payment_intent": MONEY}), ("disputes/{id}/win", {})],
            LineKind.FEE: [("movements", {"kind": "stripe_fee", "currency": "eur", "amount": -250})],
            LineKind.RESERVE: [("movements", {"kind": "reserve", "currency": "eur", "amount": -300})],
            LineKind.ADJUSTMENT: [("movements", {"kind": "adjustment", "currency": "eur", "amount": 40})],
            LineKind.PAYOUT_FAILED: [("payouts", {"early": True, "outcome": "failed"})],
        }
    )

    def in_parts(self, patch: pytest.MonkeyPatch, size: int) -> None:
        patch.setattr(settlement, "part_size", size)

    def hurry(self, patch: pytest.MonkeyPatch, seconds: int) -> None:
        patch.setattr(calls, "total_timeout_seconds", seconds)

    def signs_in(self, path: str) -> bool:
        del path
        return False

    async def pay(self, act: Act, opened: Accepted) -> Mapping[str, str]:
        await act(f"sessions/{opened.references[0]}/pay")
        return {}

    async def decline(self, act: Act, opened: Accepted) -> None:
        await act(f"sessions/{opened.references[0]}/decline", {"code": "insufficient_funds"})

    async def authenticate(self, act: Act, opened: Accepted) -> None:
        await act(f"sessions/{opened.references[0]}/authenticate", {"outcome": "complete"})

    async def abandon(self, act: Act, opened: Accepted) -> None:
        await act(f"sessions/{opened.references[0]}/abandon")

    async def refund(self, act: Act, reference: str, amount: int, currency: str) -> None:
        scaled = amount * 100 if currency in HUNDREDFOLD else amount
        await act("refunds", {"payment_intent": reference, "amount": scaled})

    async def dispute(self, act: Act, reference: str) -> str:
        opened = await act("disputes", {"payment_intent": reference})
        return str(opened["id"])

    async def decide(self, act: Act, dispute: str, *, won: bool) -> None:
        await act(f"disputes/{dispute}/{'win' if won else 'lose'}")

    async def pay_out(self, act: Act) -> None:
        await act("payouts", {"early": True})

    def line(self, books: Json, order: Order) -> Line:
        ours = ids.text("payment", order.payment)
        found = [line for line in books["payment_intents"] if line["metadata"].get("payment") == ours]
        scale = 100 if order.currency in HUNDREDFOLD else 1
        sums: dict[str, int] = {name: sum(line[name] for line in found) for name in (*SUMS, "fee", "charges")}
        assert not any(sums[name] % scale for name in SUMS), found
        return Line(charges=sums.pop("charges"), **{name: total // scale for name, total in sums.items()})


SUBJECT = StripeSubject()
