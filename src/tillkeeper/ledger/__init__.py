"""The books: append-only, double-entry, exact; they balance because an imbalance cannot be written."""

from tillkeeper.ledger.errors import BalanceShortError, BooksBusyError, JournalConflictError
from tillkeeper.ledger.statements import latest_cut, statement, trial_balance, writers
from tillkeeper.ledger.store import accounts, balances, check, post, roll
from tillkeeper.ledger.values import (
    Account,
    AccountClass,
    Balance,
    Entry,
    Finding,
    Journal,
    Key,
    Place,
    Posting,
    Seal,
    Statement,
    Total,
    TrialBalance,
)

__all__ = [
    "Account",
    "AccountClass",
    "Balance",
    "BalanceShortError",
    "BooksBusyError",
    "Entry",
    "Finding",
    "Journal",
    "JournalConflictError",
    "Key",
    "Place",
    "Posting",
    "Seal",
    "Statement",
    "Total",
    "TrialBalance",
    "accounts",
    "balances",
    "check",
    "latest_cut",
    "post",
    "roll",
    "statement",
    "trial_balance",
    "writers",
]
