"""Decide who may call: make keys, check them, end them."""

from uuid import UUID

from tillkeeper import access
from tillkeeper.access import Principal
from tillkeeper.till import Till


async def issue(till: Till, name: str, *, scopes: list[str]) -> tuple[UUID, str]:
    """Make a secret key of this mode; its text is returned once and can never be shown again."""
    async with till.db.transaction() as tx:
        return await access.create(tx, name, mode=till.settings.mode, scopes=scopes)


async def authorize(till: Till, key: str) -> Principal:
    """Find whose key this is; raises UnauthenticatedError."""
    async with till.db.transaction() as tx:
        return await access.authenticate(tx, key, mode=till.settings.mode)


async def revoke(till: Till, key: UUID) -> None:
    """End a key at once; raises NotFoundError."""
    async with till.db.transaction() as tx:
        await access.revoke(tx, key, till.now())
