"""Everything that can be done or can happen, each as a deed for the program and for the model."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from tests.machine.gateway import AT_ONCE, NAME, PENDING_BY_WEBHOOK, WEBHOOK_FIRST, Fact, manner_of
from tests.machine.model import OK, Model, Payment
from tests.machine.world import Deed, Stage, World

from tillkeeper.catalog import Package
from tillkeeper.flows.expire import expire
from tillkeeper.flows.fulfil import fulfil
from tillkeeper.flows.lapse import lapse
from tillkeeper.flows.operate import operate
from tillkeeper.kernel import ids

BY_WEBHOOK, SUCCEEDS = {WEBHOOK_FIRST, PENDING_BY_WEBHOOK}, {AT_ONCE, WEBHOOK_FIRST}
UNPAID = ("requires_action", "requires_capture")
INVALID_STATE = "invalid_state"


def buy(world: World, package: Package | None, currency: str, user: str, quantity: int, *, manual: bool) -> Deed:
    """Open a checkout: for credits, or, without a package, for so many minor units."""
    sold: dict[str, Any] = (
        {"package": package.id, "quantity": quantity, "user": user} if package else {"amount": quantity}
    )
    method = "manual" if manual else "automatic"
    wanted = {**sold, "currency": currency, "capture_method": method}
    made: dict[str, Any] = {}

    def opened(model: Model) -> str:
        name = str(ids.parse("payment", made["id"]))
        amount = package.prices[currency] * quantity if package else quantity
        payment = Payment(name, user, amount, currency, manual=manual)
        if package:
            payment.units, payment.rate_bps = package.quantity * quantity, package.tax_bps.get(currency, 0)
        return model.open(payment)

    words = f"{user} buys {quantity} × {package.id if package else 'a minor unit'} in {currency}, {method}"
    return Deed(words, lambda: world.ask("/payments", wanted, made), (opened,))


def tell(world: World, fact: Fact, stage: Stage | None = None) -> Deed:
    """Let a webhook come."""
    words = ", ".join(f"{key} {value}" for key, value in fact.told.items())

    async def do() -> str:
        await world.hear(fact)
        return OK

    return Deed(f"{fact.name}: {words}", do, (stage or (lambda model: model.hear(fact.name, fact.told)),))


def capture_told(world: World, payment: Payment, *, amount: int | None = None, fails: bool = False) -> Deed:
    """Let the money of a payment be told; of another amount it is not believed."""
    account = world.gateway.accounts[payment.name]
    if amount is None:
        pay(world, payment)
    told = {"payment": payment.name, "amount": payment.amount if amount is None else amount, "capture": account.capture}
    fact = Fact("capture", told)
    deed = tell(world, fact, lambda model: model.hear("capture", told | {"fails": fails}))
    if not fails:
        return deed

    async def do() -> str:
        await world.spoil(on=True)
        await deed.do()
        await world.spoil(on=False)
        return OK

    return Deed(f"{deed.words}, and its goods fail", do, deed.stages)


def capture_again(world: World, payment: Payment) -> Deed:
    """Let another card's money be told for what was paid: it goes back at once."""
    account = world.gateway.accounts[payment.name]
    name = f"{account.capture}_again_{len(account.captures)}"
    account.captures[name] = payment.amount
    deed = tell(world, Fact("capture", {"payment": payment.name, "amount": payment.amount, "capture": name}))

    async def do() -> str:
        await deed.do()
        await operate(world.till, NAME)
        return OK

    return Deed(deed.words, do, (*deed.stages, partial(_refund_answered, payment.name, lambda: name, payment.amount)))


def capture_held(world: World, payment: Payment, amount: int | None) -> Deed:
    """Take authorised money ourselves."""
    name = payment.name
    words = f"we capture {amount or 'all'} of {name}"

    def answered(model: Model) -> str:
        known = model.payments[name]
        known.ending = False
        capture_name = world.gateway.accounts[name].capture
        model.capture(name, amount or known.amount, capture_name)
        return OK

    def begun(model: Model) -> str:
        return _begin(model.payments[name], ("requires_capture",))

    path = f"/payments/{_shown(payment)}/capture"
    return Deed(words, lambda: world.ask(path, {"amount": amount}), (begun, answered))


def cancel_by_us(world: World, payment: Payment) -> Deed:
    """End a payment that nobody has paid; one that was is found to be paid."""
    name, paid = payment.name, bool(world.gateway.accounts[payment.name].captures)

    def answered(model: Model) -> str:
        model.payments[name].ending = False
        if model.payments[name].captured:
            return INVALID_STATE
        account = world.gateway.accounts[name]
        if paid:
            model.capture(name, account.captures[account.capture], account.capture)
            return INVALID_STATE
        model.end(name, "canceled")
        return OK

    def begun(model: Model) -> str:
        return _begin(model.payments[name], UNPAID)

    path = f"/payments/{_shown(payment)}/cancel"
    return Deed(f"we cancel {name}", lambda: world.ask(path, {}), (begun, answered))


def time_out(world: World, payment: Payment) -> Deed:
    """Let the time of a checkout end; one that was paid is found to be paid."""
    account = world.gateway.accounts[payment.name]
    paid = account.captures.get(account.capture)

    async def do() -> str:
        sql = "UPDATE payment SET expires_at = now() - interval '1 minute' WHERE id::text = $1"
        await world.owner.execute(sql, payment.name)
        await expire(world.till)
        await operate(world.till, NAME)
        return OK

    def ended(model: Model) -> str:
        if paid:
            model.capture(payment.name, paid, account.capture)
        model.end(payment.name, "expired")
        return OK

    return Deed(f"the time of {payment.name} ends", do, (ended,))


def hand_over(world: World, payment: Payment) -> Deed:
    """Try to hand over what waits."""

    async def do() -> str:
        # Others are left alone, however long this run takes.
        only = "now() + CASE WHEN payment_id::text = $1 THEN interval '0' ELSE interval '1 day' END"
        sql = f"UPDATE late_delivery SET due_at = {only} WHERE status = 'pending'"
        await world.owner.execute(sql, payment.name)
        return f"{await fulfil(world.till)} tried"

    return Deed(f"goods of {payment.name} are tried again", do, (lambda model: model.deliver_later(payment.name),))


def refund_asked(world: World, payment: Payment, amount: int | None) -> Deed:
    """Give money back ourselves."""
    made: dict[str, Any] = {}
    wanted = {"payment": _shown(payment), "amount": amount}

    def name() -> str:
        return str(ids.parse("refund", made["id"])) if made else ""

    def begun(model: Model) -> str:
        return model.ask_refund(payment.name, name(), amount)

    words = f"we refund {'all that is left' if amount is None else amount} of {payment.name}"
    answered = partial(_refund_answered, payment.name, name, room(world, payment))
    return Deed(words, lambda: world.ask("/refunds", wanted, made), (begun, answered))


def refund_told(world: World, payment: Payment, name: str, state: str) -> Deed:
    """Let it be told what became of a refund."""
    account = world.gateway.accounts[payment.name]
    amount = payment.refunds[name].amount
    if state == "failed":
        capture_name, _ = account.refunds[name]
        account.refunds[name] = (capture_name, 0)
    return tell(world, Fact("refund", {"payment": payment.name, "name": name, "state": state, "amount": amount}))


def refund_in_dashboard(world: World, payment: Payment, amount: int, state: str) -> Deed:
    """Let somebody refund a part of what is left at the gateway in its dashboard."""
    account, name = world.gateway.accounts[payment.name], f"dashboard_{next(world.numbers)}"
    amount = 1 + amount % room(world, payment)
    account.refunds[name] = (account.capture, amount)
    return tell(world, Fact("refund", {"payment": payment.name, "name": name, "state": state, "amount": amount}))


def room(world: World, payment: Payment) -> int:
    """Tell how much of a payment can still go back at the gateway."""
    account = world.gateway.accounts[payment.name]
    return account.room(account.capture)


def pay(world: World, payment: Payment) -> None:
    """Pay at the gateway, which does not tell of it yet."""
    account = world.gateway.accounts[payment.name]
    account.captures.setdefault(account.capture, payment.amount)


def disputed(world: World, payment: Payment, name: str, amount: int, stage: str, **money: int) -> Deed:
    """Let a stage of a dispute be told, with what the gateway holds by then."""
    told = {"held": 0, "fee": 0, "conceded": 0} | money | {"at": next(world.numbers)}
    return tell(
        world, Fact("dispute", {"payment": payment.name, "name": name, "amount": amount, "stage": stage, **told})
    )


def spent(world: World, user: str, units: int) -> Deed:
    wanted, path = {"amount": units, "reason": "game"}, f"/users/{user}/wallet/spend"
    words = f"{user} spends {units}"
    return Deed(words, lambda: world.ask(path, wanted), (lambda model: model.purses.spend(user, units),))


def taken(world: World, user: str, units: int) -> Deed:
    wanted, path = {"amount": units, "reason": "by mistake"}, f"/users/{user}/wallet/take"
    words = f"we take {units} of {user}"
    return Deed(words, lambda: world.ask(path, wanted), (lambda model: model.purses.take(user, units),))


def forgiven(world: World, user: str, units: int) -> Deed:
    wanted, path = {"amount": units, "reason": "gone"}, f"/users/{user}/wallet/write_off"
    words = f"we write off {units} of {user}"
    return Deed(words, lambda: world.ask(path, wanted), (lambda model: model.purses.write_off(user, units),))


def given(world: World, user: str, units: int, hours: int | None) -> Deed:
    made: dict[str, Any] = {}

    async def do() -> str:
        ends = None if hours is None else world.in_hours(hours).isoformat()
        wanted = {"amount": units, "reason": "sorry", "expires_at": ends}
        return await world.ask(f"/users/{user}/wallet/grant", wanted, made)

    def stage(model: Model) -> str:
        return model.give(str(ids.parse("adjustment", made["adjustment"])), user, units, hours)

    return Deed(f"we give {user} {units}, {f'for {hours} h' if hours else 'for good'}", do, (stage,))


def lapsed(world: World) -> Deed:
    async def do() -> str:
        return f"{await lapse(world.till)} ended"

    return Deed("what is over lapses", do, (lambda model: model.purses.lapse(),))


def time_passes(world: World, hours: int) -> Deed:
    async def do() -> str:
        await world.pass_time(hours)
        return OK

    def stage(model: Model) -> str:
        model.purses.clock += hours
        return OK

    return Deed(f"{hours} h pass", do, (stage,))


def told_again(world: World, number: int, *, anew: bool) -> Deed:
    """Send something again that was told before: the same webhook, or the same fact in another one."""
    fact, body = world.heard[number % len(world.heard)]
    if anew:
        deed = tell(world, fact)
        return Deed(f"again, under another name: {deed.words}", deed.do, deed.stages)

    async def do() -> str:
        await world.send(body)
        return OK

    return Deed(f"once more the webhook {fact.name} {fact.told}", do, (lambda _: OK,))


def payout(world: World, name: str, amount: int, currency: str, stage: str) -> Deed:
    return tell(world, Fact("pay_out", {"name": name, "amount": amount, "currency": currency, "stage": stage}))


def _shown(payment: Payment) -> str:
    """Name a payment as the API does."""
    return ids.text("payment", UUID(payment.name))


def _begin(payment: Payment, allowed: tuple[str, ...]) -> str:
    if payment.status not in allowed or payment.ending:
        return INVALID_STATE
    payment.ending = True
    return OK


def _refund_answered(payment: str, name: Callable[[], str], most: int, model: Model) -> str:
    """Take in what the gateway answered to a refund, and the webhook that may have been faster.

    What a bank takes meanwhile is not asked for any more.
    """
    known = model.payments[payment]
    amount, surplus = known.refunds[name()].amount, known.refunds[name()].surplus
    told: dict[str, Any] = {"payment": payment, "name": name(), "amount": amount}
    if amount > most or (known.is_taken_back(amount) and not surplus):
        model.refund(**told, state="failed")
        return OK
    state = "succeeded" if manner_of(amount) in SUCCEEDS else "pending"
    if manner_of(amount) in BY_WEBHOOK:
        model.hear("refund", told | {"state": state})
    model.refund(**told, state=state)
    return OK
