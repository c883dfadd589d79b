"""Decide who may call: make keys, check them, end them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper import access
from tillkeeper.access import KeyKind, NewKey, Principal
from tillkeeper.till import Till


async def issue(
    till: Till,
    name: str,
    *,
    scopes: Sequence[str] = (),
    kind: KeyKind = KeyKind.SECRET,
    expires_at: datetime | None = None,
) -> tuple[UUID, str]:
    """Make a key of this mode; its text is returned once and can never be shown again. Raises InvalidFieldError."""
    wanted = NewKey(name=name, scopes=tuple(scopes), kind=kind, expires_at=expires_at)
    async with till.db.transaction() as tx:
        return await access.create(tx, wanted, mode=till.settings.mode, now=till.now())


async def authorize(till: Till, text: str) -> Principal:
    """Find whose key this is; raises UnauthenticatedError."""
    async with till.db.transaction() as tx:
        return await access.authenticate(tx, text, mode=till.settings.mode, now=till.now())


async def revoke(till: Till, key: UUID) -> None:
    """End a key at once; raises NotFoundError."""
    async with till.db.transaction() as tx:
        await access.revoke(tx, key, till.now())
