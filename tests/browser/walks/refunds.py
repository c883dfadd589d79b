"""What is done about requests for money back, and refunds that nobody knows the end of."""

from typing import Any

from tests.browser.hands import Hands
from tests.browser.walking import walk

from tillkeeper.flows.request_refund import Asked, request_refund
from tillkeeper.kernel import ids
from tillkeeper.refund_requests import Person, ReasonCode

ASKER = Person(id="key_x", name="a shop")
LARGE = 30
"""So many packages cost more than what goes back without a person."""


def _paid(hands: Hands, quantity: int = 1) -> Any:
    return hands.house.do(hands.house.shop.paid(user=hands.house.buyer(), quantity=quantity))


def _requested(hands: Hands, quantity: int, *, days: int = 0) -> str:
    """Ask for the money of a new payment back, some days later, and name where the request is shown."""
    payment, shop = ids.parse("payment", _paid(hands, quantity)["id"]), hands.house.shop
    asked = Asked(payment=payment, by=ASKER, reason_code=ReasonCode.DEFECTIVE, note="it broke")
    request: Any = hands.house.do(request_refund(shop.later(days=days), shop.wish(), asked)).body
    return f"/refunds/requests/{request['id']}"


@walk("/refunds/ask")
def ask(hands: Hands) -> None:
    payment = _paid(hands)
    hands.visit("/refunds")
    hands.ask("Ask for a refund")
    hands.fill("Payment", payment["id"])
    hands.choose("Reason", "Defective")
    hands.fill("Amount", "0.60")
    hands.press("Ask for the money")
    hands.told("Asked: refunded.")


@walk("/refunds/requests/{request}/approve")
def approve(hands: Hands) -> None:
    hands.visit(_requested(hands, LARGE))
    hands.ask("Approve")
    hands.fill("Words about it", "it did break")
    hands.press("Approve")
    hands.told("Agreed: refunded.")


@walk("/refunds/requests/{request}/reject")
def reject(hands: Hands) -> None:
    hands.visit(_requested(hands, LARGE))
    hands.ask("Reject")
    hands.fill("Why", "it was used up")
    hands.press("Reject")
    hands.told("Rejected; nothing goes back.")


@walk("/refunds/requests/{request}/override")
def override(hands: Hands) -> None:
    hands.visit(_requested(hands, 1, days=8))
    hands.ask("Override the policy")
    hands.fill("Why", "a good customer")
    hands.press("Override")
    hands.told("Asked again beyond the policy")


@walk("/refunds/{refund}/end")
def end(hands: Hands) -> None:
    payment, shop = _paid(hands), hands.house.shop
    shop.line.fault = "cut"
    made = hands.house.do(shop.refund(payment, 60))
    given_up = "UPDATE operation SET state = 'given_up', lease_until = NULL WHERE kind = 'refund' AND state = 'asked'"
    hands.house.do(shop.owner.execute(given_up))
    shop.line.fault = None
    hands.visit(f"/refunds/{made['id']}")
    hands.ask("End it")
    hands.fill("What you saw there", "it is not in their dashboard")
    hands.press("End the refund")
    hands.told("can be asked for again")
