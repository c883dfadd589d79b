"""How much of a refund is tax, so that all refunds together give back exactly what was taken."""

from bisect import bisect_right

from tillkeeper.payments.values import Payment


def tax_part(payment: Payment, amount: int) -> int:
    """Tell how much of the next refund is tax: by cumulative difference to what did go back.

    Refunds that failed in between may have left more or less than their share. The next one makes up for it as far as
    its amount allows, and the last one gives back the remainder of the tax and of the rest.
    """
    back = payment.refunded + payment.refunding + amount
    due = payment.tax * min(back, payment.captured) // payment.captured - payment.tax_refunded
    return max(0, min(due, amount))


def gross_of(payment: Payment, net: int) -> int:
    """Tell how much can be refunded so that it is at most so much without its tax."""
    return bisect_right(range(payment.left + 1), net, key=lambda amount: amount - tax_part(payment, amount)) - 1
