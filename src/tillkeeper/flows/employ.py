"""Take the merchant's people in, let them do something else, and let them go."""

import secrets
from uuid import UUID

from tillkeeper import audit
from tillkeeper.access import staff
from tillkeeper.access.staff import Role
from tillkeeper.audit import Action
from tillkeeper.flows.sign_in import note_wrong_code
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.till import Till

password_bytes = 15


async def employ(till: Till, email: str, *, role: Role) -> tuple[UUID, str]:
    """Take somebody in with a password that is returned here once; raises InvalidFieldError or InvalidStateError."""
    password = secrets.token_urlsafe(password_bytes)
    kept = await staff.hashed(password)
    async with till.db.transaction() as tx:
        member = await staff.add(tx, email, role=role, password=kept, at=till.now())
        await audit.record(tx, till.by, Action.MEMBER_CREATED, member.shown, after={"role": role}, at=till.now())
    return member.id, password


async def set_role(till: Till, email: str, role: Role) -> None:
    """Let somebody do something else, from the next time they sign in; every session ends. Raises NotFoundError."""
    async with till.db.transaction() as tx:
        member = await staff.find(tx, email)
        await staff.set_role(tx, member, role)
        was = {"role": member.role}
        await audit.record(
            tx, till.by, Action.MEMBER_ROLE_SET, member.shown, before=was, after={"role": role}, at=till.now()
        )


async def reset_password(till: Till, email: str) -> str:
    """Make a new password, which is returned here once, without a second factor; every session ends."""
    password = secrets.token_urlsafe(password_bytes)
    kept = await staff.hashed(password)
    async with till.db.transaction() as tx:
        member = await staff.find(tx, email)
        await staff.set_password(tx, member, kept)
        await staff.drop_totp(tx, member)
        await audit.record(tx, till.by, Action.MEMBER_PASSWORD_RESET, member.shown, at=till.now())
    return password


async def disable(till: Till, email: str) -> None:
    """Let somebody in no more, from this moment on; raises NotFoundError."""
    async with till.db.transaction() as tx:
        member = await staff.find(tx, email)
        await staff.disable(tx, member, till.now())
        await audit.record(tx, till.by, Action.MEMBER_DISABLED, member.shown, at=till.now())


async def offer_second_factor(till: Till, member: UUID) -> str:
    """Make a second factor, and return the secret for an app; it counts once a code of it was shown."""
    async with till.db.transaction() as tx:
        return await staff.offer_totp(tx, member, box=till.box)


async def use_second_factor(till: Till, member: UUID, code: str) -> list[str]:
    """Put a second factor to use, and return the recovery codes, once; raises InvalidFieldError or RateLimitedError."""
    async with till.db.transaction() as tx:
        codes = await staff.use_totp(tx, member, code, box=till.box, now=till.now())
        if codes is None:
            await note_wrong_code(tx, till, member)
        else:
            await audit.record(tx, till.by, Action.MEMBER_SECOND_FACTOR_SET, ids.text("member", member), at=till.now())
    if codes is None:  # said only now, or the count would be rolled back
        message = "This is not the code that the app shows now."
        raise InvalidFieldError(message, param="code")
    return codes
