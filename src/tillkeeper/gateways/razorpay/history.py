"""What happened at Razorpay, read from its lists: it keeps no list of events.

Lists can be narrowed by when a thing was made, not by when it changed. So each thing is looked at when it is new and
again at fixed ages, by which all that can still happen to it has happened: a failed payment may turn authorised for
three days, and one that was not captured is given back by the fifth.

A payment does not say reliably which link it belongs to, so the link is asked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from tillkeeper.gateway import Envelope, GatewayUnavailableError, Told
from tillkeeper.gateways.razorpay import entities
from tillkeeper.gateways.razorpay.calls import UNREADABLE, NotExecutedError, SaidNoError, UnclearError, Wire
from tillkeeper.gateways.razorpay.entities import Object

PAYMENT_AGES = (timedelta(), timedelta(hours=1), timedelta(days=1), timedelta(days=3, hours=1), timedelta(days=6))
REFUND_AGES = (timedelta(), timedelta(hours=1), timedelta(days=1), timedelta(days=3), timedelta(days=10))
SETTLEMENT_AGES = (timedelta(), timedelta(days=1), timedelta(days=3))
dispute_days_max = 120
DISPUTE_AGES = (timedelta(), timedelta(hours=1), *(timedelta(days=day) for day in range(1, dispute_days_max + 1)))
PAYMENT_EVENTS = {
    "authorized": "payment.authorized",
    "captured": "payment.captured",
    "failed": "payment.failed",
    "refunded": "payment.captured",
}
PAID = frozenset({"captured", "refunded"})
REFUND_EVENTS = {"pending": "refund.created", "processed": "refund.processed", "failed": "refund.failed"}
DISPUTE_EVENTS = {"open": "payment.dispute.created"}
DISPUTE_CHANGES = ("phase", "amount", "amount_deducted", "respond_by")
"""What may change of a dispute while its status stays."""
AT_ONCE = frozenset(
    (
        *("payment.authorized", "payment.captured", "refund.created", "refund.processed"),
        *("payment.dispute.created", "settlement.created", "settlement.processed"),
    )
)
"""What happens when a thing is made, or soon after; of everything else a list does not say when it happened."""
SETTLEMENT_EVENTS = {
    "created": "settlement.created",
    "processed": "settlement.processed",
    "failed": "settlement.failed",
}


async def read(wire: Wire, since: datetime, until: datetime, now: datetime) -> list[Told]:
    """List what happened, in the form of webhooks, each kind of thing oldest first; raises GatewayUnavailableError.

    The id of each is made of what it says, so looking twice tells nothing twice.
    """
    try:
        payments = await _made(wire, "payments", since, until, PAYMENT_AGES)
        refunds = await _made(wire, "refunds", since, until, REFUND_AGES)
        known = {payment["id"]: payment for payment in payments}
        for refund in refunds:
            if refund["payment_id"] not in known:
                known[refund["payment_id"]] = await wire.ask("GET", f"payments/{refund['payment_id']}")
        settlements = await _made(wire, "settlements", since, until, SETTLEMENT_AGES)
        found = [
            *[
                _told(PAYMENT_EVENTS.get(each["status"]), {"payment": each, **await _link(wire, each)}, each, now)
                for each in payments
            ],
            *(
                _told(
                    REFUND_EVENTS.get(each["status"]),
                    {"refund": each, "payment": known[each["payment_id"]]},
                    each,
                    now,
                )
                for each in refunds
            ),
            *[_dispute(each, now) for each in await _disputes(wire, since, until)],
            *(_told(SETTLEMENT_EVENTS.get(each["status"]), {"settlement": each}, each, now) for each in settlements),
        ]
    except (NotExecutedError, SaidNoError, UnclearError, *UNREADABLE) as error:
        message = f"Razorpay's lists cannot be read: {type(error).__name__}."
        raise GatewayUnavailableError(message) from error
    return [told for told in found if told is not None]


async def _made(wire: Wire, path: str, since: datetime, until: datetime, ages: Sequence[timedelta]) -> list[Object]:
    """List what was made in a window, and what was made as long before it as each of the ages."""
    found: dict[str, Object] = {}
    for age in reversed(ages):
        span = {"from": int((since - age).timestamp()), "to": int((until - age).timestamp()) - 1}
        found |= {item["id"]: item async for item in wire.pages(path, span)}
    oldest_first = [*found.values()][::-1]  # of the same second too, in which sorting leaves them as they are
    return sorted(oldest_first, key=lambda item: int(item["created_at"]))


async def _link(wire: Wire, payment: Object) -> dict[str, Object]:
    """Find the link that a payment has paid, if it has paid one."""
    named = entities.link_of(payment)
    if named is None or payment["status"] not in PAID:
        return {}
    try:
        link = await wire.ask("GET", f"payment_links/{named}")
    except SaidNoError:
        return {}
    lines = link["payments"] or ()
    return {"payment_link": link} if payment["id"] in [line["payment_id"] for line in lines] else {}


async def _disputes(wire: Wire, since: datetime, until: datetime) -> list[Object]:
    """List the disputes whose time to be looked at has come; there are few, and their list cannot be narrowed."""
    spans = [((since - age).timestamp(), (until - age).timestamp()) for age in DISPUTE_AGES]
    found = []
    async for dispute in wire.pages("disputes", {}):
        if dispute["created_at"] < spans[-1][0]:
            break
        if any(start <= dispute["created_at"] < end for start, end in spans):
            found.append(dispute)
    return found[::-1]


def _dispute(dispute: Object, now: datetime) -> Told | None:
    kind = DISPUTE_EVENTS.get(dispute["status"], f"payment.dispute.{dispute['status']}")
    return _told(kind, {"dispute": dispute}, dispute, now, changing=DISPUTE_CHANGES)


def _told(
    kind: str | None, payload: Mapping[str, Object], thing: Object, now: datetime, *, changing: Sequence[str] = ()
) -> Told | None:
    if kind is None:
        return None
    body = {
        "entity": "event",
        "event": kind,
        "contains": list(payload),
        "payload": {name: {"entity": part} for name, part in payload.items()},
        "created_at": thing["created_at"] if kind in AT_ONCE else None,
        "seen_at": int(now.timestamp()),
    }
    said = (thing["id"], thing["status"], *(thing.get(name) for name in changing))
    event_id = ":".join(("look", kind, *map(str, said)))
    return Told(envelope=Envelope(event_id=event_id, type=kind), body=msgspec.json.encode(body))
