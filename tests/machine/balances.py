"""What the books must say, worked out anew from everything else; this file knows nothing of the program's code.

Nothing is posted here: each balance follows from where payments, wallets and payouts stand. Debits are positive.
"""

from collections import Counter

from tests.machine.model import Model, Payment, Refund, fee_of

GATEWAY = "played"
Books = Counter[str]


def books(model: Model) -> dict[str, int]:
    """Work out every account that does not stand at zero."""
    found: Books = Counter()
    for payment in model.payments.values():
        _payment(found, payment)
        for refund in payment.refunds.values():
            _refund(found, payment, refund)
        _disputes(found, payment)
        _goods(found, payment)
    _credits(found, model)
    for amount, currency, stage in model.payouts.values():
        _payout(found, amount, currency, stage)
    return {code: amount for code, amount in found.items() if amount}


def _payment(found: Books, payment: Payment) -> None:
    currency = payment.currency
    found[f"gateway:{GATEWAY}:clearing:{currency}"] += payment.captured - payment.fee
    found[f"fees:{GATEWAY}:processing:{currency}"] += payment.fee - payment.fee_tax
    found[f"fees:{GATEWAY}:tax:{currency}"] += payment.fee_tax
    found[f"tax_payable:{currency}"] -= payment.tax - payment.tax_returned - payment.tax_lost
    if not payment.units:
        found[f"revenue:other:{currency}"] -= payment.captured


def _refund(found: Books, payment: Payment, refund: Refund) -> None:
    currency, owed_back = payment.currency, f"refund_payable:{payment.currency}"
    clearing = f"gateway:{GATEWAY}:clearing:{currency}"
    if refund.surplus:
        fee = fee_of(refund.amount)
        found[clearing] += refund.amount - fee
        found[f"fees:{GATEWAY}:processing:{currency}"] += fee
    if refund.surplus or refund.state != "failed":
        found[clearing if refund.state == "succeeded" else owed_back] -= refund.amount
    if not refund.surplus and refund.state != "failed":
        found[f"refunds_of_earned:{currency}"] += refund.net - refund.owed


def _disputes(found: Books, payment: Payment) -> None:
    currency = payment.currency
    for dispute in payment.disputes.values():
        found[f"gateway:{GATEWAY}:clearing:{currency}"] -= dispute.held + dispute.fee
        found[f"gateway:{GATEWAY}:dispute_receivable:{currency}"] += dispute.held - dispute.lost
        found[f"fees:{GATEWAY}:dispute:{currency}"] += dispute.fee
        found[f"chargeback_loss:{currency}"] += dispute.lost
    found[f"chargeback_loss:{currency}"] -= payment.tax_lost


def _goods(found: Books, payment: Payment) -> None:
    """Tell what is still owed in goods, handed over or not; what a bank took of it is no loss."""
    if payment.lot:
        owed, lost = payment.lot.owed, payment.lot.lost
    elif payment.waiting:
        back = sum(each.net for each in payment.refunds.values() if each.state != "failed" and not each.surplus)
        owed = payment.captured - payment.tax - back
        lost = max(0, min(payment.lost - payment.tax_lost, owed))
        owed -= lost
    else:
        return
    found[f"deferred:{payment.currency}"] -= owed
    found[f"chargeback_loss:{payment.currency}"] -= lost


def _credits(found: Books, model: Model) -> None:
    purses = model.purses
    for (account, currency), money in purses.earned.items():
        found[f"{account}:{currency}"] -= money
    for user in {lot.user for lot in purses.lots.values()} | set(purses.debts):
        held, frozen, debt = purses.spendable(user), purses.frozen(user), purses.debts[user]
        found[f"wallet:{user}"] -= held
        found[f"wallet_frozen:{user}"] -= frozen
        found[f"wallet_debt:{user}"] += debt
        found["credits:issuer"] += held + frozen - debt


def _payout(found: Books, amount: int, currency: str, stage: str) -> None:
    where = {
        "created": f"gateway:{GATEWAY}:payout_in_transit:{currency}",
        "paid": f"bank:{currency}",
        "failed": f"gateway:{GATEWAY}:clearing:{currency}",
    }
    found[f"gateway:{GATEWAY}:clearing:{currency}"] -= amount
    found[where[stage]] += amount
