"""Refunds at Razorpay: told with our ids, and found again by their receipts."""

from collections.abc import Callable, Sequence

from tillkeeper.facts import Notice
from tillkeeper.gateway import Absent, Accepted, Declined, Outcome, RefundOrder, Unknown
from tillkeeper.gateways.razorpay import calls, entities
from tillkeeper.gateways.razorpay.currencies import to_razorpay
from tillkeeper.gateways.razorpay.entities import Object
from tillkeeper.kernel import ids

HAS_IT = ("duplicate receipt", "already been processed")
"""How Razorpay says no because it has this refund, or something by its name: it knows receipts longer than keys."""
Mark = Callable[[Sequence[Notice]], tuple[Notice, ...]]


class Refunds:
    """Give money back, each time once."""

    def __init__(self, wire: calls.Wire, mark: Mark) -> None:
        self._wire = wire
        self._mark = mark

    async def make(self, order: RefundOrder) -> Outcome:
        """Give money back; our ids travel along, because the webhook may come first.

        A refund that Razorpay has already is not a failed one, even while its lists do not show it: then money may be
        on its way, and whoever took it for failed would hand the goods out again.
        """
        body = {
            "amount": to_razorpay(order.amount, order.currency),
            "speed": "normal",
            "receipt": order.key,
            "notes": {"payment": ids.text("payment", order.payment), "refund": ids.text("refund", order.refund)},
        }
        headers = {"X-Refund-Idempotency": order.key}
        made = await self._wire.tell("POST", _path(order, "refund"), body, read=self._refund, headers=headers)
        if not isinstance(made, Declined) or not any(words in made.message.lower() for words in HAS_IT):
            return made
        found = await self.look_up(order)
        if isinstance(found, Accepted) and all(notice.amount == order.amount for notice in found.notices):
            return found
        return Unknown(reason="Razorpay has this refund, and does not show it")

    async def look_up(self, order: RefundOrder) -> Outcome | Absent:
        """Ask whether a refund was made: it carries our id, and the key as its receipt."""
        try:
            async for refund in self._wire.pages(_path(order, "refunds"), {}):
                if refund["receipt"] == order.key:
                    return self._refund(refund)
        except (calls.NotExecutedError, calls.SaidNoError, calls.UnclearError, *calls.UNREADABLE) as error:
            return Unknown(reason=f"Razorpay could not be asked: {type(error).__name__}")
        return Absent()

    def _refund(self, refund: Object) -> Accepted:
        return Accepted(notices=self._mark(entities.of_refund(refund)))


def _path(order: RefundOrder, verb: str) -> str:
    return f"payments/{calls.segment(order.reference)}/{verb}"
