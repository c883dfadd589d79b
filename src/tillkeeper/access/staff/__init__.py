"""The merchant's own people: who they are, how they prove it, and how long that counts."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import pyotp

from tillkeeper.access.limits import RateLimitedError
from tillkeeper.access.staff import rules, store
from tillkeeper.access.staff.hashing import fits, hashed
from tillkeeper.access.staff.rules import (
    check_password,
    crowd,
    ends_at,
    form_token,
    fresh_until,
    is_fresh,
    totp_address,
)
from tillkeeper.access.staff.values import (
    Locked,
    Member,
    Role,
    SecondFactorNeededError,
    SecondFactorRequiredError,
    Session,
    SessionOverError,
    SignInFailedError,
    WrongCodeError,
)
from tillkeeper.kernel import ids
from tillkeeper.kernel.crypto import Box, sha256
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError

__all__ = [
    "Member",
    "Role",
    "SecondFactorNeededError",
    "SecondFactorRequiredError",
    "Session",
    "SessionOverError",
    "SignInFailedError",
    "WrongCodeError",
    "add",
    "begin",
    "check_code",
    "check_password",
    "count_wrong_code",
    "crowd",
    "disable",
    "drop_totp",
    "end",
    "ends_at",
    "find",
    "fits",
    "form_token",
    "fresh_until",
    "hashed",
    "is_fresh",
    "look_up",
    "offer_totp",
    "prove",
    "recognise",
    "set_password",
    "set_role",
    "standing",
    "totp_address",
    "use_totp",
]

session_bytes = 32
recovery_codes = 10
recovery_bytes = 6


async def add(tx: Transaction, email: str, *, role: Role, password: str, at: datetime) -> Member:
    """Take somebody in, by the hash of a password; raises InvalidFieldError or InvalidStateError."""
    member = Member(
        id=ids.new(), email=rules.check_email(email), role=role, password=password, totp=None, disabled_at=None
    )
    if not await store.insert(tx, member, at):
        message = "Somebody with this address is here already."
        raise InvalidStateError(message)
    return member


async def look_up(tx: Transaction, email: str) -> Member | None:
    """Find who wants to be let in, if there is such a person."""
    return await store.find(tx, email.strip().lower())


async def find(tx: Transaction, email: str) -> Member:
    """Find somebody by address; raises NotFoundError."""
    found = await look_up(tx, email)
    if found is None:
        message = "Nobody has this address."
        raise NotFoundError(message)
    return found


async def set_role(tx: Transaction, member: Member, role: Role) -> None:
    """Let somebody do something else, and end every session that began with the role before."""
    await store.set_role(tx, member.id, role)
    await store.end_all(tx, member.id)


async def set_password(tx: Transaction, member: Member, password: str) -> None:
    """Keep the hash of a new password, and end every session that the old one began."""
    await store.set_password(tx, member.id, password)
    await store.end_all(tx, member.id)


async def disable(tx: Transaction, member: Member, at: datetime) -> None:
    """Let somebody in no more, and end every session."""
    await store.disable(tx, member.id, at)
    await store.end_all(tx, member.id)


async def check_code(tx: Transaction, member: Member, code: str | None, *, box: Box, now: datetime) -> None:
    """Use up a code of an app, or a recovery code, where there is a second factor; raises what is wrong with it.

    Whoever passes keeps the member locked, so that a new password waits for the session, and then ends it.
    """
    current = await store.lock(tx, member.id)
    if current.member.disabled_at or current.member.password != member.password:
        raise SignInFailedError
    if current.member.totp is None:
        return
    if not code:
        raise SecondFactorNeededError
    if await store.use_code(tx, member.id, _digest(code.strip().lower())):
        return  # nobody can guess one of these, so they are good however many codes were wrong
    _check_codes_left(current, now)
    step = rules.step_of(code, box.open(current.member.totp).decode(), now, after=current.totp_step)
    if step is None:
        raise WrongCodeError
    await store.use_step(tx, member.id, step)


async def count_wrong_code(tx: Transaction, member: UUID, now: datetime) -> bool:
    """Note that a code was wrong; true when it was the last one that may be, until an hour has passed."""
    return await store.count_wrong_code(tx, member, rules.guesses_since(now), now) == rules.wrong_codes_per_hour_max


def _check_codes_left(member: Locked, now: datetime) -> None:
    """Raise RateLimitedError while no code of an app is looked at, because too many were wrong."""
    left = rules.guesses_wait(member.codes_wrong, member.codes_wrong_since, now)
    if left > timedelta():
        message = f"{rules.wrong_codes_per_hour_max} codes were wrong. A recovery code still works, and a new password."
        raise RateLimitedError(message, seconds=left // timedelta(seconds=1) + 1)


async def begin(tx: Transaction, member: Member, at: datetime) -> str:
    """Begin a session; its token is returned here and can never be shown again."""
    token = secrets.token_urlsafe(session_bytes)
    _, begun_since = rules.alive_since(at)
    await store.forget(tx, begun_before=begun_since)
    await store.begin(tx, _digest(token), member.id, at)
    return token


async def recognise(tx: Transaction, token: str, now: datetime) -> Session:
    """Find whose session this is, and keep it alive; raises SessionOverError."""
    seen_since, begun_since = rules.alive_since(now)
    found = await store.session(tx, _digest(token), seen_since=seen_since, begun_since=begun_since)
    if found is None:
        raise SessionOverError
    await store.see(tx, found.digest, now)
    return found


async def standing(tx: Transaction, sessions: Collection[bytes], now: datetime) -> frozenset[bytes]:
    """Tell which of these sessions still count, and keep none of them alive."""
    seen_since, begun_since = rules.alive_since(now)
    return await store.standing(tx, sessions, seen_since=seen_since, begun_since=begun_since)


async def prove(tx: Transaction, session: Session, now: datetime) -> None:
    """Remember that whoever is signed in has just proved it again."""
    await store.prove(tx, session.digest, now)


async def end(tx: Transaction, token: str) -> None:
    """End a session; harmless to repeat."""
    await store.end(tx, _digest(token))


async def offer_totp(tx: Transaction, member: UUID, *, box: Box) -> str:
    """Make a second factor that counts once a code of it was shown; return its secret."""
    secret = pyotp.random_base32()
    await store.offer_totp(tx, member, box.seal(secret.encode()))
    return secret


async def use_totp(tx: Transaction, member: UUID, code: str, *, box: Box, now: datetime) -> list[str] | None:
    """Put the offered second factor to use; return recovery codes, each good once, or None when the code is wrong."""
    current = await store.lock(tx, member)
    _check_codes_left(current, now)
    sealed = current.totp_offered
    step = rules.step_of(code, box.open(sealed).decode(), now, after=0) if sealed else None
    if step is None:
        return None
    codes = [secrets.token_hex(recovery_bytes) for _ in range(recovery_codes)]
    await store.use_totp(tx, member, [_digest(each) for each in codes])
    await store.use_step(tx, member, step)
    return codes


async def drop_totp(tx: Transaction, member: Member) -> None:
    """Forget a second factor and its recovery codes."""
    await store.drop_totp(tx, member.id)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode())
