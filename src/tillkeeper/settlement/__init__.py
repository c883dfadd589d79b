"""What gateways pay out to the bank, and the lines by which they account for it."""

from collections.abc import Sequence

from tillkeeper.facts import Notice
from tillkeeper.kernel.db import Transaction
from tillkeeper.settlement import rules, store
from tillkeeper.settlement.bank import read as read_bank
from tillkeeper.settlement.store import (
    arriving,
    days_of,
    early_days_max,
    late_days_max,
    name_lines,
    take_in_bank,
    trace,
)
from tillkeeper.settlement.values import BankLine, Payout, PayoutDecision, PayoutStatus

__all__ = [
    "BankLine",
    "Payout",
    "PayoutDecision",
    "PayoutStatus",
    "arriving",
    "days_of",
    "early_days_max",
    "late_days_max",
    "name_lines",
    "read_bank",
    "record",
    "take_in_bank",
    "trace",
]


async def record(tx: Transaction, notices: Sequence[Notice]) -> list[PayoutDecision]:
    """Take in what gateways say of payouts, each stage once."""
    if not notices:
        return []
    told = rules.first_told(notices)
    new = await store.insert(tx, told) if told else set()
    locked = await store.lock(tx, sorted({rules.name(notice) for notice in notices}))
    known = {id_: payout for id_, payout in locked.items() if id_ not in new}
    decisions = rules.decide(known, notices)
    after = {decision.payout.id: decision.payout for decision in decisions if decision.payout}
    if after:
        await store.save(tx, [after[id_] for id_ in sorted(after)])
    return decisions
