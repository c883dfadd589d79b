"""Let one of the merchant's people in: by a password, and by a code where there is a second factor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from tillkeeper import audit
from tillkeeper.access import staff
from tillkeeper.access.limits import Meter
from tillkeeper.access.staff import Member, Session, SessionOverError, SignInFailedError, WrongCodeError
from tillkeeper.audit import Action, Actor
from tillkeeper.flows.limit import admit
from tillkeeper.flows.notify import alert
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.till import Till

tries_per_account_max = 5
tries_per_address_max = 20
tries_per_session_max = 5
log = structlog.get_logger("access")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hold what somebody shows to be let in, and the address that it comes from."""

    password: str
    address: str
    code: str | None = None


async def sign_in(till: Till, meter: Meter, email: str, proof: Proof) -> str:
    """Begin a session and return its token; every try counts, per minute, for the address and for the account.

    Raises SignInFailedError, which does not tell what was wrong, SecondFactorNeededError or RateLimitedError.
    """
    async with failures_noted(till, email, proof):
        member = await _prove(till, meter, email, proof)
        async with till.db.transaction() as tx:
            await staff.check_code(tx, member, proof.code, box=till.box, now=till.now())
            token = await staff.begin(tx, member, till.now())
            who = Actor(id=member.shown, name=member.email, request=till.by.request)
            await audit.record(tx, who, Action.SIGNED_IN, member.shown, at=till.now())
    return token


async def step_up(till: Till, meter: Meter, session: Session, proof: Proof) -> None:
    """Prove once more who is signed in, before something dangerous; raises as signing in does."""
    async with failures_noted(till, session.email, proof):
        member = await prove_again(till, meter, session, proof)
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


async def prove_again(till: Till, meter: Meter, session: Session, proof: Proof) -> Member:
    """Check the password of who is signed in; these tries are the session's own, so no stranger uses them up."""
    await admit(till, meter, f"proof {session.digest.hex()}", limit=tries_per_session_max, name="This session")
    async with till.db.transaction(read_only=True) as tx:
        member = await staff.look_up(tx, session.email)
    return await _checked(member, proof)


async def _prove(till: Till, meter: Meter, email: str, proof: Proof) -> Member:
    """Find whose password this is; the address counts first, so that one alone uses up few accounts."""
    await admit(till, meter, f"sign-in {proof.address}", limit=tries_per_address_max, name="This address")
    async with till.db.transaction(read_only=True) as tx:
        member = await staff.look_up(tx, email)
    account = member.shown if member else staff.crowd(till.settings.secret_key, email)
    await admit(till, meter, f"sign-in {account}", limit=tries_per_account_max, name="This account")
    return await _checked(member, proof)


async def _checked(member: Member | None, proof: Proof) -> Member:
    fits = await staff.fits(proof.password, member.password if member else None)
    if member is None or not fits or member.disabled_at:
        raise SignInFailedError
    return member


@asynccontextmanager
async def failures_noted(till: Till, email: str, proof: Proof) -> AsyncIterator[None]:
    """Write down in the audit log who could not be let in; a stranger costs as much time as one of ours.

    What a stranger typed is not kept: it may be the password of somebody who mistook the field. From where it came is
    in the log alone, under the request that the entry names: the audit log is kept for years.
    """
    try:
        yield
    except SignInFailedError as error:
        async with till.db.transaction() as tx:
            member = await staff.look_up(tx, email)
            subject = member.shown if member else "nobody"
            if member and isinstance(error, WrongCodeError):
                await note_wrong_code(tx, till, member.id)
            await audit.record(tx, till.by, Action.SIGN_IN_FAILED, subject, at=till.now())
        log.warning("sign_in_failed", subject=subject, address=proof.address)
        raise


async def note_wrong_code(tx: Transaction, till: Till, member: UUID) -> None:
    """Count a wrong code of somebody whose password was right, and write to operators when there are too many."""
    if await staff.count_wrong_code(tx, member, till.now()):
        await alert(tx, till, "member.codes_guessed", ids.new(), member=ids.text("member", member))
