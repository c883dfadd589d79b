"""Tell gateways what they must hear, each call with a key of its own, until an answer is known."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from tillkeeper import backups, operations, payments, routing
from tillkeeper.facts import Notice, NoticeKind, Sale, Verdict
from tillkeeper.flows import settle
from tillkeeper.flows.defend import defend
from tillkeeper.flows.end import ENDS, end
from tillkeeper.flows.instruct import capture_call
from tillkeeper.flows.introduce import introduce
from tillkeeper.flows.knock import knock
from tillkeeper.flows.measure import measure
from tillkeeper.flows.reconsider import turn_away
from tillkeeper.flows.resolve import NOT_FOUND_YET, resolve
from tillkeeper.gateway import (
    Absent,
    Accepted,
    Declined,
    Gateway,
    GatewayUnavailableError,
    Order,
    Outcome,
    RefundOrder,
    Refused,
    Unknown,
)
from tillkeeper.kernel import clock, ids, logs, outside
from tillkeeper.kernel.db import Record, Transaction, retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError, TillError
from tillkeeper.kernel.secrets import SecretUnreadableError
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Opening, OwnMove, Payment, Status
from tillkeeper.routing import Breaker, Switch
from tillkeeper.till import Till

operate_batch_max = 10
probes_max = 1
CONFIRMED = ENDS | {NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_PENDING, NoticeKind.PAYMENT_FAILED}
OPENABLE = (Status.CREATED, Status.OUTCOME_UNKNOWN)
CONFIRMABLE = (*OPENABLE, Status.REQUIRES_ACTION, Status.PROCESSING)
FAILURES = {Kind.REFUND: NoticeKind.REFUND_FAILED, Kind.CONFIRM: NoticeKind.PAYMENT_FAILED}
SWITCHED_OFF = Refused(reason="the gateway is switched off here")
KEPT_APART = Refused(reason="this is a restored copy, and nobody has released it yet")
ENDINGS = frozenset({Kind.CANCEL, Kind.EXPIRE})
PAID = (Status.REQUIRES_CAPTURE, Status.IN_REVIEW, Status.SUCCEEDED)
OVER = (Status.EXPIRED, Status.CANCELED, Status.FAILED)
ANSWERED = Accepted()
"""A webhook was faster: who has paid was shown a checkout, and whatever they brought was taken."""
DISPUTED = Declined(
    code=payments.PaymentDisputedError.code, message="The customer's bank takes this money back already."
)
PAYMENT_ENDED = Unknown(reason="the payment has ended", final=True)


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
        outcome = await _call_safely(till, operation, tally)
    if isinstance(outcome, Refused) and operation.doubts:
        # Nothing was executed now; but an earlier try, of which nobody knows, may have arrived.
        outcome = Unknown(reason=outcome.reason, counts=False)
    answer = Answer(outcome=outcome, latency_ms=read_ms(), called=tally.calls > 0)
    measure(operation, outcome, begun_ns=begun_ns, latency_ms=answer.latency_ms, called=answer.called)
    return answer


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
    return await WAYS[operation.kind](till, gateway, operation)


async def _create(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    order = await _order(till, gateway, operation, waiting=OPENABLE)
    if not isinstance(order, Order):
        return order
    ask, tell = partial(gateway.look_up, order), partial(gateway.create, order)
    return await resolve(operation, ask=ask, tell=tell, key_forgotten=_is_forgotten(till, gateway, operation))


async def _confirm(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    # What may have been charged is asked after also when the payment has ended, only then it is not charged again.
    waiting = (*CONFIRMABLE, *OVER) if operation.doubts else CONFIRMABLE
    order = await _order(till, gateway, operation, waiting=waiting)
    if not isinstance(order, Order):
        return order
    payment = await _locked(till, operation)
    ask = partial(_look_for, gateway, order, payment.reference)
    tell = partial(_charge, gateway, order, payment, operation)
    return await resolve(operation, ask=ask, tell=tell, key_forgotten=_is_forgotten(till, gateway, operation))


async def _refund(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    order = await refund_order(till, operation)
    ask, tell = partial(gateway.look_up_refund, order), partial(_give_back, till, gateway, operation, order)
    return await resolve(operation, ask=ask, tell=tell, key_forgotten=_is_forgotten(till, gateway, operation))


async def _give_back(till: Till, gateway: Gateway, operation: Operation, order: RefundOrder) -> Outcome:
    """Refund, unless the customer's bank takes the money back by now: what may have arrived is only asked after."""
    async with till.db.transaction() as tx:
        payment, refunds = await payments.lock_with_refunds(tx, operation.payment)
        disputes = await payments.lock_disputes(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    if payments.is_taken_back(payment, refunds[order.refund], disputes):
        return NOT_FOUND_YET if operation.doubts else DISPUTED
    return await gateway.refund(order)


async def _fetch_fee(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    payment = await _locked(till, operation)
    assert payment.reference, "a captured payment has a reference"
    outcome = await gateway.fetch_fee(payment.reference)
    if not isinstance(outcome, Accepted):
        return outcome
    # The question was about this payment, so the answer is.
    return replace(outcome, notices=tuple(replace(notice, payment=payment.id) for notice in outcome.notices))


WAYS: Mapping[Kind, Callable[[Till, Gateway, Operation], Awaitable[Outcome]]] = {
    Kind.CREATE: _create,
    Kind.CONFIRM: _confirm,
    Kind.REFUND: _refund,
    Kind.CAPTURE: end,
    Kind.CANCEL: end,
    Kind.EXPIRE: end,
    Kind.FEE: _fetch_fee,
    Kind.EVIDENCE: defend,
    Kind.ACCEPT: defend,
}


def _is_forgotten(till: Till, gateway: Gateway, operation: Operation) -> bool:
    """Tell whether the gateway may have forgotten the key of a call, so that telling again could do it twice."""
    age = till.now() - operation.created_at if operation.created_at else timedelta()
    return age > timedelta(seconds=gateway.key_window_seconds)


async def _look_for(gateway: Gateway, order: Order, reference: str | None) -> Outcome | Absent:
    """Ask what came of a confirmation; where nothing has a name yet, the order itself is looked for."""
    outcome = await gateway.retrieve(reference) if reference else await gateway.look_up(order)
    earlier = (NoticeKind.PAYMENT_FAILED, reference or "")  # what has a name already is not what is in doubt
    confirmed = isinstance(outcome, Accepted) and any(
        notice.kind in CONFIRMED and (notice.kind, notice.attempt) != earlier for notice in outcome.notices
    )
    return outcome if confirmed or isinstance(outcome, Unknown | Refused) else Absent()


async def _charge(gateway: Gateway, order: Order, payment: Payment, operation: Operation) -> Outcome:
    if payment.status in OVER:
        return PAYMENT_ENDED
    return await gateway.confirm(replace(order, approval=operation.key), payment.reference, operation.data)


async def _order(
    till: Till, gateway: Gateway, operation: Operation, *, waiting: Sequence[Status]
) -> Order | Accepted | Unknown:
    """Read what to open or to go on with, unless the payment went on or has ended meanwhile."""
    async with till.db.statement() as tx:
        row = await payments.opening(tx, operation.payment)
    if row["status"] not in waiting:
        return ANSWERED if row["status"] in PAID else PAYMENT_ENDED
    order = order_of(till, operation.payment, row)
    if row["customer_id"] is None or row["customer_reference"] is not None:
        return order
    return replace(
        order, customer=await introduce(till, gateway, payment=operation.payment, customer=row["customer_id"])
    )


def order_of(till: Till, payment: UUID, row: Record) -> Order:
    """Put into a gateway's hands what is to be opened, or was."""
    sale = Sale(**row["sale"]) if row["sale"] else None
    shown = ids.text("payment", payment)
    return Order(
        payment=payment,
        key=row["attempt_key"],
        amount=row["amount"],
        currency=row["currency"],
        title=row["description"] or (sale.package if sale else shown),
        return_url=row["return_url"] or f"{till.settings.public_url}/checkout/{shown}",
        manual_capture=row["capture_method"] == "manual",
        embedded=row["checkout"] == "embedded",
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        customer=row["customer_reference"] or None,
    )


async def refund_order(till: Till, operation: Operation) -> RefundOrder:
    """Gather what a gateway must know of a refund."""
    assert operation.refund, "a refund call has a refund"
    async with till.db.transaction() as tx:
        payment, refunds = await payments.lock_with_refunds(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    refund = refunds[operation.refund]
    reference = refund.capture or payment.reference
    assert reference, "a captured payment has a reference"
    return RefundOrder(
        payment=payment.id,
        refund=refund.id,
        key=operation.key,
        reference=reference,
        amount=refund.amount,
        currency=refund.currency,
    )


async def _locked(till: Till, operation: Operation) -> Payment:
    async with till.db.transaction() as tx:
        payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    return payment


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
