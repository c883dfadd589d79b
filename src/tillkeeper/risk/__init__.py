"""Risk: how doubtful a payment is, and whether it is taken, held for a person to look at, or turned away."""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.risk import rules, store
from tillkeeper.risk.rules import NOT_SCORED, unholdable
from tillkeeper.risk.values import (
    Assessment,
    Case,
    Context,
    Decision,
    Entry,
    Fact,
    Facts,
    Limits,
    Operator,
    Rule,
    Side,
    Trait,
)

__all__ = [
    "NOT_SCORED",
    "Assessment",
    "Case",
    "Context",
    "Decision",
    "Entry",
    "Fact",
    "Limits",
    "Operator",
    "Rule",
    "Side",
    "Trait",
    "alike",
    "applies",
    "assess",
    "check",
    "count_failures",
    "entry_of",
    "erase",
    "judge",
    "keys",
    "keys_of",
    "known",
    "lock_rules",
    "network",
    "of_buyers",
    "overrule",
    "put",
    "reassess",
    "record",
    "remove",
    "rules_in_force",
    "set_rules",
    "unholdable",
]

hour_seconds = 3600
network = rules.network
check = rules.check
applies = rules.applies
known = rules.known


def keys(secret: str, *, user: UUID | None, address: str | None, fingerprint: str | None) -> dict[Trait, bytes]:
    """Make what a buyer is recognised by: nobody can tell from it who they are. Raises InvalidFieldError."""
    known = {
        Trait.USER: str(user) if user else None,
        Trait.ADDRESS: network(address) if address else None,
        Trait.FINGERPRINT: fingerprint,
    }
    return {
        trait: hmac.digest(secret.encode(), f"risk {trait} {text}".encode(), hashlib.sha256)
        for trait, text in known.items()
        if text
    }


async def assess(tx: Transaction, case: Case, limits: Limits, now: datetime) -> Assessment:
    """Judge a payment by the rules and lists that are in force."""
    await store.serialise(tx, case.keys.values())
    facts = _facts(case, dict(await store.velocity(tx, case, now)), now)
    scored = rules.assess(await store.rules(tx), facts, limits)
    return rules.listed(await store.sides(tx, list(case.keys.values()), now), scored)


def judge(rules_: Iterable[Rule], facts: Facts, limits: Limits) -> Assessment:
    """Judge facts that were known before, by rules that may not be in force."""
    return rules.assess(rules_, facts, limits)


async def record(tx: Transaction, payment: UUID, case: Case, assessment: Assessment, at: datetime) -> None:
    """Keep what was made of a payment, and count it from now on."""
    await store.record(tx, payment, case, assessment, at)


async def reassess(
    tx: Transaction, payments: Collection[UUID], limits: Limits, now: datetime
) -> dict[UUID, Assessment]:
    """Judge those payments again whose buyer is on a list or has failed to pay, by the rules and lists in force now."""
    known_since = await store.since(tx, sorted(payments), now)
    found = [row for row in known_since if row["sides"] or any(row[fact] for fact in FAILURES)]
    in_force = await store.rules(tx) if found else []
    judged: dict[UUID, Assessment] = {}
    for row in found:
        facts = rules.known(row["facts"]) | {fact: row[fact] for fact in FAILURES if row[fact] is not None}
        judged[row["payment_id"]] = rules.listed(map(Side, row["sides"]), rules.assess(in_force, facts, limits))
    return judged


async def overrule(tx: Transaction, assessments: Mapping[UUID, Assessment]) -> None:
    """Put what is made of payments now in the place of what was made of them when they were opened."""
    if assessments:
        await store.overrule(tx, assessments)


async def alike(tx: Transaction, payments: Collection[UUID], now: datetime) -> set[UUID]:
    """List what the buyers of these payments have begun lately, whoever they claim to be."""
    keys = await store.keys_of_all(tx, sorted(payments))
    return set(await store.of_buyers(tx, keys, now - timedelta(days=store.open_days_max)))


async def of_buyers(tx: Transaction, keys: Iterable[bytes], now: datetime) -> set[UUID]:
    """List what was begun lately by whoever is recognised by one of these keys."""
    return set(await store.of_buyers(tx, sorted(keys), now - timedelta(days=store.open_days_max)))


async def count_failures(tx: Transaction, failed: Sequence[tuple[UUID, datetime]]) -> None:
    """Count failed tries to pay, each with when it happened."""
    if failed:
        await store.count_failures(tx, failed)


async def rules_in_force(tx: Transaction) -> list[Rule]:
    """Read all rules, also those that are switched off."""
    return await store.rules(tx)


async def lock_rules(tx: Transaction) -> list[Rule]:
    """Read all rules, which nobody else changes until this transaction ends."""
    await store.lock_rules(tx)
    return await store.rules(tx)


async def set_rules(tx: Transaction, rules_: Sequence[Rule]) -> None:
    """Put these rules in force in the place of all others; raises InvalidFieldError."""
    rules.check(rules_)
    await store.replace_rules(tx, rules_)


async def put(tx: Transaction, entries: Sequence[Entry]) -> list[UUID]:
    """Write traits of somebody on a list, or change what is said of them there; return the entries' ids.

    Whoever is being judged by one of them meanwhile is judged before or after this, and not beside it.
    """
    await store.serialise(tx, [entry.key for entry in entries])
    return [await store.put(tx, entry) for entry in entries]


async def entry_of(tx: Transaction, key: bytes, side: Side) -> Entry | None:
    """Read what is said of somebody on a list, if they are there."""
    return await store.entry_of(tx, key, side)


async def remove(tx: Transaction, entry: UUID) -> Entry:
    """Take somebody off a list, and return what was said of them there; raises NotFoundError."""
    gone = await store.remove(tx, entry)
    if gone is None:
        message = "No entry of a list has this id."
        raise NotFoundError(message)
    return gone


async def keys_of(tx: Transaction, payment: UUID) -> Mapping[Trait, bytes]:
    """Read by what the buyer of a payment is recognised."""
    return await store.keys_of(tx, payment)


async def forget_payments(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Forget by what the buyers of payments could be recognised; the lists stay as they are."""
    await store.forget_payments(tx, payments)


async def erase(tx: Transaction, user: UUID | None, payments: Sequence[UUID], *, name: str, secret: str) -> list[UUID]:
    """Forget by what a buyer could be recognised, and take the user off every list; return the entries that changed.

    Addresses and devices that are blocked stay so, without a word about whose they were.
    """
    key = keys(secret, user=user, address=None, fingerprint=None).get(Trait.USER)
    return await store.erase(tx, payments, user_key=key, name=name)


def _facts(case: Case, counted: Mapping[str, int], now: datetime) -> dict[Fact, int | str | None]:
    """Gather what rules can look at; of a buyer who cannot be recognised nothing is counted."""
    facts: dict[Fact, int | str | None] = {Fact.AMOUNT: case.amount, Fact.CURRENCY: case.currency}
    if case.account_created_at:
        age = now - case.account_created_at
        facts[Fact.ACCOUNT_AGE_HOURS] = max(int(age.total_seconds()) // hour_seconds, 0)
    for fact, trait, itself in COUNTED:
        if trait in case.keys:
            facts[fact] = int(counted[fact]) + itself
    return facts


COUNTED = (
    (Fact.ATTEMPTS_BY_USER_HOUR, Trait.USER, 1),
    (Fact.ATTEMPTS_BY_ADDRESS_HOUR, Trait.ADDRESS, 1),
    (Fact.ATTEMPTS_BY_FINGERPRINT_HOUR, Trait.FINGERPRINT, 1),
    (Fact.FAILURES_BY_USER_DAY, Trait.USER, 0),
    (Fact.FAILURES_BY_ADDRESS_HOUR, Trait.ADDRESS, 0),
    (Fact.FAILURES_BY_FINGERPRINT_HOUR, Trait.FINGERPRINT, 0),
    (Fact.USERS_BY_ADDRESS_DAY, Trait.ADDRESS, 1),
)
"""What is counted, by what, and whether the payment that is being judged counts as well."""
FAILURES = tuple(fact for fact, _, itself in COUNTED if not itself)
"""What goes on being counted while a payment is open: its own failed tries, and those of others of the same buyer."""
