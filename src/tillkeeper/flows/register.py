"""Remember who pays: the same person is one customer, however often and from however many places we are told."""

from tillkeeper import audit, customers
from tillkeeper.audit import Action
from tillkeeper.customers import Profile
from tillkeeper.kernel import ids
from tillkeeper.reports import customer as report
from tillkeeper.till import Till


async def register(till: Till, profile: Profile) -> tuple[dict[str, object], bool]:
    """Find or create a customer and show it; true when it is new. Raises InvalidFieldError."""
    async with till.db.transaction() as tx:
        id_, new = await customers.register(tx, profile)
        if till.by.is_person:
            subject = ids.text("customer", id_)
            await audit.record(tx, till.by, Action.CUSTOMER_REGISTERED, subject, after={"new": new}, at=till.now())
        return await report.show(tx, id_), new
