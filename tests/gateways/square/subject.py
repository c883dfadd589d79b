"""Square, as the conformance suite needs to know it."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from tests.gateways.subject import MONEY, Act, Habit, Json, Line, Moves, Trait

from tillkeeper.facts import LineKind
from tillkeeper.gateway import Accepted, Feature, Order
from tillkeeper.gateways.square import calls, settlement
from tillkeeper.kernel import ids

GOOD_CARD = {"source_id": "cnon:card-nonce-ok"}


class SquareSubject:
    """Play the customer and the bookkeeper at Square's sandbox."""

    name = "square"
    lacks: frozenset[Trait] = frozenset(
        {
            Feature.HOSTED_MANUAL_CAPTURE,
            Feature.SETTLEMENT_FILES,
            Habit.SIGNED_TIME,
            Habit.SAYS_LISTS,
            Habit.CARRIED,  # its entries name payments by its own ids only
        }
    )
    secret_name = "SQUARE_WEBHOOK_SIGNATURE_KEY"
    signature_headers = ("x-square-hmacsha256-signature",)
    live_keys: Mapping[str, str] = MappingProxyType(
        {"SQUARE_APPLICATION_ID": "sq0idp-conformance", "SQUARE_ACCESS_TOKEN": "EAAA-of-the-live-account"}
    )
    absent = "absent"
    amount, currency = 12_500, "USD"
    exact = ((240, "JPY"), (1_999, "USD"), (1_250, "EUR"))
    inexact = ((100, "INR"), (1_230, "KWD"))

    moves: Moves = MappingProxyType(
        {
            LineKind.REFUND: [("refunds", {"payment": MONEY, "amount": 100})],
            LineKind.REFUND_FAILED: [("refunds", {"payment": MONEY, "amount": 100}), ("refunds/{id}/fail", {})],
            LineKind.DISPUTE: [("disputes", {"payment": MONEY})],
            LineKind.DISPUTE_REVERSED: [("disputes", {"payment": MONEY}), ("disputes/{id}/win", {})],
            LineKind.FEE: [("movements", {"type": "FEE", "currency": "USD", "amount": -250})],
            LineKind.RESERVE: [("movements", {"type": "RESERVE_HOLD", "currency": "USD", "amount": -300})],
            LineKind.ADJUSTMENT: [("movements", {"type": "ADJUSTMENT", "currency": "USD", "amount": 40})],
            LineKind.PAYOUT_FAILED: [("payouts", {"outcome": "failed"})],
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
        if not opened.references:
            return GOOD_CARD  # what Square's form makes of a card in the merchant's page
        await act(f"{_link(opened)}/pay")
        return {}

    async def decline(self, act: Act, opened: Accepted) -> None:
        await act(f"{_link(opened)}/decline", {"code": "INSUFFICIENT_FUNDS"})

    async def authenticate(self, act: Act, opened: Accepted) -> None:
        await act(f"{_link(opened)}/authenticate", {"outcome": "complete"})

    async def abandon(self, act: Act, opened: Accepted) -> None:
        await act(f"{_link(opened)}/abandon")

    async def refund(self, act: Act, reference: str, amount: int, currency: str) -> None:
        del currency
        await act("refunds", {"payment": reference, "amount": amount})

    async def dispute(self, act: Act, reference: str) -> str:
        opened = await act("disputes", {"payment": reference})
        return str(opened["id"])

    async def decide(self, act: Act, dispute: str, *, won: bool) -> None:
        await act(f"disputes/{dispute}/{'win' if won else 'lose'}")

    async def pay_out(self, act: Act) -> None:
        await act("payouts")

    def line(self, books: Json, order: Order) -> Line:
        ours = ids.text("payment", order.payment)
        found = [line for line in books["payments"] if ours in {line["reference_id"], line["order_reference"]}]
        return Line(
            captured=sum(line["captured"] for line in found),
            refunded=sum(line["refunded"] for line in found),
            disputed=sum(line["disputed"] for line in found),
            fee=sum(line["fee"] for line in found),
            charges=sum(line["charges"] for line in found),
        )


def _link(opened: Accepted) -> str:
    return f"links/{opened.references[0].partition(':')[2]}"


SUBJECT = SquareSubject()
