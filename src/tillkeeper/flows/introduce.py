"""Make a customer known to a gateway, when it first opens a checkout for one."""

import asyncio
from uuid import UUID

from tillkeeper import customers, payments
from tillkeeper.customers import Customer
from tillkeeper.gateway import Accepted, CustomerOrder, Declined, Feature, Gateway, Outcome, Unknown
from tillkeeper.kernel import ids, logs
from tillkeeper.till import Till

introduction_timeout_seconds = 10
"""Together with the checkout's own call it stays within the lease of an operation."""


async def introduce(till: Till, gateway: Gateway, *, payment: UUID, customer: UUID) -> str | None:
    """Tell what a gateway calls a customer, making it known there first; None when it cannot be.

    What is said about a payment is decided once: a key may be sent again only with the same words.
    """
    if Feature.CUSTOMERS not in gateway.features:
        return None
    async with till.db.transaction() as tx:
        called = await customers.reference(tx, customer, gateway.name)
        person = await customers.get(tx, customer)
    made = await _make_known(gateway, person) if person and not called else None
    async with till.db.transaction() as tx:
        if made:
            called = await customers.link(tx, customer, gateway.name, made)
        elif not called:  # another checkout may have been luckier meanwhile
            called = await customers.reference(tx, customer, gateway.name)
        await payments.fix_customer(tx, payment, called)
    return called


async def _make_known(gateway: Gateway, person: Customer) -> str | None:
    """Ask the gateway for a name; without one the customer still pays, only as a stranger."""
    shown = ids.text("customer", person.id)
    order = CustomerOrder(customer=person.id, key=f"{shown}_{gateway.name}", email=person.email, name=person.name)
    outcome = await _ask(gateway, order)
    match outcome:
        case Accepted(references=(called, *_)):
            return called
        case Declined(code=why):  # its message may repeat the address
            pass
        case Accepted():
            why = "no name in the answer"
        case _:
            why = outcome.reason
    logs.intent.warning("customer_not_made_known", customer=shown, gateway=gateway.name, reason=why)
    return None


async def _ask(gateway: Gateway, order: CustomerOrder) -> Outcome:
    try:
        async with asyncio.timeout(introduction_timeout_seconds):
            return await gateway.create_customer(order)
    except Exception as error:  # noqa: BLE001 (whatever it is, it must not cost the payment)
        return Unknown(reason=type(error).__name__)
