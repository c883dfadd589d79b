"""Ask for refunds and decide on them, as people with keys of their own would."""

from typing import Any

from tillkeeper.flows.approve_refund import approve_refund, reject_refund
from tillkeeper.flows.request_refund import Asked, request_refund
from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.kernel import ids
from tillkeeper.refund_requests import Person, Policy, ReasonCode

ANA = Person(id="key_ana", name="Ana")
BEN = Person(id="key_ben", name="Ben")
EVE = Person(id="key_eve", name="Eve")
CAREFUL = Policy(auto_approve_units=None)
"""Nothing goes back without a person."""


def request_id(request: Any) -> Any:
    """Read the id of a request as it is shown."""
    return ids.parse("refund_request", request["id"])


async def ask(shop: Any, payment: Any, amount: int | None = None, *, key: str | None = None, **more: Any) -> Any:
    """Ask for a refund, and return the request as it is shown."""
    wanted: dict[str, Any] = {"by": EVE, "reason_code": ReasonCode.REQUESTED_BY_CUSTOMER, "amount": amount} | more
    asked = Asked(payment=ids.parse("payment", payment["id"]), **wanted)
    return (await request_refund(shop.till, shop.wish(key, asked), asked)).body


async def agree(shop: Any, request: Any, by: Person = ANA, *, key: str | None = None, till: Any = None) -> Any:
    """Agree to a request, and return it."""
    wish = shop.wish(key, (request["id"], by))
    return (await approve_refund(till or shop.till, wish, request_id(request), by=by)).body


async def turn_down(shop: Any, request: Any, by: Person = ANA, *, key: str | None = None) -> Any:
    """Reject a request, and return it."""
    wish = shop.wish(key, request["id"])
    return (await reject_refund(shop.till, wish, request_id(request), by=by, reason="no receipt")).body


async def rule(shop: Any, policy: Policy) -> Any:
    """Put a policy in force."""
    return await set_refund_policy(shop.till, policy, by=ANA, note="for a test")
