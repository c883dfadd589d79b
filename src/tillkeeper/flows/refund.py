"""Give money back: reserved under lock, taken out of the goods, then told to the gateway."""

from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from tillkeeper import audit, fulfilment, idempotency, operations, payments, refund_requests
from tillkeeper.access import StepUpNeededError
from tillkeeper.audit import Action
from tillkeeper.flows import operate, settle
from tillkeeper.flows.checkout import CREATED, take_over
from tillkeeper.flows.instruct import refund_call
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.operations import Operation
from tillkeeper.payments import Decision, Payment, Refund, RefundNotAllowedError
from tillkeeper.refund_requests import Approved, Facts, Policy
from tillkeeper.reports import refund as report
from tillkeeper.till import Till


class SecondPersonNeededError(RefundNotAllowedError):
    """Report a refund that is too large for one person alone."""

    next_step = "Ask for it with POST /api/v1/refund_requests; two people with keys of their own then approve it."


class RequestNeededError(RefundNotAllowedError):
    """Report a refund that whoever asks may not make without the policy's consent."""

    next_step = "Ask for it with POST /api/v1/refund_requests: the policy says who must agree."


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundWish:
    """Hold what is to be refunded: all that is left when no amount is named, of used goods only on purpose.

    `by_admin` tells whether whoever asks may do what the policy would not do by itself, and `fresh` whether they have
    proved a moment ago who they are.
    """

    payment: UUID
    amount: int | None = None
    reason: str | None = None
    of_used_goods: bool = False
    by_admin: bool = True
    fresh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Hold a refund that money and goods allow: the payment before it, and the share whose goods nobody used.

    Without a decision it was made before, by one whom a restored copy has forgotten.
    """

    payment: Payment
    refund: Refund
    decision: Decision | None
    unused: int | None

    @property
    def total(self) -> int:
        """Tell what will have gone back of the payment in all."""
        return self.payment.refunded + self.payment.refunding + self.refund.amount

    @property
    def facts(self) -> Facts:
        """Tell what a policy must know of the payment."""
        payment = self.payment
        assert payment.captured_at, "money was captured at some time"
        return Facts(
            currency=payment.currency,
            captured=payment.captured,
            captured_at=payment.captured_at,
            given_back=payment.refunded + payment.refunding,
            unused=self.unused,
            drawn=payment.sale is not None and fulfilment.KINDS[payment.sale.kind].drawn,
        )


async def refund(till: Till, wish: Wish, wanted: RefundWish) -> Replay:
    """Refund a payment, once per key; raises RefundExceedsCapturedError and kin before anything is stored."""
    begun = await _reserve(till, wish, wanted)
    if isinstance(begun, Replay):
        return begun
    made, operation = begun
    answer = await operate.call(till, operation) if operation else None
    return await _remember_answer(till, wish, made, operation, answer)


async def foresee(till: Till, wanted: RefundWish) -> Weighed:
    """See what a refund would come to, and leave everything as it is; raises what the refund itself would."""
    async with till.db.transaction() as tx:
        weighed = await weigh(tx, till, wanted, ids.new())
        await _check_policy(tx, till, wanted, weighed)
    return weighed


async def refundable(till: Till, payment: UUID) -> int:
    """Tell how much of a payment can go back without an override: what is left of it, for goods that nobody used."""
    async with till.db.transaction() as tx:
        locked = await payments.lock_one(tx, payment)
        if locked is None:
            message = "No payment has this id."
            raise NotFoundError(message)
        unused = await _unused(tx, locked)
    return max(0, locked.left if unused is None else min(locked.left, unused))


def name(payment: UUID, *by: str) -> UUID:
    """Name the one refund of a payment that follows from who asked for it and how.

    After a restore nobody knows what was asked for since the backup, and the gateway tells of the refund by this id:
    whoever asks again finds it.
    """
    return ids.derive(payment, "refund", *by)


async def weigh(tx: Transaction, till: Till, wanted: RefundWish, refund: UUID) -> Weighed:
    """Lock a payment and see whether money and goods allow a refund; raises what says why they do not.

    One that is there already under its id is allowed, whatever else is.
    """
    payment, refunds = await payments.lock_with_refunds(tx, wanted.payment)
    if payment is None:
        message = "No payment has this id."
        raise NotFoundError(message)
    if refund in refunds:
        return Weighed(payment=payment, refund=refunds[refund], decision=None, unused=None)
    if payment.captured and payment.reference is None:  # it was taken over from an earlier system
        message = f"Nobody said what {payment.gateway} calls this payment: give the money back in its dashboard."
        raise InvalidStateError(message)
    unused = await _unused(tx, payment)
    decision = payments.reserve_refund(
        payment,
        wanted.amount,
        refund=refund,
        unused=None if wanted.of_used_goods else unused,
        reason=wanted.reason,
        now=till.now(),
        disputes=await payments.lock_disputes(tx, payment.id),
    )
    assert decision.refund, "reserved"
    till.gateway(payment.gateway).check_amount(decision.refund.amount, payment.currency)
    return Weighed(payment=payment, refund=decision.refund, decision=decision, unused=unused)


async def _unused(tx: Transaction, payment: Payment) -> int | None:
    """Tell how much of a locked payment can go back for goods that nobody used; None for all that is left."""
    if payment.sale is None or not payment.captured:
        return None
    return await fulfilment.refundable(
        tx,
        payment.sale.kind,
        payment.id,
        captured=payment.captured,
        refunded=payment.refunded + payment.refunding + payment.lost,
        gross=partial(payments.gross_of, payment),
    )


async def promise(tx: Transaction, till: Till, weighed: Weighed, *, leased: bool) -> Operation | None:
    """Set a refund aside, take its goods, and write down the call; one that is leased is made by the caller at once.

    For one that was made before there is nothing to do.
    """
    if weighed.decision is None:
        return None
    await payments.record(tx, [weighed.decision], causes=["api"])
    await settle.follow(tx, payments.changes([weighed.decision]))
    assert weighed.decision.change, "reserved"
    operation = replace(refund_call(weighed.decision.change, till.now()), token=ids.new() if leased else None)
    await operations.ask(tx, [operation])
    return operation


async def second_person_limit(tx: Transaction, weighed: Weighed) -> int | None:
    """Tell above which amount one person may not give money back alone, when this refund goes beyond it."""
    policy = await refund_requests.policy(tx)
    return refund_requests.needs_second_person(policy, currency=weighed.refund.currency, total=weighed.total)


@retry_conflicts
async def _reserve(till: Till, wish: Wish, wanted: RefundWish) -> Replay | tuple[UUID, Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return claim.resource, await take_over(tx, claim.resource)
        made = name(wanted.payment, wish.scope, wish.key, wish.request_sha.hex())
        weighed = await weigh(tx, till, wanted, made)
        await idempotency.attach(tx, wish, made)
        if weighed.decision is None:
            return made, None
        await _check_policy(tx, till, wanted, weighed)
        operation = await promise(tx, till, weighed, leased=True)
        await note(tx, till, weighed)
        return made, operation


async def note(tx: Transaction, till: Till, weighed: Weighed) -> None:
    """Write down in the audit log who gave money back."""
    refund_ = weighed.refund
    made = {"payment": ids.text("payment", weighed.payment.id), "amount": refund_.amount, "currency": refund_.currency}
    subject = ids.text("refund", refund_.id)
    await audit.record(tx, till.by, Action.REFUND_CREATED, subject, after=made, reason=refund_.reason, at=till.now())


async def _check_policy(tx: Transaction, till: Till, wanted: RefundWish, weighed: Weighed) -> None:
    """Refuse what this caller may not give back directly."""
    await _check_alone(tx, weighed)
    policy = await refund_requests.policy(tx)
    if not wanted.fresh:
        check_fresh(policy, weighed)
    if policy.direct_refunds or wanted.by_admin:
        return
    ruling = refund_requests.decide(policy, weighed.facts, weighed.refund.amount, override=False, now=till.now())
    if not isinstance(ruling, Approved):
        raise RequestNeededError(ruling.reason, param="amount")


def check_fresh(policy: Policy, weighed: Weighed) -> None:
    """Refuse what is too large for somebody whose password was given long ago; raises StepUpNeededError."""
    most = policy.auto_approve_max(weighed.refund.currency)
    if weighed.total > most:
        shown = money.show(most, weighed.refund.currency)
        message = f"More than {shown} would have gone back of this payment in all: give your password again first."
        raise StepUpNeededError(message)


async def _check_alone(tx: Transaction, weighed: Weighed) -> None:
    """Refuse what needs a second person by the policy."""
    alone = await second_person_limit(tx, weighed)
    if alone is not None:
        total, currency = weighed.total, weighed.refund.currency
        message = (
            f"{money.show(total, currency)} would have gone back of this payment in all; "
            f"above {money.show(alone, currency)} a second person must agree."
        )
        raise SecondPersonNeededError(message, param="amount")


@retry_conflicts
async def _remember_answer(
    till: Till, wish: Wish, made: UUID, operation: Operation | None, answer: operate.Answer | None
) -> Replay:
    async with till.db.transaction() as tx:
        if operation and answer and not await operate.record(tx, till, operation, answer):
            raise InProgressError
        replay = Replay(status=CREATED, body=await report.show(tx, made))
        await idempotency.finish(tx, wish, replay.status, replay.body)
    return replay
