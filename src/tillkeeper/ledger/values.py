"""The words of bookkeeping: accounts, postings and journals, and what is read back from the books."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

Key = tuple[str, str, str]
"""What makes a journal the only one of its fact, for ever: source, source_id, kind."""


class AccountClass(StrEnum):
    """Name the kinds of account."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    UNIT = "unit"


DEBIT_NORMAL = frozenset({AccountClass.ASSET, AccountClass.EXPENSE})


@dataclass(frozen=True, slots=True)
class Account:
    """Name an account; a guarded one never goes below zero, a deferred one is summed up later."""

    code: str
    currency: str
    kind: AccountClass
    guarded: bool = False
    deferred: bool = False

    def __post_init__(self) -> None:
        """Refuse a guard that could not hold: only a balance that is up to date can be guarded."""
        assert not self.guarded or not (self.deferred or self.kind in DEBIT_NORMAL), self


@dataclass(frozen=True, slots=True)
class Posting:
    """Move minor units from the credit account to the debit account; both have one currency."""

    debit: Account
    credit: Account
    amount: int

    def __post_init__(self) -> None:
        """Refuse what could not balance."""
        assert type(self.amount) is int, self
        assert self.amount > 0, self
        assert self.debit.currency == self.credit.currency, self
        assert self.debit.code != self.credit.code, self


@dataclass(frozen=True, slots=True)
class Journal:
    """Hold one business fact and its postings."""

    source: str
    source_id: str
    kind: str
    postings: tuple[Posting, ...]
    effective_at: datetime
    correlation_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse a fact that moves nothing, or that happened at no certain moment."""
        assert self.postings, self
        assert self.effective_at.tzinfo, self

    @property
    def key(self) -> Key:
        """Name the fact."""
        return (self.source, self.source_id, self.kind)

    @property
    def payload_sha(self) -> bytes:
        """Digest what the postings say, whatever their order; `store` repeats this in SQL to find tampering."""
        lines = [f"{each.debit.code} {each.credit.code} {each.debit.currency} {each.amount}" for each in self.postings]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).digest()


@dataclass(frozen=True, slots=True)
class Balance:
    """Hold what one account, or a group of accounts, has turned over, in minor units."""

    code: str
    currency: str
    kind: AccountClass
    debits: int
    credits: int
    held: int = 0

    @property
    def amount(self) -> int:
        """Tell the balance, positive on the side where this kind of account grows."""
        net = self.debits - self.credits
        return net if self.kind in DEBIT_NORMAL else -net

    @property
    def available(self) -> int:
        """Tell what can still be spent."""
        return self.amount - self.held


@dataclass(frozen=True, slots=True)
class Total:
    """Hold the turnover of all accounts of one currency; the two sides are equal in sound books."""

    currency: str
    debits: int
    credits: int

    @property
    def difference(self) -> int:
        """Tell by how much the debits exceed the credits."""
        return self.debits - self.credits


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Hold every account's turnover; users' accounts are summed as `wallet:*`.

    It holds what had happened by `as_of` and was in the books before `recorded_before` (None: everything).
    """

    as_of: datetime | None
    accounts: tuple[Balance, ...]
    totals: Mapping[str, Total]
    recorded_before: datetime | None = None

    @property
    def balanced(self) -> bool:
        """Tell whether debits equal credits in every currency."""
        return not any(total.difference for total in self.totals.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one line of an account's statement; `balance` is what the account stood at after it."""

    id: int
    journal: UUID
    source: str
    source_id: str
    kind: str
    effective_at: datetime
    recorded_at: datetime
    other: str
    debit: int
    credit: int
    balance: int


@dataclass(frozen=True, slots=True)
class Place:
    """Name a place between two lines of a statement: what comes below it is older, `balance` is what it stood at."""

    effective_at: datetime
    id: int
    balance: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Hold a part of an account's lines, the latest fact first, and the place below the last of them."""

    code: str
    currency: str
    kind: AccountClass
    entries: tuple[Entry, ...]
    below: Place


@dataclass(frozen=True, slots=True)
class Seal:
    """Name a block of the chain; whoever keeps number and hash elsewhere can prove that nothing before it changed."""

    number: int
    hash: bytes
    journals: int
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold what was found about one thing that must always be true; `sample` says in sentences what breaks it."""

    name: str
    violations: int
    sample: tuple[str, ...]
    scope: str = "full"
    checked_at: datetime | None = None
    broken_since: datetime | None = None
