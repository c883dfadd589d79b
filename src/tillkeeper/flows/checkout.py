"""Let somebody pay: remember the wish, ask the gateway, remember the answer."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from tillkeeper import catalog, customers, idempotency, operations, outbox, payments
from tillkeeper.flows import operate
from tillkeeper.gateway import Declined, GatewayUnavailableError, Refused
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, TillError, problem
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import NewPayment, Status
from tillkeeper.reports import payment as report
from tillkeeper.till import Till

CREATED = 201
ACCEPTED = 202


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
    gateway: str = "auto"
    checkout: str = "hosted"
    capture_method: str = "automatic"
    description: str | None = None
    return_url: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


async def checkout(till: Till, wish: Wish, purchase: Purchase) -> Replay:
    """Open a checkout at a gateway, once per key; the answer is what the first request got, also when repeated."""
    begun = await _remember_wish(till, wish, purchase)
    if isinstance(begun, Replay):
        return begun
    payment, operation = begun
    answer = await operate.call(till, operation) if operation else None
    return await _remember_answer(till, wish, payment, operation, answer)


@retry_conflicts
async def _remember_wish(till: Till, wish: Wish, purchase: Purchase) -> Replay | tuple[UUID, Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return claim.resource, await take_over(tx, claim.resource)
        new = await _price(tx, till, purchase)
        operation = Operation(
            id=ids.new(),
            kind=Kind.CREATE,
            payment=new.id,
            gateway=new.gateway,
            key=ids.text("attempt", ids.new()),
            token=ids.new(),
            created_at=new.created_at,
        )
        await payments.create(tx, new, attempt=ids.new(), key=operation.key, cause="api")
        await operations.ask(tx, [operation])
        told = {"payment": ids.text("payment", new.id), "amount": new.amount, "currency": new.currency}
        await outbox.announce(
            tx, [outbox.Event(type="payment.created", subject=new.id, payment=new.id, data=dict(told))]
        )
        await idempotency.attach(tx, wish, new.id)
        return new.id, operation


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
            replay = _show(await report.show(tx, payment), answer)
            await idempotency.finish(tx, wish, replay.status, replay.body)
    if replay is None:
        raise GatewayUnavailableError
    return replay


def _show(shown: dict[str, object], answer: operate.Answer | None) -> Replay:
    match shown["status"]:
        case Status.FAILED:
            error = shown["last_error"]
            assert isinstance(error, dict), "a failed payment says why"
            text, code = str(error["message"]), str(error["code"])
            by_card = answer is None or (isinstance(answer.outcome, Declined) and answer.outcome.card)
            kind = DeclinedError if by_card else RefusedByGatewayError
            return Replay(status=kind.status, body=problem(kind(text, decline_code=code)) | {"payment": shown["id"]})
        case Status.OUTCOME_UNKNOWN:
            return Replay(status=ACCEPTED, body=shown)
        case _:
            return Replay(status=CREATED, body=shown)


async def _price(tx: Transaction, till: Till, purchase: Purchase) -> NewPayment:
    """Fix what is sold and what it costs; the price is ours and never the client's."""
    currency = money.currency(purchase.currency) if purchase.currency else None
    user = await customers.ensure(tx, purchase.user) if purchase.user else None
    sale, description = None, purchase.description
    if purchase.package:
        quote = catalog.quote(await catalog.find(tx, purchase.package), currency, purchase.quantity)
        amount, code, sale, description = quote.amount, quote.currency, quote.sale, description or quote.title
    else:
        assert purchase.amount is not None, "the API asks for a package or an amount"
        assert currency is not None, "the API asks for a currency beside an amount"
        amount, code = purchase.amount, currency
    _check_limits(till, amount, code)
    gateway = _choose_gateway(till, purchase.gateway, amount, code)
    now = till.now()
    payment = ids.new()
    return NewPayment(
        id=payment,
        mode=till.settings.mode,
        amount=amount,
        currency=code,
        user=user,
        sale=sale,
        description=description,
        gateway=gateway,
        checkout=purchase.checkout,
        capture_method=purchase.capture_method,
        return_url=purchase.return_url,
        metadata=purchase.metadata,
        created_at=now,
        expires_at=(now + timedelta(minutes=till.settings.payment_lifetime_minutes)).replace(microsecond=0),
    )


def _check_limits(till: Till, amount: int, currency: str) -> None:
    unit = 10 ** money.exponent(currency)
    least, most = till.settings.amount_units_min * unit, till.settings.amount_units_max * unit
    if not least <= amount <= most:
        message = (
            f"{money.show(amount, currency)} is not between {money.show(least, currency)} "
            f"and {money.show(most, currency)}."
        )
        raise AmountOutOfRangeError(message, param="amount")


def _choose_gateway(till: Till, wanted: str, amount: int, currency: str) -> str:
    """Take the gateway that was named, or the first that is configured."""
    if wanted != "auto" and wanted not in till.gateways:
        message = f"No gateway “{wanted[:32]}” is configured here; there is {', '.join(till.gateways) or 'none'}."
        raise InvalidFieldError(message, param="gateway")
    name = next(iter(till.gateways), None) if wanted == "auto" else wanted
    if name is None:
        message = "No gateway is configured, so nobody can pay."
        raise GatewayUnavailableError(message)
    till.gateways[name].check_amount(amount, currency)
    return name
