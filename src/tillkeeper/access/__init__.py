"""Who may call: API keys, of which only digests are kept."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError, TillError

SCOPES = ("read", "write", "admin")
secret_bytes = 24
hint_length = 6
name_length_max = 100


class UnauthenticatedError(TillError):
    """Report a call without a key that is valid here."""

    code = "unauthenticated"
    status = 401
    title = "There is no valid key with this request"
    category = "authentication_error"
    next_step = "Send `Authorization: Bearer till_sk_…` with a key of this installation; `till keys create` makes one."


class ForbiddenError(TillError):
    """Report a key that may not do this."""

    code = "forbidden"
    status = 403
    title = "This key may not do that"
    category = "authentication_error"
    next_step = "Use a key with the scope named above."


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Hold who calls and what they may do."""

    key: UUID
    name: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Raise ForbiddenError unless the caller has the scope; admin includes write, write includes read."""
        if not self.scopes & set(SCOPES[SCOPES.index(scope) :]):
            message = f"The key “{self.name}” lacks the scope “{scope}”."
            raise ForbiddenError(message)


async def create(tx: Transaction, name: str, *, mode: str, scopes: list[str]) -> tuple[UUID, str]:
    """Make a secret key; its text is returned here and can never be shown again."""
    if not 1 <= len(name) <= name_length_max or not name.isprintable():
        message = f"A name is 1 to {name_length_max} printable characters."
        raise InvalidFieldError(message, param="name")
    if not scopes or set(scopes) - set(SCOPES):
        message = f"Scopes are one or more of {', '.join(SCOPES)}."
        raise InvalidFieldError(message, param="scopes")
    key, text = ids.new(), f"till_sk_{mode}_{secrets.token_urlsafe(secret_bytes)}"
    await tx.execute(
        "INSERT INTO api_key (id, name, mode, hint, digest, scopes) VALUES ($1, $2, $3, $4, $5, $6)",
        key,
        name,
        mode,
        text[-hint_length:],
        sha256(text.encode()),
        scopes,
    )
    return key, text


async def authenticate(tx: Transaction, text: str, *, mode: str) -> Principal:
    """Find whose key this is; raises UnauthenticatedError for any that is unknown, revoked or of another mode."""
    row = await tx.fetchrow(
        "SELECT id, name, scopes FROM api_key WHERE digest = $1 AND mode = $2 AND revoked_at IS NULL",
        sha256(text.encode()),
        mode,
    )
    if row is None:
        raise UnauthenticatedError
    await tx.execute(
        "UPDATE api_key SET last_used_at = clock_timestamp() "
        "WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')",
        row["id"],
    )
    return Principal(key=row["id"], name=row["name"], scopes=frozenset(row["scopes"]))


async def keys(tx: Transaction) -> list[Record]:
    """List keys without their secrets, oldest first."""
    return await tx.fetch(
        "SELECT id, name, mode, hint, scopes, created_at, last_used_at, revoked_at FROM api_key ORDER BY created_at, id"
    )


async def revoke(tx: Transaction, key: UUID, at: datetime) -> None:
    """End a key at once; raises NotFoundError."""
    if not await tx.execute("UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", key, at):
        message = "No valid key has this id."
        raise NotFoundError(message)
