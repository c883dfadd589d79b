"""Look whether everything that must work does: its database, its workers, its gateways, and what waits."""

from typing import Any

from tillkeeper import routing
from tillkeeper.flows import maintain
from tillkeeper.flows.read import read, survey
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import checkup, health, invariants, readiness, safekeeping, secrets, versions
from tillkeeper.reports.checkup import Patient
from tillkeeper.reports.findings import Finding
from tillkeeper.till import Till


async def check_up(till: Till) -> tuple[list[Finding], Any]:
    """Tell how everything is, what does not work first, and what the last proofs of the promises found."""

    async def look(tx: Transaction) -> tuple[Patient, Any]:
        await readiness.check(tx)
        states = await routing.states(tx, list(till.gateways))
        patient = Patient(
            settings=till.settings,
            now=till.now(),
            signs=await health.signs(tx),
            gateways=[states[name] for name in sorted(states)],
            versions=await versions.show(tx, till.gateways, till.now()),
            maintenance=await maintain.state(tx, till),
            mails=till.mail is not None,
            secrets=await secrets.ages(tx, till.now()),
            titles={name: gateway.title for name, gateway in till.gateways.items()},
            safe=await safekeeping.look(tx),
            replica=till.replica.trouble if till.replica else None,
        )
        return patient, await invariants.latest(tx)

    await survey(till, readiness.check)  # a replica that nobody has asked yet shows here how it is
    patient, proved = await read(till, look)
    return checkup.examine(patient), proved
