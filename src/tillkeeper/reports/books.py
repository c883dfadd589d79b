"""The books as the API and the command line show them, and what must always be true of them."""

from tillkeeper import ledger
from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger import TrialBalance
from tillkeeper.reports import time

check_timeout_seconds = 3_600

PROMISES = {
    "a captured payment was not delivered exactly once": """
        SELECT payment.id::text FROM payment LEFT JOIN entitlement ON entitlement.payment_id = payment.id
        WHERE payment.sale IS NOT NULL AND NOT EXISTS (SELECT FROM undelivered WHERE payment_id = payment.id)
          AND NOT EXISTS (SELECT FROM late_delivery WHERE payment_id = payment.id AND status <> 'delivered')
        GROUP BY payment.id
        HAVING count(entitlement.id) <> CASE WHEN payment.amount_captured > 0 THEN 1 ELSE 0 END""",
    "refunds of a payment do not add up": """
        SELECT payment.id::text FROM payment LEFT JOIN refund ON refund.payment_id = payment.id AND NOT refund.surplus
        GROUP BY payment.id
        HAVING payment.amount_refunded <> coalesce(sum(refund.amount) FILTER (WHERE refund.status = 'succeeded'), 0)
            OR payment.amount_refunding <> coalesce(sum(refund.amount) FILTER (WHERE refund.status = 'pending'), 0)""",
    "disputes of a payment do not add up": """
        SELECT payment.id::text FROM payment LEFT JOIN dispute ON dispute.payment_id = payment.id
        GROUP BY payment.id
        HAVING payment.amount_disputed <> coalesce(sum(dispute.claimed), 0)
            OR payment.amount_lost
                <> coalesce(sum(dispute.claimed) FILTER (WHERE dispute.status IN ('won', 'lost', 'prevented')), 0)""",
    "the books hold another sum for a dispute than its gateway does": """
        SELECT dispute.id::text FROM dispute
        LEFT JOIN journal ON journal.source = 'dispute' AND journal.source_id = dispute.id::text
        LEFT JOIN posting ON posting.journal_id = journal.id
        LEFT JOIN account ON account.code = 'gateway:' || dispute.gateway || ':dispute_receivable:' || dispute.currency
        GROUP BY dispute.id
        HAVING dispute.booked_withdrawn - dispute.booked_lost
            <> coalesce(sum(posting.amount) FILTER (WHERE posting.debit_id = account.id), 0)
                - coalesce(sum(posting.amount) FILTER (WHERE posting.credit_id = account.id), 0)""",
    "a dispute has ended, and its money is neither home nor lost": """
        SELECT dispute.id::text FROM dispute
        WHERE status IN ('lost', 'prevented') AND booked_withdrawn <> booked_lost""",
    "a wallet is not the sum of its movements": """
        SELECT wallet.user_id::text FROM wallet LEFT JOIN wallet_entry USING (user_id)
        GROUP BY wallet.user_id HAVING wallet.balance <> coalesce(sum(wallet_entry.amount), 0)""",
    "a wallet is not the sum of its lots": """
        SELECT wallet.user_id::text FROM wallet LEFT JOIN credit_lot USING (user_id)
        GROUP BY wallet.user_id
        HAVING wallet.balance <> coalesce(sum(credit_lot.remaining), 0)
            OR wallet.frozen <> coalesce(sum(credit_lot.frozen), 0)""",
    "a wallet differs from its accounts in the books": """
        SELECT wallet.user_id::text FROM wallet
        CROSS JOIN LATERAL (VALUES ('wallet:', balance), ('wallet_frozen:', frozen), ('wallet_debt:', -debt))
            AS held (code, units)
        LEFT JOIN account ON account.code = held.code || wallet.user_id
        LEFT JOIN balance AS booked ON booked.account_id = account.id
        WHERE held.units <> coalesce(booked.credits - booked.debits, 0)""",
    "more of a payment's credits are frozen than a bank claims": """
        SELECT payment_id::text FROM credit_lot JOIN entitlement USING (payment_id)
        WHERE credit_lot.frozen > entitlement.frozen""",
    "what could not be delivered was not refunded": """
        SELECT payment.id::text FROM payment JOIN undelivered ON undelivered.payment_id = payment.id
        WHERE payment.amount_refunded + payment.amount_refunding + payment.amount_disputed < payment.amount_captured""",
    "goods that are still owed, or not owed any more, were delivered": """
        SELECT late_delivery.payment_id::text FROM late_delivery JOIN entitlement USING (payment_id)
        WHERE late_delivery.status <> 'delivered'""",
    "goods are waited for although all of their money went back, or not although it did not": """
        SELECT payment.id::text FROM payment JOIN late_delivery ON late_delivery.payment_id = payment.id
        WHERE (amount_refunded + amount_refunding + amount_lost >= amount_captured)
            <> (late_delivery.status = 'canceled')
          AND late_delivery.status IN ('pending', 'held', 'canceled')""",
    "goods are kept from their buyer although no bank claims their money, or waited for although one does": """
        SELECT payment.id::text FROM payment JOIN late_delivery ON late_delivery.payment_id = payment.id
        WHERE (amount_disputed > amount_lost) <> (late_delivery.status = 'held')
          AND late_delivery.status IN ('pending', 'held')""",
    "a payment's cards are not those it was granted": """
        SELECT entitlement.payment_id::text FROM entitlement LEFT JOIN card USING (payment_id)
        WHERE entitlement.kind = 'pack'
        GROUP BY entitlement.id
        HAVING count(card.id) <> entitlement.granted
            OR count(card.id) FILTER (WHERE card.status LIKE 'revoked%') <> entitlement.revoked
            OR count(card.id) FILTER (WHERE card.status = 'suspended') <> entitlement.frozen""",
    "a second capture is not owed back in the books": """
        SELECT refund.id::text FROM refund
        LEFT JOIN journal ON (source, source_id, kind) = ('refund', refund.id::text, 'surplus')
        WHERE refund.surplus AND journal.id IS NULL""",
    "captured money is not in the books": """
        SELECT payment.id::text FROM payment
        LEFT JOIN journal ON (source, source_id, kind) = ('payment', payment.id::text, 'capture')
        LEFT JOIN posting ON posting.journal_id = journal.id
        GROUP BY payment.id HAVING payment.amount_captured <> coalesce(sum(posting.amount), 0)""",
}
"""Each query lists what breaks a promise; all of them are empty, always."""


async def check(tx: Transaction) -> list[str]:
    """Say in sentences what is wrong with the books, or nothing."""
    wrong = await ledger.check(tx)
    for sentence, query in PROMISES.items():
        rows = await tx.fetch_long(query, seconds_max=check_timeout_seconds)
        wrong.extend(f"{sentence}: {row[0]}" for row in rows)
    return wrong


def show(balance: TrialBalance) -> dict[str, object]:
    """Shape a trial balance."""
    return {
        "object": "trial_balance",
        "as_of": time(balance.as_of),
        "balanced": balance.balanced,
        "totals": [
            {
                "currency": total.currency,
                "debits": total.debits,
                "credits": total.credits,
                "difference": total.difference,
            }
            for total in balance.totals.values()
        ],
        "accounts": [
            {
                "code": row.code,
                "currency": row.currency,
                "class": row.kind,
                "debits": row.debits,
                "credits": row.credits,
                "balance": row.amount,
            }
            for row in balance.accounts
        ],
    }
