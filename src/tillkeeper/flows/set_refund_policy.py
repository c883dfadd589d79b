"""Decide by which rules money is given back."""

from tillkeeper import audit, refund_requests
from tillkeeper.audit import Action
from tillkeeper.kernel import logs
from tillkeeper.refund_requests import Person, Policy
from tillkeeper.reports import refund_policy as report
from tillkeeper.till import Till


async def set_refund_policy(till: Till, terms: Policy, *, by: Person, note: str | None = None) -> dict[str, object]:
    """Put other rules in force for what is asked from now on; the ones before stay readable.

    Rules by which one person may give back more alone wait for somebody else who sets the same.
    """
    async with till.db.transaction() as tx:
        before = await report.show(tx)
        version = await refund_requests.set_policy(tx, terms, by=by, note=note, at=till.now())
        shown = await report.show(tx, version)
        await audit.record(
            tx,
            till.by,
            Action.REFUND_POLICY_SET,
            f"refund_policy:{version}",
            before=before,
            after=shown,
            reason=note,
            at=till.now(),
        )
    logs.intent.warning("refund_policy_set", version=version, by=by.name, status=shown["status"])
    return shown
