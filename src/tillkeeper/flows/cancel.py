"""End a payment that is not captured: expire its checkout, or void its authorisation."""

from uuid import UUID

from tillkeeper.flows.capture import UNPAID, conclude
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.operations import Kind
from tillkeeper.till import Till


async def cancel(till: Till, wish: Wish, payment: UUID, *, authorised_too: bool = True) -> Replay:
    """Cancel a payment, once per key; one that was paid meanwhile stays paid, and the answer says so.

    Whoever buys may not take back an authorisation that the merchant counts on already.
    """
    return await conclude(till, wish, payment, kind=Kind.CANCEL, allowed=() if authorised_too else UNPAID)
