"""Rehearse on the sandbox what a gateway does at its worst: a webhook that was heard already comes again and again."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

import httpx2

from tillkeeper import audit
from tillkeeper.audit import Action
from tillkeeper.flows.read import read
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import clock, ids, trust
from tillkeeper.kernel.db import Transaction, assert_no_transaction
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.reports import inbox, proof
from tillkeeper.till import Till

copies_sent = 50
call_timeout_seconds = 10
arrival_timeout_seconds = 15
poll_seconds = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Hold what a payment had brought about before its webhook came again, and after that."""

    message: dict[str, object]
    before: dict[str, int]
    after: dict[str, int]

    @property
    def arrived(self) -> int:
        """Count the copies that came."""
        return self.after["arrivals"] - self.before["arrivals"]

    @property
    def moved(self) -> list[str]:
        """Name what is not as it was; nothing should be."""
        return [name for name, was in self.before.items() if name != "arrivals" and self.after[name] != was]


async def rehearse(till: Till, message: UUID) -> Rehearsal:
    """Let the sandbox send a stored webhook again, over the wire and signed as at first, and tell what that moved.

    Raises InvalidStateError outside the sandbox, NotFoundError, and GatewayUnavailableError where no sandbox answers.
    """
    if till.settings.mode != "sandbox":
        text = "Only the sandbox sends webhooks again because somebody asks."
        raise InvalidStateError(text)
    found = await read(till, lambda tx: inbox.show(tx, message))
    if found["payment"] is None:
        text = "This webhook is about no payment, so nothing could be counted."
        raise InvalidStateError(text)
    payment = ids.parse("payment", str(found["payment"]))

    async def look(tx: Transaction) -> dict[str, int]:
        return await proof.standing(tx, message, payment)

    before = await read(till, look)
    async with till.db.transaction() as tx:
        told = {"copies": copies_sent, "by": "sandbox"}
        await audit.record(tx, till.by, Action.WEBHOOKS_REPLAYED, str(found["id"]), after=told, at=till.now())
    await _ask(till.gateway(str(found["gateway"])).checkout_origin, str(found["event_id"]))
    elapsed_ms, after = clock.timer_ms(), before
    while after["arrivals"] < before["arrivals"] + copies_sent and elapsed_ms() < arrival_timeout_seconds * 1000:
        await asyncio.sleep(poll_seconds)
        after = await read(till, look)
    return Rehearsal(message=found, before=before, after=after)


async def _ask(sandbox: str, event: str) -> None:
    """Ask the sandbox to send an event again."""
    assert_no_transaction()
    wish = {"event": event, "copies": copies_sent}
    try:
        async with httpx2.AsyncClient(
            timeout=call_timeout_seconds, trust_env=False, verify=trust.authorities()
        ) as client:
            answer = await client.post(f"{sandbox}/_control/webhooks/resend", json=wish)
    except httpx2.HTTPError as error:
        message = f"No sandbox answers at {sandbox} ({type(error).__name__})."
        raise GatewayUnavailableError(message) from error
    if answer.status_code == HTTPStatus.NOT_FOUND:
        message = "The sandbox does not know this event any more: it was started over since."
        raise InvalidStateError(message)
    if not answer.is_success:
        message = f"The sandbox answered {answer.status_code}."
        raise GatewayUnavailableError(message)
