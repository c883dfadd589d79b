"""Apply what gateways told us, each fact exactly once."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from tillkeeper import fulfilment, inbox, ledger, operations, outbox, payments, risk, routing
from tillkeeper.facts import EXPIRED, PAYOUT_KINDS, REFUND_KINDS, Change, Goods, Notice, NoticeKind, Step, Verdict
from tillkeeper.flows.bookkeep import bookkeep
from tillkeeper.flows.instruct import instruct, pass_on, refund_call
from tillkeeper.flows.notify import alert_of_dead
from tillkeeper.flows.pay_out import pay_out
from tillkeeper.flows.reconsider import FAILED_TRY, reconsider
from tillkeeper.inbox import Batch, Ending, Message
from tillkeeper.kernel import clock, failpoints, ids, logs, meters, traces
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.payments import Book, Decision, Terms
from tillkeeper.till import Till

settle_batch_max = 100
reason_length_max = 300
REFUND_ENDS = frozenset({Step.REFUND_SUCCEEDED, Step.REFUND_FAILED, Step.SURPLUS_REFUNDED, Step.SURPLUS_RETURNED})


async def settle(till: Till, *, limit: int = settle_batch_max) -> int:
    """Apply stored webhooks to their payments, each exactly once; return how many were looked at."""
    async with till.db.transaction() as tx:
        batch = await inbox.open_batch(tx, limit)
    if batch is None:
        return await rescue(till)
    read_ms = clock.timer_ms()
    try:
        await _settle(till, batch)
    except DatabaseUnavailableError:
        await _leave(till, batch, inbox.close_batch)
        raise
    except Exception as error:  # noqa: BLE001 (a poisonous message must not sink its neighbours)
        logs.webhook.warning("batch_failed", messages=len(batch.messages), error=type(error).__name__)
        for message in batch.messages:
            await _settle_singly(till, message)
        async with till.db.transaction() as tx:
            await inbox.close_batch(tx, batch)
    meters.count(meters.settle_durations, by=read_ms())
    return len(batch.messages)


async def apply(tx: Transaction, till: Till, notices: Sequence[Notice], causes: Sequence[str]) -> list[Decision]:
    """Decide what notices mean, and let state, goods, books and events become true together."""
    about_payments = [notice for notice in notices if notice.kind not in PAYOUT_KINDS]
    book = await _lock(tx, about_payments)
    decisions = payments.decide(book, about_payments, await _terms(tx, till, about_payments), till.now())
    cause_of = {notice.id: cause for notice, cause in zip(notices, causes, strict=True)}
    await payments.record(tx, decisions, causes=[cause_of[item.notice.id] if item.notice else "" for item in decisions])
    changes = payments.changes(decisions)
    goods = await follow(tx, changes)
    known_now = {change.refund for change in changes if change.refund in book.given_up and change.step in REFUND_ENDS}
    if known_now:
        await operations.close(tx, known_now)
    await pass_on(tx, await reconsider(tx, till, changes, instruct(changes, till.now())))
    await give_back(tx, till, decisions, goods)
    await _release(tx, decisions)
    told = [notice for notice in notices if notice.kind in PAYOUT_KINDS]
    return decisions + (await pay_out(tx, told, till.now()) if told else [])


async def _lock(tx: Transaction, notices: Sequence[Notice]) -> Book:
    """Lock what notices speak of, and see what we ourselves are about with it."""
    book = await payments.lock(tx, notices)
    if any(notice.code == EXPIRED or notice.kind is NoticeKind.PAYMENT_LET_GO for notice in notices):
        book = replace(book, canceling=await operations.canceling(tx, book.payments))
    if any(notice.kind in REFUND_KINDS for notice in notices):
        book = replace(book, given_up=await operations.given_up(tx, book.payments))
    return book


async def follow(tx: Transaction, changes: Sequence[Change]) -> list[Goods]:
    """Do what changes of payments bring with them: goods first, because they decide the postings."""
    if not changes:
        return []
    goods = await fulfilment.carry_out(tx, changes)
    await ledger.post(tx, bookkeep(changes, goods))
    await outbox.add(tx, changes, goods)
    failed = [(change.payment, change.effective_at) for change in changes if change.event == FAILED_TRY]
    await risk.count_failures(tx, failed)
    return goods


async def give_back(tx: Transaction, till: Till, decisions: Sequence[Decision], goods: Sequence[Goods]) -> None:
    """Refund what was paid for goods that cannot be handed over, or too late."""
    late = {change.payment: change.withheld for change in payments.changes(decisions) if change.withheld}
    failed = late | {item.change.payment: item.failed for item in goods if item.failed}
    final = {decision.payment.id: decision.payment for decision in decisions if decision.payment}
    wishes = [
        payments.reserve_refund(
            final[id_], None, refund=ids.new(), unused=None, reason=f"not delivered: {why}", now=till.now()
        )
        for id_, why in sorted(failed.items())
        if final[id_].left
    ]
    if wishes:
        given_back = payments.changes(wishes)
        await payments.record(tx, wishes, causes=["not delivered"] * len(wishes))
        await follow(tx, given_back)
        await operations.ask(tx, [refund_call(change, till.now()) for change in given_back])


async def _terms(tx: Transaction, till: Till, notices: Sequence[Notice]) -> Terms:
    """Read what was decided about the gateways through which money comes."""
    taking = {notice.gateway for notice in notices if notice.kind is NoticeKind.PAYMENT_CAPTURED}
    states = await routing.states(tx, sorted(taking)) if taking else {}

    def predict_fee(gateway: str, amount: int, currency: str) -> int:
        configured = routing.fee(states.get(gateway), amount)
        return till.gateway(gateway).predict_fee(amount, currency) if configured is None else configured

    return Terms(predict_fee=predict_fee, refund_late=till.settings.late_success == "refund")


async def rescue(till: Till) -> int:
    """Work on the messages of a worker that died over them; return how many were found.

    One by one, because one of them may have killed it, and however much else is due.
    """
    async with till.db.statement() as tx:
        if not await inbox.any_lost(tx):
            return 0
    async with till.db.transaction() as tx:
        lost = await inbox.take_lost_batch(tx)
        batch = await inbox.suspect(tx, lost.messages[0]) if lost and len(lost.messages) == 1 else None
        if lost and batch is None:
            await alert_of_dead(tx, till, lost.messages)
    if batch:
        try:
            await _settle_singly(till, batch.messages[0])
        except DatabaseUnavailableError:
            await _leave(till, batch, inbox.absolve)
            raise
        async with till.db.transaction() as tx:
            await inbox.close_batch(tx, batch)
    return len(lost.messages) if lost else 0


async def _leave(till: Till, batch: Batch, how: Callable[[Transaction, Batch], Awaitable[None]]) -> None:
    """Give a batch up because of the database, and blame no message; while nothing can be written, its lease runs."""
    with suppress(DatabaseUnavailableError):
        async with till.db.transaction() as tx:
            await how(tx, batch)


@retry_conflicts
async def _settle(till: Till, batch: Batch) -> None:
    begun = clock.wall_ns()
    async with till.db.transaction() as tx:
        messages = await inbox.claim(tx, batch.messages)
        read = {message.id: _translate(till, message) for message in messages}
        told = [
            (message, notice)
            for message in messages
            for notice in read[message.id]
            if notice.live == till.settings.live
        ]
        decisions = await apply(
            tx, till, [notice for _, notice in told], [f"webhook {message.id}" for message, _ in told]
        )
        by_notice = {decision.notice.id: decision for decision in decisions if decision.notice}
        said: dict[UUID, list[Decision]] = {message.id: [] for message in messages}
        for message, notice in told:
            said[message.id].append(by_notice[notice.id])
        endings = [_ending(message, read[message.id], said[message.id]) for message in messages]
        endings = [
            await _tied(tx, ending, read[ending.message]) if ending.status == "quarantined" else ending
            for ending in endings
        ]
        await inbox.finish(tx, endings)
        await alert_of_dead(tx, till, _given_up(endings))
        if any(ending.status == "parked" for ending in endings):  # perhaps beside the capture that it waits for
            await _release(tx, decisions)
        await inbox.close_batch(tx, batch)
    _tell(messages, endings, begun)


def _tell(messages: Sequence[Message], endings: Sequence[Ending], begun: int) -> None:
    """Count what became of webhooks, and say for which payments."""
    gateways = {message.id: message.gateway for message in messages}
    for (gateway, status), often in Counter((gateways[each.message], each.status) for each in endings).items():
        meters.count(meters.webhooks_processed, gateway, status, by=often)
    for payment in {each.payment for each in endings if each.payment}:
        traces.record("payment.settle", payment, begun)


async def _settle_singly(till: Till, message: UUID) -> None:
    """Apply one message on its own; if it is the poisonous one, count the failure and let it wait."""
    alone = Batch(id=message, messages=(message,))
    try:
        await _settle(till, alone)
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it is counted and kept as the reason)
        reason = logs.mask(f"{type(error).__name__}: {error}")[:reason_length_max]
        logs.webhook.exception("message_failed", message=str(message), error=type(error).__name__)
        async with till.db.transaction() as tx:
            failed = await inbox.claim(tx, alone.messages)
            endings = [await _tied_at_best(tx, till, inbox.retry(each, reason), each) for each in failed]
            await inbox.finish(tx, endings)
            await alert_of_dead(tx, till, _given_up(endings))
        _tell(failed, endings, clock.wall_ns())


async def _tied(tx: Transaction, ending: Ending, notices: Sequence[Notice]) -> Ending:
    """Remember of what could not be applied which payment it speaks of, so that whoever looks at that one sees it."""
    spoken_of = (await payments.lock(tx, [each for each in notices if each.kind not in PAYOUT_KINDS])).payments
    return replace(ending, payment=next(iter(spoken_of))) if len(spoken_of) == 1 else ending


async def _tied_at_best(tx: Transaction, till: Till, ending: Ending, message: Message) -> Ending:
    """Remember the same of a message that failed, as far as it can be read at all."""
    try:
        async with tx.savepoint():
            return await _tied(tx, ending, _translate(till, message))
    except Exception:  # noqa: BLE001 (why it failed is written down already, and must be)
        return ending


def _given_up(endings: Sequence[Ending]) -> list[UUID]:
    return [ending.message for ending in endings if ending.status == "dead"]


def _translate(till: Till, message: Message) -> list[Notice]:
    """Open a message and put it into our words."""
    failpoints.reach(f"settle:{message.type}")
    return till.gateway(message.gateway).translate(till.box.open(message.body))


def _weight(decision: Decision) -> int:
    """Order verdicts: of several notices in one message, the one that still needs something decides."""
    return (Verdict.KNOWN, Verdict.APPLIED, Verdict.QUARANTINED, Verdict.PARKED).index(decision.verdict)


def _ending(message: Message, notices: Sequence[Notice], decisions: Sequence[Decision]) -> Ending:
    decision = max(decisions, key=_weight, default=None)
    if decision is None and notices:
        logs.webhook.error("wrong_livemode", message=str(message.id), gateway=message.gateway)
        theirs = "live mode" if notices[0].live else "test mode"
        return Ending(message=message.id, status="ignored", reason=f"it belongs to {theirs}, and this is not")
    if decision is None:
        return Ending(message=message.id, status="ignored", reason=f"{message.type} has no effect here")
    payment = decision.payment.id if decision.payment else decision.refund.payment if decision.refund else None
    match decision.verdict:
        case Verdict.APPLIED | Verdict.KNOWN:
            return Ending(message=message.id, status="processed", reason=_reason(decisions), payment=payment)
        case Verdict.QUARANTINED:
            logs.webhook.error("quarantined", message=str(message.id), reason=decision.reason)
            return Ending(message=message.id, status="quarantined", reason=decision.reason, payment=payment)
        case Verdict.PARKED:
            ours = payment is not None or (decision.notice is not None and decision.notice.payment is not None)
            return inbox.park(message, decision.reason, waits_for=decision.waits_for, ours=ours, payment=payment)


def _reason(decisions: Sequence[Decision]) -> str:
    """Say all that a message brought, each thing once."""
    first, *more = dict.fromkeys(decision.reason for decision in decisions)
    return "; ".join([first.rstrip("."), *(f"{each[:1].lower()}{each[1:].rstrip('.')}" for each in more)])


async def _release(tx: Transaction, decisions: Sequence[Decision]) -> None:
    """Wake what was parked until a capture that has come now."""
    captured = {change.payment for change in payments.changes(decisions) if change.step is Step.CAPTURED}
    if captured:
        await inbox.release(tx, _now_known(decisions, captured))


def _now_known(decisions: Sequence[Decision], captured: set[UUID]) -> list[str]:
    """List the names under which parked messages may wait for these payments."""
    names = {str(payment) for payment in captured}
    for decision in decisions:
        if decision.notice and decision.payment and decision.payment.id in captured:
            names.update(decision.notice.references)
    return sorted(names)
