"""What accounts stood at and what moved them, by the time of the facts, as the books knew them at a moment."""

from tillkeeper.ledger.statements.store import latest_cut, statement, trial_balance, writers

__all__ = ["latest_cut", "statement", "trial_balance", "writers"]
