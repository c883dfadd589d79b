"""Razorpay, as the conformance suite needs to know it."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from tests.gateways.subject import MONEY, Act, Habit, Json, Line, Moves, Trait

from tillkeeper.facts import LineKind
from tillkeeper.gateway import Accepted, Feature, Order
from tillkeeper.gateways.razorpay import calls, settlement
from tillkeeper.kernel import ids


class RazorpaySubject:
    """Play the customer and the bookkeeper at Razorpay's sandbox."""

    name = "razorpay"
    lacks: frozenset[Trait] = frozenset(
        {
            Feature.HOSTED_MANUAL_CAPTURE,
            Feature.PARTIAL_CAPTURE,
            Feature.CUSTOMERS,
            Habit.VOID,
            Habit.SIGNED_TIME,
            Habit.NAMES_EVENTS,  # it has no list of events; ours is made of lists of things
        }
    )
    secret_name = "RAZORPAY_WEBHOOK_SECRET"
    signature_headers = ("x-razorpay-signature",)
    live_keys: Mapping[str, str] = MappingProxyType({"RAZORPAY_KEY_ID": "rzp_live_conformance"})
    absent = "pay_Absent00000000"
    amount, currency = 12_500, "INR"
    exact = ((500, "JPY"), (1_999, "USD"), (10_000, "INR"), (12_340, "KWD"))
    inexact = ((12_345, "KWD"), (100, "LYD"))

    moves: Moves = MappingProxyType(
        {
            LineKind.REFUND: [("refunds", {"payment": MONEY, "amount": 100})],
            LineKind.REFUND_FAILED: [("refunds", {"payment": MONEY, "amount": 100}), ("refunds/{id}/fail", {})],
            LineKind.DISPUTE: [("disputes", {"payment": MONEY}), ("disputes/{id}/lose", {})],
            LineKind.ADJUSTMENT: [("adjustments", {"amount": -1_180, "description": "Monthly fee"})],
            LineKind.PAYOUT_FAILED: [("settlements", {"early": True, "outcome": "failed"})],
        }
    )

    def in_parts(self, patch: pytest.MonkeyPatch, size: int) -> None:
        patch.setattr(settlement, "part_size", size)
        patch.setattr(settlement, "settlements_part_size", size)

    def hurry(self, patch: pytest.MonkeyPatch, seconds: int) -> None:
        patch.setattr(calls, "total_timeout_seconds", seconds)

    def signs_in(self, path: str) -> bool:
        del path
        return False

    async def pay(self, act: Act, opened: Accepted) -> Mapping[str, str]:
        answer = await act(f"{_place(opened)}/pay")
        brought: dict[str, str] = answer["callback"] if _place(opened).startswith("orders") else {}
        return brought

    async def decline(self, act: Act, opened: Accepted) -> None:
        await act(f"{_place(opened)}/decline", {"code": "insufficient_funds"})

    async def authenticate(self, act: Act, opened: Accepted) -> None:
        await act(f"{_place(opened)}/authenticate", {"outcome": "complete"})

    async def abandon(self, act: Act, opened: Accepted) -> None:
        await act(f"{_place(opened)}/abandon")

    async def refund(self, act: Act, reference: str, amount: int, currency: str) -> None:
        del currency
        await act("refunds", {"payment": reference, "amount": amount})

    async def dispute(self, act: Act, reference: str) -> str:
        opened = await act("disputes", {"payment": reference})
        return str(opened["id"])

    async def decide(self, act: Act, dispute: str, *, won: bool) -> None:
        await act(f"disputes/{dispute}/{'win' if won else 'lose'}")

    async def pay_out(self, act: Act) -> None:
        await act("settlements", {"early": True})

    def line(self, books: Json, order: Order) -> Line:
        ours = ids.text("payment", order.payment)
        found = [line for line in books["orders"] if line["notes"].get("payment") == ours]
        return Line(
            captured=sum(line["captured"] for line in found),
            refunded=sum(line["refunded"] for line in found),
            disputed=sum(line["disputed"] for line in found),
            fee=sum(line["fee"] for line in found),
            charges=sum(line["authorised"] for line in found),
        )


def _place(opened: Accepted) -> str:
    reference = opened.references[0]
    return f"links/{reference}" if reference.startswith("plink_") else f"orders/{reference}"


SUBJECT = RazorpaySubject()
