"""Decide who may call: make keys, check them, end them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper import access, audit, idempotency
from tillkeeper.access import KeyKind, NewKey, Principal, TokenRefusedError, UnauthenticatedError
from tillkeeper.audit import Action
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.till import Till

CREATED = 201


async def issue(
    till: Till,
    name: str,
    *,
    scopes: Sequence[str] = (),
    kind: KeyKind = KeyKind.SECRET,
    expires_at: datetime | None = None,
    wish: Wish | None = None,
) -> tuple[UUID, str]:
    """Make a key of this mode; its text is returned once and can never be shown again. Raises InvalidFieldError.

    A wish that was fulfilled before raises InvalidStateError: the text is not kept, so it cannot be told twice.
    """
    wanted = NewKey(name=name, scopes=tuple(scopes), kind=kind, expires_at=expires_at)
    async with till.db.transaction() as tx:
        if wish and isinstance(await idempotency.claim(tx, wish), Replay):
            message = f"The key “{name}” was made already, and its text was shown then. If it is lost, make another."
            raise InvalidStateError(message)
        key, text = await access.create(tx, wanted, mode=till.settings.mode, now=till.now())
        if wish:
            await idempotency.finish(tx, wish, CREATED, {"id": ids.text("key", key)})
        made = {"name": name, "kind": kind, "scopes": list(scopes), "expires_at": expires_at and expires_at.isoformat()}
        await audit.record(tx, till.by, Action.KEY_CREATED, ids.text("key", key), after=made, at=till.now())
        return key, text


async def authorize(till: Till, text: str) -> Principal:
    """Find whose key or token this is; raises UnauthenticatedError or IssuerUnavailableError."""
    if access.looks_like_one(text):
        if till.tokens is None:
            message = "Tokens of end users are not taken here: neither TILL_JWT_SECRET nor TILL_JWKS_URL is set."
            raise TokenRefusedError(message)
        return await till.tokens.verify(text, till.now())
    if not access.is_key(text, till.settings.mode):
        raise UnauthenticatedError
    async with till.db.statement() as tx:
        return await access.authenticate(tx, text, mode=till.settings.mode, now=till.now())


async def revoke(till: Till, key: UUID) -> None:
    """End a key at once; raises NotFoundError."""
    async with till.db.transaction() as tx:
        await access.revoke(tx, key, till.now())
        await audit.record(tx, till.by, Action.KEY_REVOKED, ids.text("key", key), at=till.now())
