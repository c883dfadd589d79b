"""Apply what gateways told us, each fact exactly once."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from tillkeeper import fulfilment, inbox, ledger, outbox, payments
from tillkeeper.facts import Change, Notice, Step, Verdict
from tillkeeper.flows.bookkeep import bookkeep
from tillkeeper.inbox import Ending, Message
from tillkeeper.kernel import logs
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.payments import Decision
from tillkeeper.till import Till

settle_batch_max = 100
reason_length_max = 300

Claim = Callable[[Transaction], Awaitable[list[Message]]]


async def settle(till: Till, *, limit: int = settle_batch_max) -> int:
    """Apply stored webhooks to their payments, each exactly once; return how many were looked at."""
    claimed: list[UUID] = []
    try:
        await _settle(till, lambda tx: inbox.claim(tx, limit), claimed)
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 (a poisonous message must not sink its neighbours)
        logs.webhook.warning("batch_failed", messages=len(claimed), error=type(error).__name__)
        for message in claimed:
            await _settle_singly(till, message)
    return len(claimed)


async def apply(tx: Transaction, till: Till, notices: Sequence[Notice], causes: Sequence[str]) -> list[Decision]:
    """Decide what notices mean, and let state, goods, books and events become true together."""
    book = await payments.lock(tx, notices)
    decisions = payments.decide(book, notices, till.now())
    cause_of = {notice.id: cause for notice, cause in zip(notices, causes, strict=True)}
    await payments.record(tx, decisions, causes=[cause_of[item.notice.id] if item.notice else "" for item in decisions])
    changes = payments.changes(decisions)
    await follow(tx, till, changes)
    captured = {change.payment for change in changes if change.step is Step.CAPTURED}
    if captured:
        await inbox.release(tx, _now_known(decisions, captured))
    return decisions


async def follow(tx: Transaction, till: Till, changes: Sequence[Change]) -> None:
    """Do what changes of payments bring with them: goods first, because they decide the postings."""
    if not changes:
        return
    goods = await fulfilment.carry_out(tx, changes)
    await ledger.post(tx, bookkeep(till.gateways, changes, goods))
    await outbox.add(tx, changes, goods)


@retry_conflicts
async def _settle(till: Till, claim: Claim, claimed: list[UUID]) -> None:
    claimed.clear()
    async with till.db.transaction() as tx:
        messages = await claim(tx)
        claimed.extend(message.id for message in messages)
        told = [(message, notice) for message in messages for notice in _translate(till, message)]
        decisions = await apply(
            tx, till, [notice for _, notice in told], [f"webhook {message.id}" for message, _ in told]
        )
        by_notice = {decision.notice.id: decision for decision in decisions if decision.notice}
        outcome = {message.id: by_notice[notice.id] for message, notice in told}
        if messages:
            await inbox.finish(tx, [_ending(message, outcome.get(message.id)) for message in messages])


async def _settle_singly(till: Till, message: UUID) -> None:
    """Apply one message on its own; if it is the poisonous one, count the failure and let it wait."""
    try:
        await _settle(till, lambda tx: inbox.claim_one(tx, message), [])
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it is counted and kept as the reason)
        reason = f"{type(error).__name__}: {error}"[:reason_length_max]
        logs.webhook.exception("message_failed", message=str(message), error=type(error).__name__)
        async with till.db.transaction() as tx:
            failed = await inbox.claim_one(tx, message)
            await inbox.finish(tx, [inbox.retry(each, reason) for each in failed])


def _translate(till: Till, message: Message) -> list[Notice]:
    """Open a message and put it into our words; what belongs to the other of test and live has no effect."""
    notices = till.gateways[message.gateway].translate(till.box.open(message.body))
    foreign = [notice for notice in notices if notice.live != till.settings.live]
    if foreign:
        logs.webhook.error("wrong_livemode", message=str(message.id), gateway=message.gateway)
    return [notice for notice in notices if notice not in foreign]


def _ending(message: Message, decision: Decision | None) -> Ending:
    if decision is None:
        return Ending(message=message.id, status="ignored", reason=f"{message.type} has no effect here")
    payment = decision.payment.id if decision.payment else decision.refund.payment if decision.refund else None
    match decision.verdict:
        case Verdict.APPLIED | Verdict.KNOWN:
            return Ending(message=message.id, status="processed", reason=decision.reason, payment=payment)
        case Verdict.QUARANTINED:
            logs.webhook.error("quarantined", message=str(message.id), reason=decision.reason)
            return Ending(message=message.id, status="quarantined", reason=decision.reason, payment=payment)
        case Verdict.PARKED:
            ours = decision.notice is not None and decision.notice.payment is not None
            return inbox.park(message, decision.reason, waits_for=decision.waits_for, ours=ours, payment=payment)


def _now_known(decisions: Sequence[Decision], captured: set[UUID]) -> list[str]:
    """List the names under which parked messages may wait for these payments."""
    names = {str(payment) for payment in captured}
    for decision in decisions:
        if decision.notice and decision.payment and decision.payment.id in captured:
            names.update(decision.notice.references)
    return sorted(names)
