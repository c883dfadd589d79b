"""Let one of the merchant's people change the own password."""

from tillkeeper import audit
from tillkeeper.access import staff
from tillkeeper.access.limits import Meter
from tillkeeper.access.staff import Session
from tillkeeper.audit import Action
from tillkeeper.flows.sign_in import Proof, failures_noted, prove_again
from tillkeeper.till import Till


async def change_password(till: Till, meter: Meter, session: Session, proof: Proof, *, new: str) -> str:
    """Keep a new password for whoever proves the old one; every session ends, and one begins whose token is returned.

    Raises InvalidFieldError for a password that is too short, too long or everybody's, and what signing in raises.
    """
    staff.check_password(new)
    async with failures_noted(till, session.email, proof):
        member = await prove_again(till, meter, session, proof)
        kept = await staff.hashed(new)
        async with till.db.transaction() as tx:
            await staff.check_code(tx, member, proof.code, box=till.box, now=till.now())
            await staff.set_password(tx, member, kept)
            token = await staff.begin(tx, member, till.now())
            await audit.record(tx, till.by, Action.PASSWORD_CHANGED, member.shown, at=till.now())
    return token
