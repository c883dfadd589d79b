"""The books as the API and the command line show them, and what must always be true of them."""

from tillkeeper import ledger
from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger import TrialBalance, seals
from tillkeeper.reports import time

check_timeout_seconds = 3_600
findings_max = 20
recent_max = 2_000
"""How many of the newest changes and movements a recent look is about."""

PROMISES = {
    "a captured payment was not delivered exactly once": """
        SELECT payment.id::text FROM payment LEFT JOIN entitlement ON entitlement.payment_id = payment.id
        WHERE payment.sale IS NOT NULL AND NOT EXISTS (SELECT FROM undelivered WHERE payment_id = payment.id)
          AND NOT EXISTS (SELECT FROM late_delivery WHERE payment_id = payment.id AND status <> 'delivered')
        GROUP BY payment.id, payment.amount_captured
        HAVING count(entitlement.id) <> CASE WHEN payment.amount_captured > 0 THEN 1 ELSE 0 END""",
    "refunds of a payment do not add up": """
        SELECT payment.id::text FROM payment LEFT JOIN refund ON refund.payment_id = payment.id AND NOT refund.surplus
        GROUP BY payment.id, payment.amount_refunded, payment.amount_refunding
        HAVING payment.amount_refunded <> coalesce(sum(refund.amount) FILTER (WHERE refund.status = 'succeeded'), 0)
            OR payment.amount_refunding <> coalesce(sum(refund.amount) FILTER (WHERE refund.status = 'pending'), 0)""",
    "disputes of a payment do not add up": """
        SELECT payment.id::text FROM payment LEFT JOIN dispute ON dispute.payment_id = payment.id
        GROUP BY payment.id, payment.amount_disputed, payment.amount_lost
        HAVING payment.amount_disputed <> coalesce(sum(dispute.claimed), 0)
            OR payment.amount_lost
                <> coalesce(sum(dispute.claimed) FILTER (WHERE dispute.status IN ('won', 'lost', 'prevented')), 0)""",
    "the books hold another sum for a dispute than its gateway does": """
        SELECT dispute.id::text FROM dispute
        LEFT JOIN journal ON journal.source = 'dispute' AND journal.source_id = dispute.id::text
        LEFT JOIN posting ON posting.journal_id = journal.id
        LEFT JOIN account ON account.code = 'gateway:' || dispute.gateway || ':dispute_receivable:' || dispute.currency
        GROUP BY dispute.id, dispute.booked_withdrawn, dispute.booked_lost
        HAVING dispute.booked_withdrawn - dispute.booked_lost
            <> coalesce(sum(posting.amount) FILTER (WHERE posting.debit_id = account.id), 0)
                - coalesce(sum(posting.amount) FILTER (WHERE posting.credit_id = account.id), 0)""",
    "a dispute has ended, and its money is neither home nor lost": """
        SELECT dispute.id::text FROM dispute
        WHERE status IN ('lost', 'prevented') AND booked_withdrawn <> booked_lost""",
    "a wallet is not the sum of its movements": """
        SELECT wallet.user_id::text FROM wallet LEFT JOIN wallet_entry USING (user_id)
        GROUP BY wallet.user_id, wallet.balance HAVING wallet.balance <> coalesce(sum(wallet_entry.amount), 0)""",
    "a wallet is not the sum of its lots": """
        SELECT wallet.user_id::text FROM wallet LEFT JOIN credit_lot USING (user_id)
        GROUP BY wallet.user_id, wallet.balance, wallet.frozen
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
    "another share of a payment's goods was taken than of its money": """
        SELECT payment.id::text FROM payment JOIN entitlement ON entitlement.payment_id = payment.id
        CROSS JOIN LATERAL (SELECT amount_refunded + amount_refunding + amount_lost AS back) AS gone
        CROSS JOIN LATERAL (
            SELECT CASE WHEN back >= amount_captured THEN granted ELSE granted * back / amount_captured END AS revoked,
                CASE WHEN back + amount_disputed - amount_lost >= amount_captured THEN granted
                     ELSE granted * (back + amount_disputed - amount_lost) / amount_captured END AS gone
        ) AS due
        WHERE (entitlement.revoked <> due.revoked OR entitlement.revoked + entitlement.frozen <> due.gone)
          AND NOT EXISTS (SELECT FROM late_revocation WHERE payment_id = payment.id AND finished_at IS NULL)""",
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
        GROUP BY entitlement.id, entitlement.payment_id, entitlement.granted, entitlement.revoked, entitlement.frozen
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
        WHERE NOT payment.imported
        GROUP BY payment.id, payment.amount_captured
        HAVING payment.amount_captured <> coalesce(sum(posting.amount), 0)""",
    "more went back than was captured": """
        SELECT payment.id::text FROM payment WHERE amount_refunded > amount_captured""",
    "we promised to give back more than was captured": """
        SELECT payment.id::text FROM payment JOIN refund ON refund.payment_id = payment.id
        WHERE refund.origin = 'us' AND NOT refund.surplus AND refund.status <> 'failed'
        GROUP BY payment.id, payment.amount_captured
        HAVING sum(refund.amount) > payment.amount_captured""",
    "a payment was captured more than once and not all of the surplus goes back": """
        SELECT payment.id::text FROM payment
        WHERE (SELECT count(*) FROM payment_change WHERE payment_id = payment.id AND step = 'captured') > 1
           OR (SELECT count(*) FROM payment_change WHERE payment_id = payment.id AND step = 'surplus_captured')
              <> (SELECT count(*) FROM refund WHERE payment_id = payment.id AND surplus)""",
    "a wallet or a debt is below zero": """
        SELECT wallet.user_id::text FROM wallet WHERE balance < 0 OR frozen < 0 OR debt < 0""",
}
"""Each query lists what breaks a promise; all of them are empty, always.

RECENT goes before them, so none begins with WITH, and each groups by all it names: only a table has a primary key.
"""

# Tables of these names that hold only what changed last; the promises need not know.
RECENT = f"""
WITH payment AS (
    SELECT * FROM payment WHERE id IN
        (SELECT payment_id FROM (SELECT payment_id FROM payment_change ORDER BY id DESC LIMIT {recent_max}) AS latest)
), wallet AS (
    SELECT * FROM wallet WHERE user_id IN
        (SELECT user_id FROM (SELECT user_id FROM wallet_entry ORDER BY id DESC LIMIT {recent_max}) AS latest)
), refund AS (
    SELECT refund.* FROM refund JOIN payment ON payment.id = refund.payment_id
), dispute AS (
    SELECT dispute.* FROM dispute JOIN payment ON payment.id = dispute.payment_id
), late_delivery AS (
    SELECT late_delivery.* FROM late_delivery JOIN payment ON payment.id = late_delivery.payment_id
), entitlement AS (
    SELECT entitlement.* FROM entitlement JOIN payment ON payment.id = entitlement.payment_id
), inbox_message AS (
    SELECT * FROM inbox_message WHERE status IN ('received', 'parked')
    UNION ALL (SELECT * FROM inbox_message ORDER BY received_at DESC, id DESC LIMIT {recent_max})
), webhook_delivery AS (
    SELECT * FROM webhook_delivery WHERE status = 'pending'
    UNION ALL (SELECT * FROM webhook_delivery ORDER BY created_at DESC, id DESC LIMIT {recent_max})
), webhook_endpoint AS (
    SELECT id, enabled, created_at, deleted_at, types, cursor, greatest(owed_since, cursor - {recent_max}) AS owed_since
    FROM webhook_endpoint
)
"""


async def check(tx: Transaction) -> list[str]:
    """Say in sentences what is wrong with the books, or nothing."""
    return await add_up(tx) + await seals.verify(tx)


async def add_up(tx: Transaction) -> list[str]:
    """Say where the books do not balance or do not agree with what they are about, whatever their seals say."""
    wrong = await ledger.check(tx)
    for sentence, query in PROMISES.items():
        wrong += await breaches(tx, sentence, query)
    return wrong


async def breaches(tx: Transaction, sentence: str, query: str, *, recent: bool = False) -> list[str]:
    """List what breaks one promise, as a sentence each; of very many the first ones and their number."""
    rows = await tx.fetch_long(f"{RECENT if recent else ''}{counted(query)}", seconds_max=check_timeout_seconds)
    found = [f"{sentence}: {row[0]}" for row in rows]
    more = rows[0]["breaches"] - len(rows) if rows else 0
    return [*found, f"{sentence}: … and {more} more"] if more else found


def counted(query: str) -> str:
    """Write the statement that lists the first breaches and counts them all."""
    return f"SELECT *, count(*) OVER () AS breaches FROM ({query}) AS broken LIMIT {findings_max}"


COLUMNS = ("code", "currency", "class", "debits", "credits", "balance")
"""The columns of a trial balance as a table."""


def show(balance: TrialBalance) -> dict[str, object]:
    """Shape a trial balance."""
    return {
        "object": "trial_balance",
        "as_of": time(balance.as_of),
        "recorded_before": time(balance.recorded_before),
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
