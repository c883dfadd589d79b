"""Fetch what gateways know and never told us."""

import asyncio
from datetime import timedelta

from tillkeeper import inbox
from tillkeeper.gateway import Gateway, Told
from tillkeeper.inbox import Arrival
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.crypto import sha256
from tillkeeper.till import Till

first_look_hours = 24
window_hours = 6
overlap_seconds = 600
"""Events come into a gateway's list late and out of order, so each look begins before the end of the last."""
lag_seconds = 60
"""What is younger than this may still be on its way to us as a webhook."""


async def catch_up(till: Till) -> int:
    """Store the events that never arrived, and let them be settled like any other; return how many there were.

    A gateway that cannot be asked keeps nobody from the others; it is raised when they are done.
    """
    found = await asyncio.gather(
        *(_catch_up(till, gateway) for gateway in till.gateways.values()), return_exceptions=True
    )
    failed = next((each for each in found if isinstance(each, BaseException)), None)
    if failed:
        raise failed
    return sum(each for each in found if isinstance(each, int))


async def _catch_up(till: Till, gateway: Gateway) -> int:
    """Go through one gateway's list in windows; each is remembered, so a crash costs one of them."""
    end = till.now() - timedelta(seconds=lag_seconds)
    async with till.db.transaction() as tx:
        seen = await inbox.seen_until(tx, gateway.name)
    start = seen - timedelta(seconds=overlap_seconds) if seen else end - timedelta(hours=first_look_hours)
    recovered = 0
    while start < end:
        until = min(start + timedelta(hours=window_hours), end)
        told = await gateway.events(start, until)
        async with till.db.transaction() as tx:
            recovered += await inbox.recover(tx, [_arrival(till, gateway, each) for each in told]) if told else 0
            await inbox.save_seen_until(tx, gateway.name, until)
        start = until
    if recovered:
        logs.webhook.warning("caught_up", gateway=gateway.name, recovered=recovered)
    return recovered


def _arrival(till: Till, gateway: Gateway, told: Told) -> Arrival:
    return Arrival(
        id=ids.new(),
        gateway=gateway.name,
        event_id=told.envelope.event_id,
        content_sha=sha256(told.body),
        type=told.envelope.type,
        body=till.box.seal(told.body),
    )
