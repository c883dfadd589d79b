"""Once a week, replace the fees that were expected by those that gateways really kept, as their lines say."""

from datetime import timedelta

from tillkeeper.facts import Notice, NoticeKind, Verdict
from tillkeeper.flows.settle import apply
from tillkeeper.kernel import logs
from tillkeeper.reports import expected_fees
from tillkeeper.till import Till

fees_batch_max = 500


async def correct_fees(till: Till) -> int:
    """Correct the expected fees of the weeks that are over, by the gateway's own lines; return how many.

    A week ends with Sunday, UTC. What was corrected is not expected any more, so no two schedulers correct it twice.
    """
    today = till.now().replace(hour=0, minute=0, second=0, microsecond=0)
    week, corrected = today - timedelta(days=today.weekday()), 0
    async with till.db.transaction() as tx:
        found = await expected_fees.find(tx, before=week, limit=fees_batch_max)
        notices = [
            Notice(
                kind=NoticeKind.PAYMENT_FEE,
                gateway=each.gateway,
                references=(each.reference,),
                payment=each.payment,
                amount=each.fee + each.tax,
                tax=each.tax,
                currency=each.currency,
                live=till.settings.live,
            )
            for each in found
            if each.gateway in till.gateways
        ]
        if notices:
            decisions = await apply(tx, till, notices, ["fee reconciliation"] * len(notices))
            corrected = sum(decision.verdict is Verdict.APPLIED for decision in decisions)
            logs.reconciliation.info("fees_corrected", payments=corrected)
    return corrected
