"""How evidence is written from our own records, as pure functions: values in, words out."""

from datetime import UTC, datetime, timedelta

from tillkeeper.gateway import Evidence
from tillkeeper.kernel import ids, money
from tillkeeper.responses.values import Delivery, Words

at_once_seconds = 60


def assemble(known: Delivery, words: Words) -> Evidence:
    """Say what was sold, handed over and used; what the merchant says counts before what the records say."""
    return Evidence(
        statement=words.statement,
        product=words.product or _product(known),
        delivery=_delivery(known),
        usage=_usage(known),
        receipt=_receipt(known),
        refunds=words.refunds or _refunds(known),
        refund_policy=words.refund_policy or _policy(known),
        customer_name=words.customer_name or known.customer_name or known.user,
        customer_email=words.customer_email or known.customer_email,
        customer_ip=words.customer_ip,
        delivered_on=f"{known.delivered_at.astimezone(UTC):%Y-%m-%d}" if known.delivered_at else None,
    )


def _product(known: Delivery) -> str:
    goods = {"credits": "credits for use at once", "pack": "a pack of digital cards"}.get(known.kind or "")
    return f"{known.title}: {goods}, delivered online." if goods else known.title


def _receipt(known: Delivery) -> str:
    paid = f", paid on {_at(known.captured_at)}" if known.captured_at else ""
    called = f", {known.reference} at the payment gateway" if known.reference else ""
    order = ids.text("payment", known.payment)
    return f"{known.title} for {money.show(known.amount, known.currency)}{paid}. Order {order}{called}."


def _delivery(known: Delivery) -> str | None:
    if not known.granted or not known.delivered_at:
        return None
    what = f"{known.granted} {'cards' if known.kind == 'pack' else known.kind or 'units'}"
    whom = f' to the account "{known.user}"' if known.user else ""
    how = "automatically and at once after the payment" if _at_once(known) else "automatically after the payment"
    lines = [f"{_at(known.delivered_at)}: {what} delivered{whom}, {how}."]
    if known.revoked:
        lines.append(f"{known.revoked} of them were taken back since.")
    return "\n".join(lines)


def _usage(known: Delivery) -> str | None:
    lines = [f"{_at(spent.at)}: {spent.credits} credits spent{_on(spent.reason)}" for spent in known.spent]
    if lines:
        lines.insert(0, f"The account has spent {known.spent_total} credits since; the latest purchases with them:")
    if known.balance is not None and known.kind == "credits":
        lines.append(f"{known.balance} credits are left in the account.")
    lines += [f'Card "{card.title}", serial {card.serial}: {card.status.replace("_", " ")}' for card in known.cards]
    return "\n".join(lines) or None


def _at_once(known: Delivery) -> bool:
    if not known.captured_at or not known.delivered_at:
        return False
    return known.delivered_at - known.captured_at < timedelta(seconds=at_once_seconds)


def _on(reason: str | None) -> str:
    return f" ({reason})" if reason else ""


def _refunds(known: Delivery) -> str:
    lines = [f"{_at(back.at)}: {money.show(back.amount, known.currency)} {back.status}" for back in known.refunds]
    return "\n".join(["Refunds of this payment:", *lines]) if lines else "Nothing of this payment was refunded."


def _policy(known: Delivery) -> str | None:
    if known.window_hours is None:
        return None
    return f"Money goes back within {known.window_hours} hours of the payment for goods that were not used."


def _at(moment: datetime | None) -> str:
    assert moment, "asked only for what has a time"
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
