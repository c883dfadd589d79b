"""The books: append-only, double-entry, exact; they balance because an imbalance cannot be written."""

from tillkeeper.ledger.errors import BalanceShortError, JournalConflictError
from tillkeeper.ledger.store import accounts, balances, check, post, roll, statement, trial_balance
from tillkeeper.ledger.values import (
    Account,
    AccountClass,
    Balance,
    Entry,
    Journal,
    Key,
    Posting,
    Total,
    TrialBalance,
)

__all__ = [
    "Account",
    "AccountClass",
    "Balance",
    "BalanceShortError",
    "Entry",
    "Journal",
    "JournalConflictError",
    "Key",
    "Posting",
    "Total",
    "TrialBalance",
    "accounts",
    "balances",
    "check",
    "post",
    "roll",
    "statement",
    "trial_balance",
]
