"""What gateways pay out to the bank, and the lines by which they account for it."""

from collections.abc import Sequence

from tillkeeper.facts import Notice
from tillkeeper.kernel.db import Transaction
from tillkeeper.settlement import rules, store
from tillkeeper.settlement.values import Payout, PayoutDecision

__all__ = ["Payout", "PayoutDecision", "record"]


async def record(tx: Transaction, notices: Sequence[Notice]) -> list[PayoutDecision]:
    """Take in what gateways say of payouts, each stage once."""
    if not notices:
        return []
    known = await store.lock(tx, sorted({rules.name(notice) for notice in notices}))
    decisions = rules.decide(known, notices)
    after = {decision.payout.id: decision.payout for decision in decisions if decision.payout}
    if after:
        await store.save(tx, [after[id_] for id_ in sorted(after)])
    return decisions
