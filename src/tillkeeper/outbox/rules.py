"""What a change means for those who listen."""

from collections.abc import Iterator

from tillkeeper.facts import Change, Goods
from tillkeeper.kernel import ids
from tillkeeper.outbox.values import Event


def events(change: Change, goods: Goods | None) -> Iterator[Event]:
    """List the events that one change owes to the merchant: its own, and that of the goods it moved."""
    payment = ids.text("payment", change.payment)
    if change.event:
        data: dict[str, object] = {
            "payment": payment,
            "status": change.after,
            "amount": change.amount,
            "currency": change.currency,
            "reason": change.reason,
        }
        if change.refund:
            data["refund"] = ids.text("refund", change.refund)
        yield Event(type=change.event, subject=change.refund or change.payment, payment=change.payment, data=data)
    if goods and goods.status:
        moved = {"granted": goods.granted, "revoked": goods.taken + goods.to_debt, "restored": goods.restored}
        yield Event(
            type=f"fulfilment.{goods.status}",
            subject=change.payment,
            payment=change.payment,
            data={"payment": payment, **moved},
        )
