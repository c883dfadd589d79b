"""The people who buy. Everything else knows them by a surrogate, so that the books hold nothing personal."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError

name_length_max = 200


async def ensure(tx: Transaction, name: str) -> UUID:
    """Find or create a user by the merchant's own name for it; raises InvalidFieldError."""
    if not 1 <= len(name) <= name_length_max or not name.isprintable() or name != name.strip():
        message = f"A user is 1 to {name_length_max} printable characters without spaces around them."
        raise InvalidFieldError(message, param="user")
    await tx.execute("INSERT INTO end_user (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", ids.new(), name)
    found: UUID = await tx.fetchval("SELECT id FROM end_user WHERE name = $1", name)
    return found


async def find(tx: Transaction, name: str) -> UUID | None:
    """Find a user by the merchant's own name."""
    found: UUID | None = await tx.fetchval("SELECT id FROM end_user WHERE name = $1", name)
    return found
