"""Tell gateways what they must hear, each call with a key of its own, until an answer is known."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tillkeeper import backups, operations, payments, routing
from tillkeeper.facts import Notice, NoticeKind, Verdict
from tillkeeper.flows import settle
from tillkeeper.flows.carry_out import carry_out
from tillkeeper.flows.instruct import capture_call
from tillkeeper.flows.knock import knock
from tillkeeper.flows.measure import measure
from tillkeeper.flows.reconsider import turn_away
from tillkeeper.flows.resolve import NOT_FOUND_YET
from tillkeeper.gateway import (
    Accepted,
    Declined,
    GatewayUnavailableError,
    Outcome,
    Refused,
    Unknown,
)
from tillkeeper.kernel import clock, logs, outside
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError, TillError
from tillkeeper.kernel.secrets import SecretUnreadableError
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Opening, OwnMove, Status
from tillkeeper.routing import Breaker, Switch
from tillkeeper.till import Till

operate_batch_max = 10
probes_max = 1
renew_seconds = 15
"""A third of a lease."""
FAILURES = {Kind.REFUND: NoticeKind.REFUND_FAILED, Kind.CONFIRM: NoticeKind.PAYMENT_FAILED}
SWITCHED_OFF = Refused(reason="the gateway is switched off here")
KEPT_APART = Refused(reason="this is a restored copy, and nobody has released it yet")
ENDINGS = frozenset({Kind.CANCEL, Kind.EXPIRE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what a gateway answered, and after how many milliseconds; or what was known without calling it."""

    outcome: Outcome
    latency_ms: int
    called: bool = True


async def operate(till: Till, gateway: str, *, limit: int = operate_batch_max) -> int:
    """Make the calls that are due at one gateway, and write down what came of them; return how many were made.

    Each gateway is told on its own, so that one that hangs keeps nobody from the others.
    """
    async with till.db.transaction() as tx:
        state = (await routing.states(tx, [gateway]))[gateway]
        well = state.breaker is Breaker.CLOSED
        any_due = await operations.any_due(tx, gateway)
        if state.switch is Switch.OFF or (well and not any_due) or await backups.is_isolated(tx):
            return 0
        if not well and not await routing.admit(tx, gateway):
            return 0
        due = await operations.claim(tx, gateway, limit if well else probes_max)
    made = await asyncio.gather(*(_carry_out(till, operation) for operation in due), return_exceptions=True)
    for each in made:
        if isinstance(each, BaseException):
            raise each  # after all of them were carried out, so that one cannot keep the others from it
    if not well and not any(made):
        await knock(till, till.gateways[gateway])
    return len(due)


async def call(till: Till, operation: Operation) -> Answer:
    """Make one leased call, with no transaction open."""
    read_ms, begun_ns = clock.timer_ms(), clock.wall_ns()
    with outside.counting() as tally:
        async with _leased(till, operation):
            outcome = await _call_safely(till, operation, tally)
    if isinstance(outcome, Refused) and operation.doubts:
        # Nothing was executed now; but an earlier try, of which nobody knows, may have arrived.
        outcome = Unknown(reason=outcome.reason, counts=False)
    answer = Answer(outcome=outcome, latency_ms=read_ms(), called=tally.calls > 0)
    measure(operation, outcome, begun_ns=begun_ns, latency_ms=answer.latency_ms, called=answer.called)
    return answer


@asynccontextmanager
async def _leased(till: Till, operation: Operation) -> AsyncIterator[None]:
    """Keep the lease while an operation takes several calls, so that no other worker begins it anew."""
    over = asyncio.Event()
    keeping = asyncio.create_task(_renew(till, operation, over))
    try:
        yield
    finally:
        over.set()
        await keeping


async def _renew(till: Till, operation: Operation, over: asyncio.Event) -> None:
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), renew_seconds)
        if over.is_set():
            return
        with suppress(DatabaseUnavailableError):  # then the lease runs out, and what comes of the call is not written
            async with till.db.statement() as tx:
                if not await operations.renew(tx, operation):
                    return


async def give_up(tx: Transaction, operation: Operation, answer: Answer) -> bool:
    """Note that an attempt was certainly not made, because the payment goes on elsewhere; false without its lease."""
    await _note_health(tx, operation, answer)
    if not await _end_try(tx, operation, answer.outcome):
        return False
    await payments.finish_attempt(tx, operation.key, _opening(answer.outcome), latency_ms=answer.latency_ms)
    return True


async def record(tx: Transaction, till: Till, operation: Operation, answer: Answer) -> bool:
    """Make the answer to a call true; false when the lease was lost meanwhile, and then nothing is written."""
    await _note_health(tx, operation, answer)
    if not await _end_try(tx, operation, answer.outcome):
        return False
    if operation.kind is Kind.CREATE:
        await _opened(tx, till, operation, answer)
    notices = _notices(operation, answer.outcome)
    decisions = await settle.apply(tx, till, notices, [f"operation {operation.id}"] * len(notices))
    for decision in decisions:
        if decision.verdict is Verdict.QUARANTINED:
            logs.intent.error("quarantined", operation=str(operation.id), reason=decision.reason)
    if operation.kind is Kind.CONFIRM:
        await _mark_doubt(tx, till, operation, answer.outcome)
    if operation.kind in ENDINGS:
        await _capture_after_all(tx, till, operation)
    return True


async def _note_health(tx: Transaction, operation: Operation, answer: Answer) -> None:
    """Count what a call says about its gateway: no answer is trouble, any answer is a sign of life."""
    if not answer.called:
        return  # what was known here says nothing about anybody else
    outcome = answer.outcome
    known = isinstance(outcome, Accepted | Declined) or (isinstance(outcome, Unknown) and outcome.final)
    answered = known or outcome == NOT_FOUND_YET
    breaker = await routing.note(tx, operation.gateway, answered=answered)
    if breaker:
        logs.intent.warning("gateway_health", gateway=operation.gateway, breaker=breaker)


async def _end_try(tx: Transaction, operation: Operation, outcome: Outcome) -> bool:
    match outcome:
        case Accepted():
            return await operations.finish(tx, operation, "done")
        case Declined(code=code):
            return await operations.finish(tx, operation, "declined", error=code)
        case Refused(reason=reason) if operation.kind is Kind.CREATE or operation.data:
            # Nobody waits at a checkout that was not opened, and nobody keeps what a browser brought: the customer is
            # told, and may start again.
            return await operations.finish(tx, operation, "refused", error=reason)
        case Unknown(reason=reason, final=True):
            return await operations.finish(tx, operation, "given_up", error=reason)
        case Refused(reason=reason):
            return await operations.postpone(tx, operation, error=reason, doubtful=False)
        case Unknown(reason=reason, counts=counts):
            return await operations.postpone(tx, operation, error=reason, doubtful=counts)


async def _carry_out(till: Till, operation: Operation) -> bool:
    answer = await call(till, operation)
    await _write_down(till, operation, answer)
    return answer.called


@retry_conflicts
async def _write_down(till: Till, operation: Operation, answer: Answer) -> None:
    async with till.db.transaction() as tx:
        await record(tx, till, operation, answer)


async def _call_safely(till: Till, operation: Operation, tally: outside.Tally) -> Outcome:
    """Turn whatever a call raises into an outcome: an operation that nobody ends would be tried for ever."""
    try:
        return await _call(till, operation)
    except DatabaseUnavailableError:
        raise
    except SecretUnreadableError as error:  # no call leaves without its key, but one of several may have left before
        return Unknown(reason=error.detail) if tally.calls else Refused(reason=error.detail)
    except GatewayUnavailableError as error:
        return Unknown(reason=error.detail)
    except TillError as error:  # the gateway's adapter refused before anything was sent
        return Declined(code=error.code, message=error.detail)
    except Exception as error:  # noqa: BLE001 (a bug in an adapter may have struck before or after the call)
        logs.intent.exception("call_failed", operation=str(operation.id), kind=operation.kind)
        return Unknown(reason=f"{type(error).__name__} in the adapter")


async def _call(till: Till, operation: Operation) -> Outcome:
    gateway = till.gateways.get(operation.gateway)
    if gateway is None:
        return Refused(reason=f"{operation.gateway} is not configured any more")
    async with till.db.statement() as tx:
        if await backups.is_isolated(tx):
            return KEPT_APART
    async with till.db.statement() as tx:
        state = (await routing.states(tx, [gateway.name]))[gateway.name]
    if state.switch is Switch.OFF:
        return SWITCHED_OFF
    return await carry_out(till, gateway, operation)


async def _opened(tx: Transaction, till: Till, operation: Operation, answer: Answer) -> None:
    """Write what the gateway made of the attempt, and move the payment along."""
    payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    opening = _opening(answer.outcome)
    await payments.finish_attempt(tx, operation.key, opening, latency_ms=answer.latency_ms)
    decision = payments.open_checkout(payment, opening, till.now())
    await payments.record(tx, [decision], causes=[f"operation {operation.id}"])
    await settle.follow(tx, payments.changes([decision]))
    await turn_away(tx, till, payment.id)  # whoever was put on a list while the gateway was opening it


async def _mark_doubt(tx: Transaction, till: Till, operation: Operation, outcome: Outcome) -> None:
    """Tell the customer that nobody knows whether they were charged, and when that is over."""
    payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    unclear = isinstance(outcome, Unknown) and not outcome.final
    reason = "the gateway did not say whether it charged" if unclear else "the gateway has not charged"
    decision = payments.mark_doubt(payment, unclear=unclear, reason=reason, now=till.now())
    await payments.record(tx, [decision], causes=[f"operation {operation.id}"])


async def _capture_after_all(tx: Transaction, till: Till, operation: Operation) -> None:
    """Take money that was set aside while somebody tried in vain to end the payment, and that nobody need decide about.

    While the try goes on nothing is taken: a payment has one unfinished capture or ending.
    """
    payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    held = payment.status is Status.REQUIRES_CAPTURE and not payment.manual_capture
    if held and not await turn_away(tx, till, payment.id, held=True):
        await operations.ask(tx, [capture_call(payment, till.now())])


def _opening(outcome: Outcome) -> Opening:
    match outcome:
        case Accepted(references=references, next_action=next_action):
            return Opening(move=OwnMove.OPENED, references=references, next_action=next_action)
        case Declined(code=code, message=message):
            return Opening(move=OwnMove.REFUSED, error_code=code, error_message=message)
        case Refused(reason=reason):
            return Opening(move=OwnMove.REFUSED, error_code="gateway_unavailable", error_message=reason)
        case Unknown(reason=reason):
            return Opening(move=OwnMove.UNCLEAR, error_code="outcome_unknown", error_message=reason)


def _notices(operation: Operation, outcome: Outcome) -> Sequence[Notice]:
    """List the facts in an answer; a refund that was declined has failed, and so has an attempt with a bad card."""
    if isinstance(outcome, Accepted):
        return outcome.notices
    kind = FAILURES.get(operation.kind)
    if isinstance(outcome, Declined) and kind and (outcome.card or operation.kind is Kind.REFUND):
        failed = Notice(
            kind=kind,
            gateway=operation.gateway,
            references=(),
            payment=operation.payment,
            refund=operation.refund,
            code=outcome.code,
            message=outcome.message,
            attempt=outcome.attempt,
        )
        return [failed]
    return []
