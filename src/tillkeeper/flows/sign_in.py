"""Let one of the merchant's people in: by a password, and by a code where there is a second factor."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tillkeeper import audit
from tillkeeper.access import staff
from tillkeeper.access.limits import Meter
from tillkeeper.access.staff import Member, Session, SessionOverError, SignInFailedError
from tillkeeper.audit import Action, Actor
from tillkeeper.flows.limit import admit
from tillkeeper.kernel.crypto import sha256
from tillkeeper.till import Till

tries_per_account_max = 5
tries_per_address_max = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hold what somebody shows to be let in, and the address that it comes from."""

    password: str
    address: str
    code: str | None = None


async def sign_in(till: Till, meter: Meter, email: str, proof: Proof) -> str:
    """Begin a session and return its token; every try counts, per minute, for the account and for the address.

    Raises SignInFailedError, which does not tell what was wrong, SecondFactorNeededError or RateLimitedError.
    """
    async with failures_noted(till, email):
        member = await prove(till, meter, email, proof)
        async with till.db.transaction() as tx:
            await staff.check_code(tx, member, proof.code, box=till.box, now=till.now())
            token = await staff.begin(tx, member, till.now())
            who = Actor(id=member.shown, name=member.email, request=till.by.request)
            await audit.record(tx, who, Action.SIGNED_IN, member.shown, at=till.now())
    return token


async def step_up(till: Till, meter: Meter, session: Session, proof: Proof) -> None:
    """Prove once more who is signed in, before something dangerous; raises as signing in does."""
    async with failures_noted(till, session.email):
        member = await prove(till, meter, session.email, proof)
        async with till.db.transaction() as tx:
            await staff.check_code(tx, member, proof.code, box=till.box, now=till.now())
            await staff.prove(tx, session, till.now())
            await audit.record(tx, till.by, Action.PROVED_AGAIN, member.shown, at=till.now())


async def recognise(till: Till, token: str) -> Session:
    """Find who is signed in; raises SessionOverError after half an hour without a request, and after twelve."""
    async with till.db.transaction() as tx:
        return await staff.recognise(tx, token, till.now())


async def sign_out(till: Till, token: str) -> None:
    """End a session at once; harmless to repeat."""
    async with till.db.transaction() as tx:
        try:
            session = await staff.recognise(tx, token, till.now())
        except SessionOverError:
            return
        await staff.end(tx, token)
        who = Actor(id=session.shown, name=session.email, request=till.by.request)
        await audit.record(tx, who, Action.SIGNED_OUT, session.shown, at=till.now())


async def prove(till: Till, meter: Meter, email: str, proof: Proof) -> Member:
    """Find whose password this is; hashing takes a while on purpose, so it is done beside the loop."""
    account = sha256(email.strip().lower().encode()).hex()
    await admit(till, meter, f"sign-in {account}", limit=tries_per_account_max, name="This account")
    await admit(till, meter, f"sign-in {proof.address}", limit=tries_per_address_max, name="This address")
    async with till.db.transaction(read_only=True) as tx:
        member = await staff.look_up(tx, email)
    fits = await asyncio.to_thread(staff.fits, proof.password, member.password if member else None)
    if member is None or not fits or member.disabled_at:
        raise SignInFailedError
    return member


@asynccontextmanager
async def failures_noted(till: Till, email: str) -> AsyncIterator[None]:
    """Write down in the audit log who could not be let in; a stranger costs as much time as one of ours.

    What a stranger typed is not kept: it may be the password of somebody who mistook the field.
    """
    try:
        yield
    except SignInFailedError:
        async with till.db.transaction() as tx:
            member = await staff.look_up(tx, email)
            subject = member.shown if member else "nobody"
            await audit.record(tx, till.by, Action.SIGN_IN_FAILED, subject, at=till.now())
        raise
