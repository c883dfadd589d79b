"""Send merchants the events that they are owed: signed, outside of any transaction, until somebody takes them."""

import asyncio

from tillkeeper import backups
from tillkeeper.flows.notify import alert
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.egress import Reply
from tillkeeper.kernel.errors import TillError
from tillkeeper.outbox import Numbered, deliveries, endpoints
from tillkeeper.outbox.deliveries import Delivery, Status, Verdict, concurrency_max
from tillkeeper.till import Till

poll_seconds = 1
AGENT = "Tillkeeper/0.1 (+webhooks)"


class Courier:
    """Keep deliveries on their way, so that a slow receiver keeps nobody waiting but itself."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    async def dispatch(self, till: Till) -> int:
        """Send off what is due, as far as there are places, without waiting for answers; return how much is going on.

        With nothing to send off it waits a moment for something under way, whose place may let the next one go.
        """
        if len(self._under_way) >= concurrency_max:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        async with till.db.transaction() as tx:
            apart = await backups.is_isolated(tx)
            due = [] if apart else await deliveries.claim(tx, concurrency_max - len(self._under_way))
        for delivery in due:
            sending = asyncio.create_task(_carry(till, delivery))
            self._under_way.add(sending)
            sending.add_done_callback(self._under_way.discard)
        if not due and self._under_way:
            await asyncio.wait(self._under_way, timeout=poll_seconds, return_when=asyncio.FIRST_COMPLETED)
            return 1
        return len(due)

    async def finish(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way)


async def deliver(till: Till) -> int:
    """Send off what is due now, and wait until all of it has been answered or given up; return how many."""
    courier = Courier()
    sent = await courier.dispatch(till)
    await courier.finish()
    return sent


async def post(till: Till, event: Numbered, *, url: str, secrets: tuple[bytes, ...]) -> Reply:
    """Send an event once, signed now with every sealed secret that is valid."""
    body = event.body
    keys = [till.box.open(secret).decode() for secret in secrets]
    signed = endpoints.sign(keys, message=ids.text("event", event.id), at=till.now(), body=body)
    return await till.egress.post(
        url, headers={"Content-Type": "application/json", "User-Agent": AGENT, **signed}, body=body
    )


async def _carry(till: Till, delivery: Delivery) -> None:
    """Send one delivery and write down what came of it; what cannot be written is sent again after its lease."""
    try:
        reply = await post(till, delivery.event, url=delivery.url, secrets=delivery.secrets)
    except Exception:  # noqa: BLE001 (a bug met by one delivery must not end the others, nor be met all the time)
        logs.events.exception("delivery_failed", delivery=str(delivery.id))
        reply = Reply(latency_ms=0, error="It could not be sent; the log of this installation says why.")
    try:
        await _record(till, delivery, reply)
    except TillError as error:
        logs.events.warning("delivery_unrecorded", delivery=str(delivery.id), detail=error.detail)
    except Exception:  # noqa: BLE001 (the same)
        logs.events.exception("delivery_unrecorded", delivery=str(delivery.id))


@retry_conflicts
async def _record(till: Till, delivery: Delivery, reply: Reply) -> None:
    async with till.db.transaction() as tx:
        verdict = await deliveries.record(tx, delivery, reply)
        if verdict is None:
            return  # somebody else has it by now, and says what came of it
        disabled = await _note(tx, delivery, verdict)
        await _alert(tx, till, delivery, verdict, disabled=disabled)
    if disabled:
        logs.events.error("webhook_endpoint_disabled", endpoint=ids.text("endpoint", delivery.endpoint))
    if verdict.status is Status.DEAD:
        logs.events.warning("delivery_dead", delivery=ids.text("delivery", delivery.id))


async def _alert(tx: Transaction, till: Till, delivery: Delivery, verdict: Verdict, *, disabled: bool) -> None:
    """Let operators hear of what was given up, and of an endpoint that is not served any more."""
    endpoint = ids.text("endpoint", delivery.endpoint)
    if verdict.status is Status.DEAD:
        given_up = ids.text("delivery", delivery.id)
        await alert(
            tx, till, "delivery.dead", delivery.id, delivery=given_up, type=delivery.event.type, endpoint=endpoint
        )
    if disabled:
        await alert(tx, till, "endpoint.disabled", delivery.id, endpoint=endpoint)


async def _note(tx: Transaction, delivery: Delivery, verdict: Verdict) -> bool:
    """Note what a try says about its endpoint at the address that was called; true when it was switched off for it."""
    endpoint, url = delivery.endpoint, delivery.url
    if verdict.status is Status.SUCCEEDED:
        await endpoints.note_success(tx, endpoint, url)
        return False
    if verdict.gone:
        return await endpoints.disable(tx, endpoint, url, "It answered 410: it is gone for good.")
    return await endpoints.note_failure(tx, endpoint, url)
