"""The chart of accounts: one function per account.

What belongs to the house is deferred, because every payment touches it; what belongs to one user is kept up to date.
Codes hold a user's surrogate id and nothing else about a person: rows of the books are never erased.
"""

from uuid import UUID

from tillkeeper.ledger.values import Account, AccountClass

CREDITS = "CRD"


def clearing(gateway: str, currency: str) -> Account:
    """Hold money that a gateway has taken and not yet paid out."""
    return Account(f"gateway:{gateway}:clearing:{currency}", currency, AccountClass.ASSET, deferred=True)


def deferred_revenue(currency: str) -> Account:
    """Hold money received for credits that nobody has spent yet."""
    return Account(f"deferred:{currency}", currency, AccountClass.LIABILITY, deferred=True)


def refund_payable(currency: str) -> Account:
    """Hold money promised back and not yet sent."""
    return Account(f"refund_payable:{currency}", currency, AccountClass.LIABILITY, deferred=True)


def revenue_credits(currency: str) -> Account:
    """Count money earned because credits were spent."""
    return Account(f"revenue:credits:{currency}", currency, AccountClass.INCOME, deferred=True)


def revenue_other(currency: str) -> Account:
    """Count money earned at capture, from payments of a free amount."""
    return Account(f"revenue:other:{currency}", currency, AccountClass.INCOME, deferred=True)


def refunds_of_earned(currency: str) -> Account:
    """Count money given back although it was earned: it stands against income."""
    return Account(f"refunds_of_earned:{currency}", currency, AccountClass.INCOME, deferred=True)


def fees_processing(gateway: str, currency: str) -> Account:
    """Count what a gateway keeps for taking payments."""
    return Account(f"fees:{gateway}:processing:{currency}", currency, AccountClass.EXPENSE, deferred=True)


def suspense(gateway: str, currency: str) -> Account:
    """Hold movements at a gateway that nobody has explained yet."""
    return Account(f"suspense:{gateway}:{currency}", currency, AccountClass.LIABILITY, deferred=True)


def rounding(currency: str) -> Account:
    """Count differences of a minor unit that were tolerated."""
    return Account(f"rounding:{currency}", currency, AccountClass.INCOME, deferred=True)


def wallet(user: UUID) -> Account:
    """Hold credits that a user can spend."""
    return Account(f"wallet:{user}", CREDITS, AccountClass.UNIT, guarded=True)


def wallet_debt(user: UUID) -> Account:
    """Hold credits that a user spent and whose money went back: a debit balance."""
    return Account(f"wallet_debt:{user}", CREDITS, AccountClass.UNIT)


def credits_issuer() -> Account:
    """Give out credits and take them back; its debit balance is what is in circulation."""
    return Account("credits:issuer", CREDITS, AccountClass.UNIT, deferred=True)
