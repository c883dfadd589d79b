"""Let somebody pay: remember the wish, ask the gateway, remember the answer."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tillkeeper import audit, catalog, customers, idempotency, operations, outbox, payments, risk
from tillkeeper.audit import Action
from tillkeeper.facts import Sale
from tillkeeper.flows import maintain, operate, settle
from tillkeeper.flows.assess import assess
from tillkeeper.flows.route import AUTO, route
from tillkeeper.gateway import Declined, Feature, GatewayUnavailableError, Refused
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import clock, ids, money, traces
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError, TillError, problem
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import NewPayment, Opening, OwnMove, Status
from tillkeeper.reports import payment as report
from tillkeeper.risk import Assessment, Case, Context, Decision
from tillkeeper.till import Till

CREATED = 201
ACCEPTED = 202
MANUAL = "manual"
EMBEDDED = "embedded"


class AmountOutOfRangeError(TillError):
    """Report an amount below or above what this installation takes."""

    code = "amount_out_of_range"
    status = 422
    title = "The amount is too small or too large"
    category = "invalid_request"
    next_step = "Choose an amount within the limits, or ask the operator to change them."


class DeclinedError(TillError):
    """Report a gateway that said no."""

    code = "card_declined"
    status = 402
    title = "The gateway declined the payment"
    category = "card_error"
    next_step = "Try another way to pay, with a new Idempotency-Key."


class RiskBlockedError(TillError):
    """Report a payment that we turn away; why is shown to the merchant and to nobody else."""

    code = "risk_blocked"
    status = 402
    title = "This payment is not accepted"
    category = "card_error"
    next_step = "Do not try again by itself. `GET /api/v1/payments/{id}` shows the reasons to a secret key."


class RefusedByGatewayError(InvalidFieldError):
    """Report a request that the gateway will not take as it is, such as a currency that the account lacks."""

    next_step = "Correct what `detail` names, or ask whoever runs this installation; then use a new Idempotency-Key."


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """Hold what somebody wants to buy: a package for a user, or an amount that only a secret key may name."""

    package: str | None = None
    quantity: int = 1
    amount: int | None = None
    currency: str | None = None
    user: str | None = None
    gateway: str = AUTO
    checkout: str = "hosted"
    capture_method: str = "automatic"
    description: str | None = None
    return_url: str | None = None
    customer: UUID | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    context: Context = field(default_factory=Context)


async def checkout(till: Till, wish: Wish, purchase: Purchase) -> Replay:
    """Open a checkout at a gateway, once per key; the answer is what the first request got, also when repeated."""
    started = clock.wall_ns()
    async with till.db.entrance():
        begun = await _remember_wish(till, wish, purchase)
    if isinstance(begun, Replay):
        return begun
    payment, operation = begun
    try:
        while True:
            answer = await operate.call(till, operation) if operation else None
            if operation and answer and isinstance(answer.outcome, Refused):
                elsewhere = await _go_elsewhere(till, purchase, operation, answer)
                if elsewhere:
                    operation = elsewhere
                    continue
            return await _remember_answer(till, wish, payment, operation, answer)
    finally:
        traces.record("payment.checkout", payment, started, first=True)


@retry_conflicts
async def _remember_wish(till: Till, wish: Wish, purchase: Purchase) -> Replay | tuple[UUID, Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return claim.resource, await take_over(tx, claim.resource)
        await maintain.check(tx, till)
        new, case, assessment = await _prepare(tx, till, purchase)
        await payments.create(tx, new, cause="api")
        await risk.record(tx, new.id, case, assessment, new.created_at)
        told = {"payment": ids.text("payment", new.id), "amount": new.amount, "currency": new.currency}
        await outbox.announce(
            tx, [outbox.Event(type="payment.created", subject=new.id, payment=new.id, data=dict(told))]
        )
        await idempotency.attach(tx, wish, new.id)
        if assessment.decision is Decision.BLOCK:
            await _turn_away(tx, till, new.id)
            operation = None
        else:
            operation = await _open_at(tx, new.id, new.gateway, new.created_at)
        if till.by.is_person:
            await audit.record(tx, till.by, Action.PAYMENT_CREATED, str(told["payment"]), after=told, at=till.now())
        return new.id, operation


async def _turn_away(tx: Transaction, till: Till, payment: UUID) -> None:
    """End a payment before any gateway hears of it."""
    found = await payments.lock_one(tx, payment)
    assert found, "it was made in this transaction"
    why = Opening(move=OwnMove.REFUSED, error_code=RiskBlockedError.code, error_message=RiskBlockedError.title)
    decision = payments.open_checkout(found, why, till.now())
    await payments.record(tx, [decision], causes=["risk"])
    await settle.follow(tx, payments.changes([decision]))


async def _open_at(tx: Transaction, payment: UUID, gateway: str, now: datetime) -> Operation:
    """Remember the call that opens a checkout, before it is made."""
    operation = _opening_call(payment, gateway, now)
    await payments.begin_attempt(tx, payment, gateway=gateway, key=operation.key)
    await operations.ask(tx, [operation])
    return operation


@retry_conflicts
async def _go_elsewhere(
    till: Till, purchase: Purchase, operation: Operation, answer: operate.Answer
) -> Operation | None:
    """Try the next gateway after one that certainly did nothing; None when the customer chose, or none is left."""
    if purchase.gateway != AUTO:
        return None
    async with till.db.transaction() as tx:
        payment = await payments.lock_one(tx, operation.payment)
        assert payment, "an operation belongs to a payment"
        try:
            gateway = await route(
                tx,
                till,
                AUTO,
                amount=payment.amount,
                currency=payment.currency,
                features=_needed(purchase, manual=payment.manual_capture),
                tried=await payments.tried(tx, payment.id),
            )
        except TillError:
            return None
        if payment.status is not Status.CREATED or not await operate.give_up(tx, operation, answer):
            return None
        await payments.reroute(tx, payment, gateway=gateway, now=till.now())
        return await _open_at(tx, payment.id, gateway, till.now())


def _opening_call(payment: UUID, gateway: str, now: datetime) -> Operation:
    return Operation(
        id=ids.new(),
        kind=Kind.CREATE,
        payment=payment,
        gateway=gateway,
        key=ids.text("attempt", ids.new()),
        token=ids.new(),
        created_at=now,
    )


def _needed(purchase: Purchase, *, manual: bool) -> list[Feature]:
    embedded = purchase.checkout == EMBEDDED
    wanted = {
        Feature.EMBEDDED: embedded,
        Feature.MANUAL_CAPTURE: manual,
        Feature.HOSTED_MANUAL_CAPTURE: manual and not embedded,
    }
    return [feature for feature, needed in wanted.items() if needed]


async def take_over(tx: Transaction, resource: UUID) -> Operation | None:
    """Finish what a request that died had begun; raises InProgressError while somebody else is at it."""
    operation = await operations.take_over(tx, resource)
    if operation is None and await operations.unfinished(tx, resource):
        raise InProgressError
    return operation


@retry_conflicts
async def _remember_answer(
    till: Till, wish: Wish, payment: UUID, operation: Operation | None, answer: operate.Answer | None
) -> Replay:
    async with till.db.transaction() as tx:
        if operation and answer and not await operate.record(tx, till, operation, answer):
            raise InProgressError
        if answer and isinstance(answer.outcome, Refused):
            await idempotency.forget(tx, wish)  # certainly nothing happened, so the same key may try again
            replay = None
        else:
            replay = _show(await report.show(tx, payment), answer, till.by.request)
            await idempotency.finish(tx, wish, replay.status, replay.body)
    if replay is None:
        raise GatewayUnavailableError
    return replay


def _show(shown: dict[str, object], answer: operate.Answer | None, request: str | None) -> Replay:
    about = {"payment": shown["id"], "request_id": request}
    match shown["status"]:
        case Status.FAILED:
            error = shown["last_error"]
            assert isinstance(error, dict), "a failed payment says why"
            text, code = str(error["message"]), str(error["code"])
            if code == RiskBlockedError.code:
                return Replay(status=RiskBlockedError.status, body=problem(RiskBlockedError()) | about)
            by_card = answer is None or (isinstance(answer.outcome, Declined) and answer.outcome.card)
            kind = DeclinedError if by_card else RefusedByGatewayError
            return Replay(status=kind.status, body=problem(kind(text, decline_code=code)) | about)
        case Status.OUTCOME_UNKNOWN:
            return Replay(status=ACCEPTED, body=shown)
        case _:
            return Replay(status=CREATED, body=shown)


async def _prepare(tx: Transaction, till: Till, purchase: Purchase) -> tuple[NewPayment, Case, Assessment]:
    """Fix what is sold, what it costs, how doubtful it is and where it is paid."""
    user = await customers.ensure(tx, purchase.user) if purchase.user else None
    if purchase.customer and await customers.get(tx, purchase.customer) is None:
        message = "No customer has this id; POST /api/v1/customers makes one."
        raise NotFoundError(message, param="customer")
    amount, currency, sale, description = await _price(tx, purchase)
    _check_limits(till, amount, currency)
    case, assessment = await assess(tx, till, purchase.context, user=user, amount=amount, currency=currency)
    assessment, gateway = await _choose(tx, till, purchase, assessment, amount=amount, currency=currency)
    now, review = till.now(), assessment.decision is Decision.REVIEW
    new = NewPayment(
        id=ids.new(),
        mode=till.settings.mode,
        amount=amount,
        currency=currency,
        user=user,
        sale=sale,
        description=description,
        gateway=gateway,
        checkout=purchase.checkout,
        capture_method=MANUAL if review else purchase.capture_method,
        return_url=purchase.return_url,
        metadata=purchase.metadata,
        created_at=now,
        customer=purchase.customer,
        expires_at=(now + timedelta(minutes=till.settings.payment_lifetime_minutes)).replace(microsecond=0),
        review=review,
    )
    return new, case, assessment


async def _price(tx: Transaction, purchase: Purchase) -> tuple[int, str, Sale | None, str | None]:
    """Look up what is sold and what it costs; the price is ours and never the client's."""
    currency = money.currency(purchase.currency) if purchase.currency else None
    if purchase.package:
        quote = catalog.quote(await catalog.find(tx, purchase.package), currency, purchase.quantity)
        return quote.amount, quote.currency, quote.sale, purchase.description or quote.title
    assert purchase.amount is not None, "the API asks for a package or an amount"
    assert currency is not None, "the API asks for a currency beside an amount"
    return purchase.amount, currency, None, purchase.description


async def _choose(
    tx: Transaction, till: Till, purchase: Purchase, assessment: Assessment, *, amount: int, currency: str
) -> tuple[Assessment, str]:
    """Find a gateway for a payment; one that must be held and can be held nowhere is turned away."""
    manual = purchase.capture_method == MANUAL
    if assessment.decision is Decision.REVIEW and not manual:
        features = _needed(purchase, manual=True)
        try:
            found = await route(tx, till, purchase.gateway, amount=amount, currency=currency, features=features)
        except (CurrencyNotSupportedError, InvalidStateError):
            assessment = risk.unholdable(assessment)
        else:
            return assessment, found
    features = _needed(purchase, manual=manual)
    found = await route(tx, till, purchase.gateway, amount=amount, currency=currency, features=features)
    return assessment, found


def _check_limits(till: Till, amount: int, currency: str) -> None:
    least, most = till.settings.amounts_taken(currency)
    if not least <= amount <= most:
        message = (
            f"{money.show(amount, currency)} is not between {money.show(least, currency)} "
            f"and {money.show(most, currency)}."
        )
        raise AmountOutOfRangeError(message, param="amount")
