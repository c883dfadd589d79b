"""The chart of accounts: one function per account.

What belongs to the house is deferred, because every payment touches it; what belongs to one user is kept up to date.
Codes hold a user's surrogate id and nothing else about a person: rows of the books are never erased.
What every payment touches is made once and kept.
"""

from functools import cache
from uuid import UUID

from tillkeeper.facts import CREDITS
from tillkeeper.ledger.values import Account, AccountClass


@cache
def clearing(gateway: str, currency: str) -> Account:
    """Hold money that a gateway has taken and not yet paid out."""
    return Account(f"gateway:{gateway}:clearing:{currency}", currency, AccountClass.ASSET, deferred=True)


@cache
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


def breakage(currency: str) -> Account:
    """Count money earned because credits ended unspent: they expired, or somebody took them away."""
    return Account(f"breakage:{currency}", currency, AccountClass.INCOME, deferred=True)


@cache
def tax_payable(currency: str) -> Account:
    """Hold taxes that were part of a price until they are paid to the tax office."""
    return Account(f"tax_payable:{currency}", currency, AccountClass.LIABILITY, deferred=True)


def opening(currency: str) -> Account:
    """Stand against what was taken over from an earlier system, as capital does in the books of a company."""
    return Account(f"opening:{currency}", currency, AccountClass.LIABILITY, deferred=True)


@cache
def fees_processing(gateway: str, currency: str) -> Account:
    """Count what a gateway keeps for taking payments."""
    return Account(f"fees:{gateway}:processing:{currency}", currency, AccountClass.EXPENSE, deferred=True)


def fees_dispute(gateway: str, currency: str) -> Account:
    """Count what a gateway charges for disputes."""
    return Account(f"fees:{gateway}:dispute:{currency}", currency, AccountClass.EXPENSE, deferred=True)


def dispute_receivable(gateway: str, currency: str) -> Account:
    """Hold money that a gateway keeps back for disputes that nobody has decided yet."""
    return Account(f"gateway:{gateway}:dispute_receivable:{currency}", currency, AccountClass.ASSET, deferred=True)


def chargeback_loss(currency: str) -> Account:
    """Count money that banks took for goods that were used: what no deferred revenue paid for."""
    return Account(f"chargeback_loss:{currency}", currency, AccountClass.EXPENSE, deferred=True)


def suspense(gateway: str, currency: str) -> Account:
    """Hold movements at a gateway that nobody has explained yet."""
    return Account(f"suspense:{gateway}:{currency}", currency, AccountClass.LIABILITY, deferred=True)


def rounding(currency: str) -> Account:
    """Count differences of a minor unit that were tolerated."""
    return Account(f"rounding:{currency}", currency, AccountClass.INCOME, deferred=True)


def wallet(user: UUID) -> Account:
    """Hold credits that a user can spend."""
    return Account(f"wallet:{user}", CREDITS, AccountClass.UNIT, guarded=True)


def wallet_frozen(user: UUID) -> Account:
    """Hold credits that a user cannot spend, because a bank claims their money."""
    return Account(f"wallet_frozen:{user}", CREDITS, AccountClass.UNIT, guarded=True)


def wallet_debt(user: UUID) -> Account:
    """Hold credits that a user spent and whose money went back: a debit balance."""
    return Account(f"wallet_debt:{user}", CREDITS, AccountClass.UNIT)


@cache
def credits_issuer() -> Account:
    """Give out credits and take them back; its debit balance is what is in circulation."""
    return Account("credits:issuer", CREDITS, AccountClass.UNIT, deferred=True)


def revenue_packs(currency: str) -> Account:
    """Count money earned because card packs were delivered."""
    return Account(f"revenue:packs:{currency}", currency, AccountClass.INCOME, deferred=True)


def earned_with(unit: str, currency: str) -> Account:
    """Find where money is earned when goods of a unit are used up or handed over."""
    return revenue_credits(currency) if unit == CREDITS else revenue_packs(currency)


def held(unit: str, user: UUID) -> Account:
    """Find what a user holds of a unit."""
    return wallet(user) if unit == CREDITS else Account(f"holder:{user}:{unit}", unit, AccountClass.UNIT)


def issuer(unit: str) -> Account:
    """Find who gives out a unit."""
    return credits_issuer() if unit == CREDITS else Account(f"issuer:{unit}", unit, AccountClass.UNIT, deferred=True)


def reserve(gateway: str, currency: str) -> Account:
    """Hold money that a gateway keeps back for what may still come."""
    return Account(f"gateway:{gateway}:reserve:{currency}", currency, AccountClass.ASSET, deferred=True)


def payout_in_transit(gateway: str, currency: str) -> Account:
    """Hold money that has left a gateway and has not reached the bank."""
    return Account(f"gateway:{gateway}:payout_in_transit:{currency}", currency, AccountClass.ASSET, deferred=True)


def bank(currency: str) -> Account:
    """Hold money that gateways have paid out to the bank."""
    return Account(f"bank:{currency}", currency, AccountClass.ASSET, deferred=True)


def fees_tax(gateway: str, currency: str) -> Account:
    """Count the tax on what a gateway keeps."""
    return Account(f"fees:{gateway}:tax:{currency}", currency, AccountClass.EXPENSE, deferred=True)


def fees_payout(gateway: str, currency: str) -> Account:
    """Count what a gateway keeps for paying out."""
    return Account(f"fees:{gateway}:payout:{currency}", currency, AccountClass.EXPENSE, deferred=True)


def fx_trade(currency: str) -> Account:
    """Hold what was given for another currency, or received for it."""
    return Account(f"fx:trade:{currency}", currency, AccountClass.INCOME, deferred=True)


def fx_gain_loss(currency: str) -> Account:
    """Count what exchanging brought or cost beyond its rate."""
    return Account(f"fx_gain_loss:{currency}", currency, AccountClass.INCOME, deferred=True)
