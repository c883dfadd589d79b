"""Judge how doubtful a payment is, before any gateway hears of it."""

from uuid import UUID

from tillkeeper import risk
from tillkeeper.kernel import db, logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.risk import NOT_SCORED, Assessment, Case, Context, Limits
from tillkeeper.till import Till


async def assess(
    tx: Transaction, till: Till, context: Context, *, user: UUID | None, amount: int, currency: str
) -> tuple[Case, Assessment]:
    """Score a payment by the rules and lists in force; when that fails, a person looks at it.

    Raises InvalidFieldError for an address that is none, and what PostgreSQL says when it is the reason.
    """
    secret = till.settings.secret_key
    case = Case(
        amount=amount,
        currency=currency,
        user=user,
        keys=risk.keys(secret, user=user, address=context.address, fingerprint=context.fingerprint),
        account_created_at=context.account_created_at,
    )
    try:
        async with tx.savepoint():
            assessment = await risk.assess(tx, case, limits_of(till), till.now())
    except Exception as error:
        if db.is_outage(error) and not db.took_too_long(error):  # nothing is begun; whoever asks again is scored
            raise
        logs.fraud.exception("not_scored")
        return case, NOT_SCORED
    if assessment.score:
        logs.fraud.info("scored", score=assessment.score, decision=assessment.decision, reasons=assessment.reasons)
    return case, assessment


def limits_of(till: Till) -> Limits:
    """Tell from which scores on payments are held and turned away here."""
    return Limits(review=till.settings.risk_review_score, block=till.settings.risk_block_score)
