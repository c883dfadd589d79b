"""A payment through a gateway and back, to see whether its keys, its checkout, its webhooks and its refunds work."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2

from tillkeeper import catalog, gateways, routing
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.checkout import CREATED, Purchase, checkout
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.sync import sync
from tillkeeper.gateway import Gateway, GatewayUnavailableError
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import clock, ids, money, trust
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import NotFoundError, TillError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.reports import payment as payments
from tillkeeper.reports import refund as refunds
from tillkeeper.reports import timeline
from tillkeeper.till import Till

WORLD = ("EUR", "USD", "GBP", "INR", "JPY")
"""What is tried after the currencies in which something is for sale."""
SMALLEST = {"INR": 5_000, "JPY": 100}
"""What gateways take for sure, in minor units; in other currencies one unit."""
WAYS = {"webhook": "by webhook", "sync": "by asking", "operation": "as the answer to our call"}
poll_ms = 250
ask_every_ms = 5_000
webhook_wait_seconds = 30
refund_wait_seconds = 60
look_back_seconds = 60
call_timeout_seconds = 35

Json = dict[str, Any]
Say = Callable[[str], None]


class KeysNotAcceptedError(TillError):
    """Report a gateway that does not tell us what it would tell the owner of its keys."""

    code = "keys_not_accepted"
    title = "The gateway does not accept these keys"
    next_step = "Check its keys, that they belong to this TILL_MODE, and that the gateway can be reached from here."


class CheckoutNotOpenedError(TillError):
    """Report a gateway that opened no checkout."""

    code = "checkout_not_opened"
    title = "The gateway opened no checkout"
    next_step = "Mend what it complains of; `till gateways test` with --currency and --amount tries another price."


class NotPaidError(TillError):
    """Report a checkout that nobody paid."""

    code = "not_paid"
    title = "Nobody paid in time"
    next_step = "Run this again and pay with one of the gateway's test cards; --wait gives more time."


class NoWebhookError(TillError):
    """Report webhooks that do not arrive or do not verify."""

    code = "no_webhook"
    title = "No webhook was taken in"
    next_step = "Check that `till serve` runs, and the webhook's address and secret in the gateway's dashboard."


class NotRefundedError(TillError):
    """Report a refund that did not come to its end."""

    code = "not_refunded"
    title = "The refund did not arrive"
    next_step = "`till payments show` with the payment's id tells how it goes on; the gateway's dashboard says why."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Hold how a gateway is to be tried: a price or none, how long to wait, and whether the sandbox pays by itself."""

    amount: int | None = None
    currency: str | None = None
    wait_seconds: int = 300
    unattended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold how one step went, and what to do when it failed."""

    step: str
    passed: bool
    took_ms: int
    says: str
    next_step: str = ""


@dataclass(slots=True, kw_only=True)
class Trial:
    """Try one gateway, step by step, each on its own stopwatch."""

    till: Till
    gateway: Gateway
    terms: Terms
    say: Say
    payment: UUID = field(default_factory=ids.new)
    amount: int = 0
    currency: str = ""
    url: str = ""
    steps: list[Step] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Tell whether all went well."""
        return all(step.passed for step in self.steps)

    def described(self) -> Json:
        """Describe the trial to programs."""
        return {
            "gateway": self.gateway.name,
            "passed": self.passed,
            "payment": ids.text("payment", self.payment) if self.url else None,
            "amount": self.amount,
            "currency": self.currency,
            "steps": [asdict(step) for step in self.steps],
        }

    async def run(self) -> None:
        """Go through the steps; without keys, a checkout or money there is nothing to go on with."""
        on = await self._take("keys accepted", self._knock)
        on = on and await self._take("checkout opened", self._open)
        on = on and await self._take("paid", self._await_money)
        if on:
            await self._take("webhook arrived", self._await_webhook)
            await self._take("refunded", self._refund)

    async def _take(self, name: str, step: Callable[[], Awaitable[str]]) -> bool:
        read_ms = clock.timer_ms()
        try:
            says, next_step, passed = await step(), "", True
        except TillError as error:
            says, next_step, passed = error.detail, error.next_step, False
        self.steps.append(Step(step=name, passed=passed, took_ms=read_ms(), says=says, next_step=next_step))
        self.say(f"{self.gateway.title}: {name}: {says}" if passed else f"{self.gateway.title}: not {name}: {says}")
        return passed

    async def _knock(self) -> str:
        """Ask for something that only the owner of the keys may see: what happened lately, as catching up does."""
        now = self.till.now()
        try:
            await self.gateway.events(now - timedelta(seconds=look_back_seconds), now)
        except GatewayUnavailableError as error:
            raise KeysNotAcceptedError(error.detail) from error
        return f"{self.gateway.title} knows us"

    async def _open(self) -> str:
        self.amount, self.currency = await _price(self.till, self.gateway, self.terms)
        purchase = Purchase(
            amount=self.amount,
            currency=self.currency,
            gateway=self.gateway.name,
            description=f"Test of {self.gateway.title}",
        )
        replay = await checkout(self.till, _wish(), purchase)
        action = replay.body.get("next_action")
        if replay.status != CREATED or not isinstance(action, dict) or "url" not in action:
            detail = str(replay.body.get("detail") or f"The payment is {replay.body.get('status')}.")
            raise CheckoutNotOpenedError(detail)
        self.payment, self.url = ids.parse("payment", str(replay.body["id"])), str(action["url"])
        return str(replay.body["id"])

    async def _await_money(self) -> str:
        if self.terms.unattended:
            await _pay_in_sandbox(self.gateway, await self._shown())
        else:
            self.say(f"Pay here with a test card of {self.gateway.title}: {self.url}")
        if not await self._until(lambda shown: bool(shown["amount_captured"]), self.terms.wait_seconds):
            with suppress(TillError):  # not every gateway lets an open checkout be ended
                await cancel(self.till, _wish(), self.payment)
            shown = await self._shown()
            if not shown["amount_captured"]:
                message = f"Nobody paid within {self.terms.wait_seconds} s; the payment is {shown['status']} now."
                raise NotPaidError(message)
        captured = [each for each in await self._events("payment") if str(each["title"]).startswith("captured")]
        return f"{money.show(self.amount, self.currency)} {WAYS[captured[0]['data']['cause']]}"

    async def _await_webhook(self) -> str:
        read_ms = clock.timer_ms()
        while read_ms() < webhook_wait_seconds * 1000:
            taken = [each for each in await self._events("webhook") if each["data"]["status"] == "processed"]
            if taken:
                return ", ".join(sorted({each["title"] for each in taken}))
            await asyncio.sleep(poll_ms / 1000)
        message = f"It was paid, and within {webhook_wait_seconds} s no webhook of {self.gateway.title} was taken in."
        raise NoWebhookError(message)

    async def _refund(self) -> str:
        wanted = RefundWish(payment=self.payment, reason="gateway test")
        made = ids.parse("refund", str((await refund(self.till, _wish(), wanted)).body["id"]))
        await self._until(lambda shown: not shown["amount_refunding"], refund_wait_seconds)
        shown: Any = await read(self.till, lambda tx: refunds.show(tx, made))
        if shown["status"] != "succeeded":
            message = f"{shown['id']} is {shown['status']} after {refund_wait_seconds} s at most."
            raise NotRefundedError(message)
        return str(shown["id"])

    async def _until(self, fits: Callable[[Json], bool], seconds: int) -> bool:
        """Wait until the payment looks as it must; when no webhook says anything, ask the gateway."""
        read_ms, asked = clock.timer_ms(), 1
        while not fits(await self._shown()):
            if read_ms() > seconds * 1000:
                return False
            if read_ms() > asked * ask_every_ms:
                asked += 1
                with suppress(TillError):  # it may be busy; the next answer, or a webhook, says the same
                    await sync(self.till, self.payment)
            await asyncio.sleep(poll_ms / 1000)
        return True

    async def _shown(self) -> Json:
        return await read(self.till, lambda tx: payments.show(tx, self.payment))

    async def _events(self, kind: str) -> list[Json]:
        found: Any = await read(self.till, lambda tx: timeline.show(tx, self.payment))
        return [each for each in found["data"] if each["kind"] == kind]


async def try_out(till: Till, gateway: str | None, terms: Terms, say: Say) -> list[Trial]:
    """Try one gateway, or all of them in their order; raises NotFoundError when there is none."""
    names = await _named(till, gateway)
    trials = [Trial(till=till, gateway=till.gateways[name], terms=terms, say=say) for name in names]
    for trial in trials:
        await trial.run()
    return trials


async def _named(till: Till, gateway: str | None) -> Sequence[str]:
    if not till.gateways or (gateway and gateway not in till.gateways):
        message = f"No gateway {gateway or ''} is configured; there is {', '.join(till.gateways) or 'none'}."
        raise NotFoundError(message.replace("  ", " "))
    if gateway:
        return [gateway]
    states = await read(till, lambda tx: routing.states(tx, list(till.gateways)))
    return sorted(states, key=lambda name: (states[name].priority, name))


async def _price(till: Till, gateway: Gateway, terms: Terms) -> tuple[int, str]:
    """Take the price that was asked for, or the smallest sensible one in the first currency that the gateway takes."""
    if terms.currency:
        code = money.currency(terms.currency)
        return terms.amount or _smallest(till, code), code
    sold = await read(till, catalog.packages)
    for code in dict.fromkeys((*(code for package in sold for code in package.prices), *WORLD)):
        amount = terms.amount or _smallest(till, code)
        with suppress(CurrencyNotSupportedError):
            gateway.check_amount(amount, code)
            return amount, code
    message = f"{gateway.title} takes none of the currencies in which something is for sale; name one with --currency."
    raise CurrencyNotSupportedError(message)


def _smallest(till: Till, code: str) -> int:
    unit: int = 10 ** money.exponent(code)
    return max(SMALLEST.get(code, unit), till.settings.amounts_taken(code)[0])


async def _pay_in_sandbox(gateway: Gateway, payment: Json) -> None:
    """Press the button on the sandbox's page; raises NotPaidError when nothing answers there."""
    stand = next(stand for stand in gateways.stands() if stand.name == gateway.name)
    verb = f"{gateway.checkout_origin}/_control/{stand.name}/{stand.checkout}/{payment['gateway_reference']}/pay"
    try:
        async with httpx2.AsyncClient(
            timeout=call_timeout_seconds, trust_env=False, verify=trust.authorities()
        ) as client:
            answer = await client.post(verb, json={})
    except httpx2.HTTPError as error:
        message = f"The sandbox at {gateway.checkout_origin} does not answer ({type(error).__name__})."
        raise NotPaidError(message) from error
    if not answer.is_success:
        message = f"The sandbox refused to pay: {answer.status_code} {answer.text[:200]}"
        raise NotPaidError(message)


def _wish() -> Wish:
    """Make a request of our own, which nobody repeats."""
    key = secrets.token_hex(12)
    return Wish(scope="gateway test", key=key, request_sha=sha256(key.encode()))
