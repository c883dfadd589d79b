"""Payment links: Square's hosted checkout.

A link is named by its order and itself, as `order:link`: a deleted link is gone, and only its order tells what
became of it.
"""

from dataclasses import dataclass, replace

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import Absent, Accepted, Declined, Order, Outcome, Unknown
from tillkeeper.gateways.square import lookup, webhook
from tillkeeper.gateways.square.calls import Wire, read_safely, segment
from tillkeeper.gateways.square.webhook import Object
from tillkeeper.kernel import ids

LINKS = "online-checkout/payment-links"
JOINT = ":"
links_page_size = 1000
title_length_max = 500


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
        outcome = await self.wire.tell(self._read_order, "GET", f"orders/{segment(order_id)}")
        if isinstance(outcome, Accepted) and outcome.references:
            return await self.wire.tell(self._read_payment, "GET", f"payments/{segment(outcome.references[-1])}")
        return outcome

    async def end(self, reference: str) -> Outcome:
        """Delete an open link, which cancels its order; one that is gone already is asked after."""
        order_id, _, link_id = reference.partition(JOINT)
        outcome = await self.wire.tell(lambda answer: self._read_end(answer, reference), "DELETE", _path(link_id))
        if isinstance(outcome, Accepted) and not outcome.notices:
            return Declined(code="ORDER_PAID", message="The checkout was paid before it could be ended.")
        if not isinstance(outcome, Declined):
            return outcome
        asked = await self.ask_order(order_id)
        ended = isinstance(asked, Accepted) and any(each.kind is NoticeKind.PAYMENT_CANCELED for each in asked.notices)
        return _named(asked, reference) if ended or isinstance(asked, Unknown) else outcome

    def _read_order(self, answer: Object) -> Accepted:
        order = answer["order"]
        paid_by = [tender.get("payment_id") or tender["id"] for tender in order.get("tenders") or []]
        return Accepted(references=tuple(paid_by), notices=tuple(webhook.of_order(order, live=self.live)))

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


def _path(link_id: str) -> str:
    return f"{LINKS}/{segment(link_id)}"
