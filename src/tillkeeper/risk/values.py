"""What is known of somebody who wants to pay, and what is made of it, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Fact(StrEnum):
    """Name what a rule can look at; what is counted includes the payment that is being judged."""

    AMOUNT = "amount"
    CURRENCY = "currency"
    ACCOUNT_AGE_HOURS = "account_age_hours"
    ATTEMPTS_BY_USER_HOUR = "attempts_by_user_hour"
    ATTEMPTS_BY_ADDRESS_HOUR = "attempts_by_address_hour"
    ATTEMPTS_BY_FINGERPRINT_HOUR = "attempts_by_fingerprint_hour"
    FAILURES_BY_USER_DAY = "failures_by_user_day"
    FAILURES_BY_ADDRESS_HOUR = "failures_by_address_hour"
    FAILURES_BY_FINGERPRINT_HOUR = "failures_by_fingerprint_hour"
    USERS_BY_ADDRESS_DAY = "users_by_address_day"


class Operator(StrEnum):
    """Name how a rule compares; `one_of` takes a list, the others one value."""

    MORE_THAN = "more_than"
    LESS_THAN = "less_than"
    EQUALS = "equals"
    ONE_OF = "one_of"


class Decision(StrEnum):
    """Name what is done with a payment: taken, held until a person has looked, or turned away."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


class Trait(StrEnum):
    """Name by what somebody is recognised."""

    USER = "user"
    ADDRESS = "address"
    FINGERPRINT = "fingerprint"


class Side(StrEnum):
    """Name the two lists: who is on the one is never held up, who is on the other never pays."""

    ALLOW = "allow"
    BLOCK = "block"


Value = int | str | tuple[str, ...]
Facts = Mapping[Fact, int | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Hold one rule: when the fact compares so with the value, the score grows; `currency` limits it to one."""

    id: str
    fact: Fact
    operator: Operator
    value: Value
    score: int
    reason: str
    currency: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Hold what the merchant tells of a buyer: network address, fingerprint of the device, age of the account."""

    address: str | None = None
    fingerprint: str | None = None
    account_created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold a payment that is to be judged; `keys` recognise the buyer again without saying who it is."""

    amount: int
    currency: str
    user: UUID | None
    keys: Mapping[Trait, bytes] = field(default_factory=dict)
    account_created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Hold from which score on a payment is held, and from which it is turned away."""

    review: int
    block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Hold what was made of a payment, why, and from which facts."""

    score: int
    decision: Decision
    reasons: tuple[str, ...] = ()
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Hold somebody who is on a list; `shown` is what people see of them."""

    id: UUID
    side: Side
    trait: Trait
    key: bytes
    shown: str
    note: str
    added_by: str
    at: datetime
    expires_at: datetime | None = None
