"""What a change means for those who listen."""

from collections.abc import Iterator

from tillkeeper.facts import Change, Goods, Step
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
        if change.dispute:
            data["dispute"] = ids.text("dispute", change.dispute)
        subject = change.refund or change.dispute or change.payment
        yield Event(type=change.event, subject=subject, payment=change.payment, data=data, occasion=change.occasion)
    if goods and goods.status:
        # Goods that a refund takes are told of alike, whether they had come before it or come only now.
        step = LATER.get(change.step, change.step)
        revoked = goods.taken + goods.taken_frozen + goods.to_debt
        moved = {"granted": goods.granted, "revoked": revoked, "restored": goods.restored}
        yield Event(
            type=f"fulfilment.{goods.status}",
            subject=change.payment,
            payment=change.payment,
            data={"payment": payment, **moved},
            occasion=_occasion(change, step),
        )


LATER = {Step.REVOKED: Step.REFUND_REQUESTED, Step.RESTORED: Step.REFUND_FAILED}


def _occasion(change: Change, step: Step) -> str:
    """Tell apart the times when goods of one payment moved: a refund moves them twice at most, a dispute as it goes."""
    if change.dispute:
        again = f":{change.occasion}" if change.occasion else ""  # an end that came once more takes goods once more
        return f"{change.dispute}:{change.lost_total}:{step}{again}"
    return f"{change.refund}:{step}" if change.refund else ""
