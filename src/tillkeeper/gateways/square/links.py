"""Payment links: Square's hosted checkout.

A link is named by its order and itself, as `order:link`: a deleted link is gone, and only its order tells what
became of it.
"""

from dataclasses import dataclass, replace

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import Absent, Accepted, Declined, Order, Outcome, Refused, Unknown
from tillkeeper.gateways.square import lookup, webhook
from tillkeeper.gateways.square.calls import Wire, read_safely, segment
from tillkeeper.gateways.square.webhook import Object
from tillkeeper.kernel import ids

LINKS = "online-checkout/payment-links"
JOINT = ":"
links_page_size = 1000
title_length_max = 500
tries_max = 200
IN_VAIN = frozenset({NoticeKind.PAYMENT_FAILED, NoticeKind.PAYMENT_CANCELED})


@dataclass(frozen=True, slots=True)
class Links:
    """Open, find, ask after and end payment links."""

    wire: Wire
    location: str
    live: bool

    async def open(self, order: Order) -> Outcome:
        """Open a link over an order that carries our id, as will the payment."""
        ours = ids.text("payment", order.payment)
        price = {"amount": order.amount, "currency": order.currency}
        body = {
            "idempotency_key": order.key,
            "order": {
                "location_id": self.location,
                "reference_id": ours,
                "line_items": [{"name": order.title[:title_length_max], "quantity": "1", "base_price_money": price}],
                **({"customer_id": order.customer} if order.customer else {}),
            },
            "checkout_options": {"redirect_url": order.return_url, "allow_tipping": False},
            "payment_note": ours,
        }
        return await self.wire.tell(_opened, "POST", LINKS, body)

    async def find(self, order: Order) -> Outcome | Absent:
        """Look for the link of a payment among those that are open."""
        ours = ids.text("payment", order.payment)
        query = {"limit": str(links_page_size)}
        found = await lookup.find(
            self.wire, LINKS, "payment_links", lambda link: link.get("payment_note") == ours, query=query
        )
        if not isinstance(found, list):
            return lookup.in_doubt(found)
        return read_safely(_opened, {"payment_link": found[0]}) if found else Absent()

    async def ask(self, reference: str) -> Outcome:
        """Ask what became of a link: of its payment, if there is one, else of its order and of itself."""
        order_id, _, link_id = reference.partition(JOINT)
        outcome = await self.ask_order(order_id)
        if not isinstance(outcome, Accepted) or outcome.notices:
            return _named(outcome, reference)
        return await self.wire.tell(lambda answer: _open(answer, reference), "GET", _path(link_id))

    async def ask_order(self, order_id: str) -> Outcome:
        """Ask what became of an order: how it was paid, or that it was canceled."""
        answer = await self.wire.call("GET", _order_path(order_id))
        return await self._read_tries(answer) if isinstance(answer, dict) else answer

    async def end(self, reference: str) -> Outcome:
        """Delete an open link, which cancels its order; where it does not, the order itself is canceled.

        Square leaves an order alone that somebody has tried to pay, though in vain, and then it can still be paid.
        """
        order_id, _, link_id = reference.partition(JOINT)
        outcome = await self.wire.tell(lambda answer: self._read_end(answer, reference), "DELETE", _path(link_id))
        if isinstance(outcome, Unknown | Refused) or (isinstance(outcome, Accepted) and outcome.notices):
            return outcome
        ended = await self._end_order(order_id)
        return outcome if isinstance(outcome, Declined) and isinstance(ended, Declined) else _named(ended, reference)

    async def _end_order(self, order_id: str) -> Outcome:
        """Cancel an order that holds no money; its version keeps a payment that comes meanwhile from getting lost."""
        answer = await self.wire.call("GET", _order_path(order_id))
        if not isinstance(answer, dict):
            return answer
        found = await self._read_tries(answer)
        if not isinstance(found, Accepted) or any(each.kind is NoticeKind.PAYMENT_CANCELED for each in found.notices):
            return found
        if found.references:
            return Declined(code="ORDER_PAID", message="The checkout was paid before it could be ended.")
        change = {"location_id": self.location, "version": answer["order"].get("version"), "state": "CANCELED"}
        return await self.wire.tell(self._read_canceled, "PUT", _order_path(order_id), {"order": change})

    async def _read_tries(self, answer: Object) -> Outcome:
        """Read an order by that try to pay it which holds money or may yet; failed ones are told by webhooks."""
        read = read_safely(self._read_order, answer)
        if not isinstance(read, Accepted):
            return read
        if len(read.references) > tries_max:
            return Unknown(reason=f"Square's order was tried to be paid more than {tries_max} times")
        for payment_id in reversed(read.references):
            tried = await self.wire.tell(self._read_payment, "GET", f"payments/{segment(payment_id)}")
            if not isinstance(tried, Accepted):
                return lookup.in_doubt(tried)  # the order names it, so it exists
            if not any(notice.kind in IN_VAIN for notice in tried.notices):
                return tried
        return Accepted(notices=read.notices)

    def _read_order(self, answer: Object) -> Accepted:
        order = answer["order"]
        tried = [tender.get("payment_id") or tender["id"] for tender in order.get("tenders") or []]
        return Accepted(references=tuple(tried), notices=tuple(webhook.of_order(order, live=self.live)))

    def _read_canceled(self, answer: Object) -> Accepted:
        read = self._read_order(answer)
        if not read.notices:
            raise LookupError(answer["order"]["state"])
        return Accepted(notices=read.notices)

    def _read_payment(self, answer: Object) -> Accepted:
        payment = answer["payment"]
        return Accepted(references=(payment["id"],), notices=tuple(webhook.of_payment(payment, live=self.live)))

    def _read_end(self, answer: Object, reference: str) -> Accepted:
        order_id, _, link_id = reference.partition(JOINT)
        if answer["id"] != link_id:
            raise LookupError(link_id)
        state = "CANCELED" if answer.get("cancelled_order_id") == order_id else "OPEN"
        notices = tuple(webhook.of_order({"id": order_id, "state": state}, live=self.live))
        return Accepted(notices=tuple(replace(notice, references=(reference, order_id)) for notice in notices))


def _opened(answer: Object) -> Accepted:
    """Read an opened link: an address to go to, and its names."""
    link = answer["payment_link"]
    order_id, link_id, url = (str(link[name]) for name in ("order_id", "id", "url"))
    references = (f"{order_id}{JOINT}{link_id}", order_id, link_id)
    if not all(isinstance(link[name], str) for name in ("order_id", "id", "url")):
        raise TypeError(link_id)
    return Accepted(references=references, next_action={"type": "redirect", "url": url})


def _open(answer: Object, reference: str) -> Accepted:
    """Read a link that is still there, and belongs to the order that it is named with."""
    found = _opened(answer)
    if found.references[0] != reference:
        raise LookupError(reference)
    return Accepted(references=found.references)


def _named(outcome: Outcome, reference: str) -> Outcome:
    """Let an ended checkout keep the name under which it can be asked after."""
    if not isinstance(outcome, Accepted):
        return outcome
    return replace(
        outcome,
        notices=tuple(
            replace(notice, references=(reference, *notice.references))
            if notice.kind is NoticeKind.PAYMENT_CANCELED
            else notice
            for notice in outcome.notices
        ),
    )


def _order_path(order_id: str) -> str:
    return f"orders/{segment(order_id)}"


def _path(link_id: str) -> str:
    return f"{LINKS}/{segment(link_id)}"
