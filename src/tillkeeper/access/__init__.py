"""Who may call: bearers of API keys, of which only digests are kept, and end users with tokens of the merchant's."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from tillkeeper.access import limits, rules, store
from tillkeeper.access.keyset import IssuerUnavailableError
from tillkeeper.access.rights import HOLDERS, SCOPES, Right
from tillkeeper.access.rules import is_key
from tillkeeper.access.tokens import Tokens, looks_like_one, open_tokens
from tillkeeper.access.values import (
    ForbiddenError,
    KeyKind,
    NewKey,
    Principal,
    StepUpNeededError,
    TokenRefusedError,
    UnauthenticatedError,
)
from tillkeeper.kernel import ids
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import NotFoundError

__all__ = [
    "HOLDERS",
    "SCOPES",
    "ForbiddenError",
    "IssuerUnavailableError",
    "KeyKind",
    "NewKey",
    "Principal",
    "Right",
    "StepUpNeededError",
    "TokenRefusedError",
    "Tokens",
    "UnauthenticatedError",
    "authenticate",
    "create",
    "forget_calls",
    "forget_user",
    "is_key",
    "looks_like_one",
    "open_tokens",
    "revoke",
    "take_calls",
]

secret_bytes = 24
hint_length = 6


async def create(tx: Transaction, wanted: NewKey, *, mode: str, now: datetime) -> tuple[UUID, str]:
    """Make a key; its text is returned here and can never be shown again. Raises InvalidFieldError."""
    rules.check(wanted, now)
    key, text = ids.new(), rules.prefix(wanted.kind, mode) + secrets.token_urlsafe(secret_bytes)
    await store.insert(tx, key, wanted, mode=mode, hint=text[-hint_length:], digest=sha256(text.encode()))
    return key, text


async def authenticate(tx: Transaction, text: str, *, mode: str, now: datetime) -> Principal:
    """Find whose key this is; raises UnauthenticatedError for any that is unknown, over or of another mode."""
    row = await store.use(tx, sha256(text.encode()), mode=mode, now=now)
    if row is None:
        raise UnauthenticatedError
    return Principal(key=row["id"], name=row["name"], scopes=frozenset(row["scopes"]))


async def revoke(tx: Transaction, key: UUID, at: datetime) -> None:
    """End a key at once; raises NotFoundError."""
    if not await store.revoke(tx, key, at):
        message = "No valid key has this id."
        raise NotFoundError(message)


async def take_calls(tx: Transaction, who: str, start: datetime, wanted: int) -> int:
    """Take calls out of the window that began at `start`; return how many all processes have taken by now."""
    return await store.take(tx, who, start, wanted)


async def forget_calls(tx: Transaction, now: datetime, *, limit: int) -> int:
    """Forget windows that are over for a while, the oldest first; return how many."""
    return await store.forget(tx, now - timedelta(minutes=limits.windows_kept_minutes), limit)


async def forget_user(tx: Transaction, user: str) -> None:
    """Forget how often an end user has called."""
    await store.forget_caller(tx, f"user:{user}")
