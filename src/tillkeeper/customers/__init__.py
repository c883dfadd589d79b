"""The people who buy. Everything else knows them by a surrogate, so that the books hold nothing personal."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from tillkeeper.customers import rules, store
from tillkeeper.customers.values import Customer, Profile
from tillkeeper.facts import ERASED
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError

__all__ = [
    "Customer",
    "Profile",
    "ensure",
    "ensure_all",
    "erase",
    "find",
    "get",
    "link",
    "lock",
    "name_left",
    "named",
    "reference",
    "register",
]

name_length_max = 200


async def ensure(tx: Transaction, name: str) -> UUID:
    """Find or create a user by the merchant's own name for it; raises InvalidFieldError."""
    return (await ensure_all(tx, [name]))[name]


async def ensure_all(tx: Transaction, names: Iterable[str]) -> dict[str, UUID]:
    """Find or create users by the merchant's own names for them; raises InvalidFieldError."""
    wanted = sorted(set(names))
    for name in wanted:
        if not 1 <= len(name) <= name_length_max or not name.isprintable() or name != name.strip():
            message = f"A user is 1 to {name_length_max} printable characters without spaces around them."
            raise InvalidFieldError(message, param="user")
        if rules.is_erased(name):
            message = "That is how somebody is called who was erased; nobody else can be."
            raise InvalidFieldError(message, param="user")
    return await store.ensure_users(tx, wanted)


async def find(tx: Transaction, name: str) -> UUID | None:
    """Find a user by the merchant's own name."""
    found: UUID | None = await tx.fetchval("SELECT id FROM end_user WHERE name = $1", name)
    return found


async def lock(tx: Transaction, name: str) -> UUID | None:
    """Find a user by the merchant's own name, and let nobody else change who it is."""
    return await store.lock_user(tx, name)


async def named(tx: Transaction, name: str) -> Customer | None:
    """Lock the customer whom the merchant calls so, or whose id this is, or whose name was erased to it."""
    return await store.lock(tx, name, rules.customer_in(name))


async def erase(tx: Transaction, user: UUID | None, known_as: Sequence[UUID], *, left: str) -> list[str]:
    """Forget who a user is, and the customers who are the same person; return the names that are gone."""
    gone = await store.names(tx, user, known_as)
    await store.erase(tx, user, left, known_as)
    return [name for name in gone if name != left]


def name_left(somebody: UUID) -> str:
    """Say how somebody is called who was erased."""
    return ids.text(ERASED, somebody)


async def register(tx: Transaction, profile: Profile) -> tuple[UUID, bool]:
    """Find or create the customer whom a profile describes; true when new. Raises InvalidFieldError.

    What was not known is filled in; what differs stays as it was, so that the same call always has the same effect.
    """
    rules.check(profile)
    external_id, email_key = profile.external_id, rules.email_key(profile.email)
    names = {"id": external_id, "email": email_key}
    await store.serialise(tx, [f"{what} {name}" for what, name in names.items() if name])
    known = await store.find(tx, external_id=external_id, email_key=email_key)
    before = rules.meant(known, profile)
    blank = Customer(id=ids.new(), external_id=None, email=None, email_key=None, name=None)
    taken = any(email_key and customer.email_key == email_key for customer in known)
    after = rules.filled(before or blank, profile, email_taken=taken)
    if after != before:
        await store.save(tx, after)
    return after.id, before is None


async def get(tx: Transaction, customer: UUID) -> Customer | None:
    """Read one customer."""
    return await store.get(tx, customer)


async def reference(tx: Transaction, customer: UUID, gateway: str) -> str | None:
    """Tell what a gateway calls a customer, if it knows this one."""
    return await store.reference(tx, customer, gateway)


async def link(tx: Transaction, customer: UUID, gateway: str, called: str) -> str | None:
    """Remember what a gateway calls a customer, and tell by which name to go from now on: the first one stays."""
    await store.insert_link(tx, customer, gateway, called)
    return await store.reference(tx, customer, gateway)
