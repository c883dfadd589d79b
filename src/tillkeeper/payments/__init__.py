"""Payments: their states, attempts, refunds and history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import DISPUTE_KINDS, REFUND_KINDS, Change, Notice, Verdict
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.payments import disputes as disputed
from tillkeeper.payments import store
from tillkeeper.payments.rules import (
    CAPTURE_KNOWN,
    PaymentDisputedError,
    RefundExceedsCapturedError,
    RefundNotAllowedError,
    decide,
    gross_of,
    is_taken_back,
    mark_doubt,
    may_be_surplus,
    open_checkout,
    reserve_refund,
    rule_on,
)
from tillkeeper.payments.values import (
    GIVEN_UP,
    Book,
    Decision,
    Dispute,
    NewPayment,
    Opening,
    OwnMove,
    Payment,
    Refund,
    RefundStatus,
    Status,
    Terms,
)

__all__ = [
    "CAPTURE_KNOWN",
    "GIVEN_UP",
    "Book",
    "Decision",
    "Dispute",
    "NewPayment",
    "Opening",
    "OwnMove",
    "Payment",
    "PaymentDisputedError",
    "Refund",
    "RefundExceedsCapturedError",
    "RefundNotAllowedError",
    "RefundStatus",
    "Status",
    "Terms",
    "begin_attempt",
    "changes",
    "create",
    "decide",
    "finish_attempt",
    "fix_customer",
    "gross_of",
    "is_taken_back",
    "link",
    "lock",
    "lock_disputes",
    "lock_one",
    "lock_open",
    "lock_with_refunds",
    "mark_doubt",
    "open_checkout",
    "opening",
    "record",
    "reroute",
    "reserve_refund",
    "rule_on",
    "settle_fees",
    "take_expired",
    "take_unreviewed",
    "tried",
]


ending_patience_seconds = 3600
"""How long a payment may be on its way to its end before somebody asks again."""


async def create(tx: Transaction, new: NewPayment, *, cause: str) -> None:
    """Remember a payment before any gateway hears of it."""
    await store.insert(tx, new)
    await store.insert_first_change(tx, new.id, cause, new.created_at)


async def begin_attempt(tx: Transaction, payment: UUID, *, gateway: str, key: str) -> None:
    """Remember a try before it is made."""
    await store.insert_attempt(tx, ids.new(), payment, gateway, key)


async def reroute(tx: Transaction, payment: Payment, *, gateway: str, now: datetime) -> None:
    """Go on with another gateway after one that certainly did nothing."""
    await store.reroute(tx, payment, gateway)
    await store.insert_reroute(tx, payment, f"{payment.gateway} could not be used; going on with {gateway}", now)


async def tried(tx: Transaction, payment: UUID) -> set[str]:
    """List the gateways that a payment was tried at."""
    return await store.tried(tx, payment)


async def lock(tx: Transaction, notices: Sequence[Notice]) -> Book:
    """Lock the payments that notices speak of, and their refunds and disputes when a notice may be about one."""
    pairs = sorted(
        {(notice.gateway, name) for notice in notices for name in (*notice.references, notice.failure) if name}
    )
    names = [gateway for gateway, _ in pairs], [reference for _, reference in pairs]
    references = await store.find(tx, *names) if pairs else {}
    wanted = {notice.payment for notice in notices if notice.payment} | set(references.values())
    payments = await store.lock(tx, list(wanted)) if wanted else {}
    book = Book(payments=payments, refunds={}, references=references)
    of_disputes = any(notice.kind in DISPUTE_KINDS or notice.reversal for notice in notices)
    if of_disputes or any(notice.kind in REFUND_KINDS or may_be_surplus(notice, book) for notice in notices):
        book = replace(book, refunds=await store.lock_refunds(tx, list(payments)))
    if of_disputes:
        book = replace(book, disputes=await disputed.lock(tx, list(payments)))
    return book


async def lock_one(tx: Transaction, payment: UUID) -> Payment | None:
    """Lock one payment."""
    return (await store.lock(tx, [payment])).get(payment)


async def lock_open(tx: Transaction, payments: Collection[UUID], *, waiting: bool) -> dict[UUID, Payment]:
    """Lock those of these payments that have no end yet; those that somebody else works on only when `waiting`."""
    return await store.lock_open(tx, sorted(payments), waiting=waiting) if payments else {}


async def lock_with_refunds(tx: Transaction, payment: UUID) -> tuple[Payment | None, dict[UUID, Refund]]:
    """Lock one payment and all its refunds."""
    found = await lock_one(tx, payment)
    return found, await store.lock_refunds(tx, [payment]) if found else {}


async def lock_disputes(tx: Transaction, payment: UUID) -> list[Dispute]:
    """Lock all disputes of one payment."""
    return list((await disputed.lock(tx, [payment])).values())


async def record(tx: Transaction, decisions: Sequence[Decision], *, causes: Sequence[str]) -> None:
    """Write what was decided: states, history, the gateways' ids, refunds and disputes."""
    final = {decision.payment.id: decision.payment for decision in decisions if decision.payment}
    refunds = {each.id: each for decision in decisions for each in (decision.refund, decision.rest) if each}
    if final:
        await store.update(tx, [final[id_] for id_ in sorted(final)])
        await link(tx, decisions)
    if refunds:
        await store.save_refunds(tx, [refunds[id_] for id_ in sorted(refunds)])
    disputes = {decision.dispute.id: decision.dispute for decision in decisions if decision.dispute}
    if disputes:
        await disputed.save(tx, [disputes[id_] for id_ in sorted(disputes)])
    if any(decision.change for decision in decisions):
        await store.insert_changes(tx, decisions, causes)


async def link(tx: Transaction, decisions: Sequence[Decision]) -> None:
    """Remember the gateways' ids that notices brought."""
    links = sorted(
        {
            (decision.notice.gateway if decision.notice else decision.payment.gateway, reference, decision.payment.id)
            for decision in decisions
            if decision.payment
            for reference in decision.links or (decision.notice.references if decision.notice else ())
        }
    )
    if links:
        await store.insert_references(tx, links)


def changes(decisions: Sequence[Decision]) -> list[Change]:
    """List what really changed, in order."""
    return [decision.change for decision in decisions if decision.change and decision.verdict is Verdict.APPLIED]


async def finish_attempt(tx: Transaction, key: str, opening: Opening, *, latency_ms: int) -> None:
    """Write down what the gateway answered to an attempt."""
    await store.finish_attempt(tx, key, opening, latency_ms)


async def settle_fees(tx: Transaction, fees: Mapping[UUID, int]) -> set[UUID]:
    """Take what gateways kept of payments for the last word; return those of which nobody had said one meanwhile."""
    return await store.settle_fees(tx, dict(sorted(fees.items()))) if fees else set()


async def take_expired(tx: Transaction, limit: int) -> list[tuple[UUID, str]]:
    """Mark unpaid payments whose time is over as being ended; return them with their gateways."""
    return await store.take_expired(tx, limit, ending_patience_seconds)


async def take_unreviewed(tx: Transaction, *, hours: int, limit: int) -> list[tuple[UUID, str]]:
    """Mark payments on which nobody ruled in time as being ended; return them with their gateways."""
    return await store.take_unreviewed(tx, hours, limit, ending_patience_seconds)


async def opening(tx: Transaction, payment: UUID) -> Record:
    """Read what a gateway must know to open a checkout; raises NotFoundError."""
    row = await store.opening(tx, payment)
    if row is None:
        raise NotFoundError
    return row


async def fix_customer(tx: Transaction, payment: UUID, reference: str | None) -> None:
    """Decide by which name the gateway is told of the customer, or that it is told of none."""
    await store.fix_customer(tx, payment, reference or "")
