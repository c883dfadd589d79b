"""Decide by which rules and lists payments are judged."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper import audit, customers, risk
from tillkeeper.audit import Action
from tillkeeper.flows.reconsider import end_open
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.risk import Entry, Rule, Side, Trait
from tillkeeper.till import Till


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Hold whom to write on a list, until when, and why."""

    side: Side
    trait: Trait
    value: str
    note: str
    expires_at: datetime | None = None


async def set_rules(till: Till, rules: Sequence[Rule]) -> None:
    """Judge what comes from now on by these rules alone; raises InvalidFieldError."""
    async with till.db.transaction() as tx:
        await _put_rules(tx, till, await risk.lock_rules(tx), rules)
    logs.fraud.warning("risk_rules_set", rules=len(rules), by=till.by.name)


async def set_rule(till: Till, rule: Rule, *, new: bool) -> None:
    """Judge by one more rule, or by one as it is now; the others stay.

    Raises InvalidFieldError, NotFoundError, or InvalidStateError for a new one whose name is taken.
    """
    async with till.db.transaction() as tx:
        known = await risk.lock_rules(tx)
        if new and rule.id in {each.id for each in known}:
            message = f"There is a rule “{rule.id}” already; change that one, or choose another name."
            raise InvalidStateError(message)
        others = known if new else _without(known, rule.id)
        await _put_rules(tx, till, known, [*others, rule])
    logs.fraud.warning("risk_rule_set", rule=rule.id, enabled=rule.enabled, by=till.by.name)


async def drop_rule(till: Till, name: str) -> None:
    """Judge by one rule less; raises NotFoundError."""
    async with till.db.transaction() as tx:
        known = await risk.lock_rules(tx)
        await _put_rules(tx, till, known, _without(known, name))
    logs.fraud.warning("risk_rule_dropped", rule=name, by=till.by.name)


def _without(rules: Sequence[Rule], name: str) -> list[Rule]:
    left = [rule for rule in rules if rule.id != name]
    if len(left) == len(rules):
        message = "No rule has this name."
        raise NotFoundError(message)
    return left


async def _put_rules(tx: Transaction, till: Till, known: Sequence[Rule], rules: Sequence[Rule]) -> None:
    before, after = ({rule.id: asdict(rule) for rule in each} for each in (known, rules))
    await risk.set_rules(tx, rules)
    await audit.record(tx, till.by, Action.RISK_RULES_SET, "rules", before=before, after=after, at=till.now())


@retry_conflicts
async def put_on_list(till: Till, listing: Listing) -> UUID:
    """Write somebody on a list; raises InvalidFieldError. Who is there already gets the new note and time.

    What somebody who is blocked now has open, and has not paid, is ended.
    """
    if listing.expires_at and listing.expires_at <= till.now():
        message = "An entry ends on a day to come, or never."
        raise InvalidFieldError(message, param="expires_at")
    async with till.db.transaction() as tx:
        user = await customers.ensure(tx, listing.value) if listing.trait is Trait.USER else None
        if not listing.value.strip():
            message = "Say who it is."
            raise InvalidFieldError(message, param="value")
        keys = risk.keys(
            till.settings.secret_key,
            user=user,
            address=listing.value if listing.trait is Trait.ADDRESS else None,
            fingerprint=listing.value if listing.trait is Trait.FINGERPRINT else None,
        )
        entry = Entry(
            id=ids.new(),
            side=listing.side,
            trait=listing.trait,
            key=keys[listing.trait],
            shown=listing.value,
            note=listing.note,
            added_by=till.by.name,
            at=till.now(),
            expires_at=listing.expires_at,
        )
        before = await risk.entry_of(tx, entry.key, entry.side)
        [found] = await risk.put(tx, [entry])
        if listing.side is Side.BLOCK:
            await end_open(tx, till, [entry.key])
        was, listed = _told(before, user) if before else None, _told(entry, user)
        subject, why = ids.text("entry", found), listing.note
        await audit.record(
            tx, till.by, Action.RISK_LISTED, subject, before=was, after=listed, reason=why, at=till.now()
        )
    logs.fraud.warning("risk_listed", side=listing.side, trait=listing.trait, by=till.by.name)
    return found


async def take_off_list(till: Till, entry: UUID) -> None:
    """Take somebody off a list; raises NotFoundError."""
    async with till.db.transaction() as tx:
        gone = await risk.remove(tx, entry)
        user = await customers.find(tx, gone.shown) if gone.trait is Trait.USER else None
        subject = ids.text("entry", entry)
        await audit.record(tx, till.by, Action.RISK_UNLISTED, subject, before=_told(gone, user), at=till.now())
    logs.fraud.warning("risk_unlisted", entry=str(entry), by=till.by.name)


def _told(entry: Entry, user: UUID | None) -> dict[str, object]:
    """Say who stands where in words that may stay for years: a digest is the same for the same buyer."""
    told: dict[str, object] = {"side": entry.side, "trait": entry.trait, "digest": entry.key.hex()}
    if user:
        told["user"] = ids.text("user", user)
    return told | {"expires_at": entry.expires_at, "added_by": entry.added_by}
