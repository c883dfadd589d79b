"""Scenarios on the sandbox: what a customer or a gateway may do, and what must come of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from tillkeeper import gateways
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import TillError
from tillkeeper.sandbox_kit.stand import Stand

outcome_timeout_seconds = 15
call_timeout_seconds = 35
poll_ms = 20
selftest_copies = 3
GATEWAY = "stripe"
"""Where scenarios are played unless another gateway is named."""

Json = dict[str, Any]


class ScenarioError(TillError):
    """Report a scenario that did not end as it must."""

    code = "scenario_failed"
    title = "The scenario did not end as it must"
    next_step = "`./till events ls` shows what arrived, and serve.log in the data folder what was said."


class UnreachableError(TillError):
    """Report that nothing answers where the demo should be."""

    code = "unreachable"
    status = 503
    title = "Nothing answers there"
    next_step = "Start it with `./till demo` in another terminal, then repeat this command."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Hold where to play: the API, the sandbox, a key and the gateway."""

    api: str
    sandbox: str
    key: str
    gateway: str = GATEWAY

    def call(self, path: str, body: Json | None = None) -> Json:
        """Call the API; a POST gets a fresh Idempotency-Key."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": secrets.token_hex(12)}
        return _send(f"{self.api}{path}", body, headers)

    @property
    def stand(self) -> Stand:
        """Find the imitation of the gateway, which names its verbs."""
        return next(stand for stand in gateways.stands() if stand.name == self.gateway)

    def act(self, path: str, body: Json | None = None) -> Json:
        """Act as the customer or as the gateway."""
        return _send(f"{self.sandbox}/_control/{self.gateway}{path}", body or {}, {})

    def visit(self, payment: Json, deed: str, **wish: object) -> None:
        """Do something as the customer on the hosted checkout page of a payment."""
        self.act(f"/{self.stand.checkout}/{payment['gateway_reference']}/{deed}", wish)

    def await_payment(self, payment: str, fits: Callable[[Json], bool]) -> Json:
        """Wait until a payment looks as it must; raises ScenarioError."""
        read_ms = clock.timer_ms()
        found: Json = {}
        while read_ms() < outcome_timeout_seconds * 1000:
            found = self.call(f"/api/v1/payments/{payment}")
            if fits(found):
                return found
            clock.pause_ms(poll_ms)
        message = f"{payment} is still {found.get('status')} after {outcome_timeout_seconds} s."
        raise ScenarioError(message)

    def arrivals(self, payment: str) -> int:
        """Tell how often the webhook that told of the capture has arrived."""
        messages = self.call(f"/api/v1/inbox?payment={payment}&limit=100")["data"]
        return max((message["arrivals"] for message in messages if _tells_of_capture(message)), default=0)

    def await_arrivals(self, payment: str, wanted: int) -> int:
        """Wait until a webhook has arrived often enough."""
        read_ms = clock.timer_ms()
        while (seen := self.arrivals(payment)) < wanted and read_ms() < outcome_timeout_seconds * 1000:
            clock.pause_ms(poll_ms)
        return seen


def selftest(target: Target) -> str:
    """Buy 120 credits with every webhook sent three times, and say what came of it; raises ScenarioError."""
    read_ms = clock.timer_ms()
    payment = pay(target, user="selftest", copies=selftest_copies)
    duration = read_ms()
    seen = target.await_arrivals(payment["id"], selftest_copies)
    granted = _granted(target, "selftest", payment["id"])
    if seen != selftest_copies or granted != payment["fulfilment"]["quantity"]:
        message = f"The webhook arrived {seen} times and {granted} credits were delivered."
        raise ScenarioError(message)
    return (
        f"self-test: {granted} credits by {target.stand.title}, webhook arrived {seen}x, delivered once ({duration} ms)"
    )


def pay(target: Target, *, user: str = "ana", copies: int = 1) -> Json:
    """Buy 120 credits and wait until they are delivered."""
    opened = _open(target, user)
    target.visit(opened, "pay", copies=copies)
    return target.await_payment(opened["id"], _delivered)


def _pay_success(target: Target, _: str | None) -> str:
    payment = pay(target)
    return f"{payment['id']} succeeded: {payment['fulfilment']['quantity']} credits delivered to {payment['user']}."


def _pay_decline(target: Target, _: str | None) -> str:
    opened = _open(target, "ana")
    target.visit(opened, "decline")
    payment = target.await_payment(opened["id"], lambda found: bool(found["last_error"]))
    return (
        f"{payment['id']} is {payment['status']}: the card was declined ({payment['last_error']['code']}), "
        "nothing was delivered, and the customer may try again."
    )


def _webhook_duplicate(target: Target, _: str | None) -> str:
    payment = pay(target, copies=2)
    seen = target.await_arrivals(payment["id"], 2)
    granted = _granted(target, payment["user"], payment["id"])
    if seen != 2 or granted != payment["fulfilment"]["quantity"]:  # noqa: PLR2004 (sent twice)
        message = f"The webhook arrived {seen} times and {granted} credits were delivered."
        raise ScenarioError(message)
    return f"{payment['id']}: paid once, webhook arrived {seen}x, {granted} credits delivered once."


def _refund_full(target: Target, payment: str | None) -> str:
    return _refund(target, payment, lambda left: left)


def _refund_partial(target: Target, payment: str | None) -> str:
    return _refund(target, payment, _half)


def _refund_in_dashboard(target: Target, payment: str | None) -> str:
    paid = _paid(target, payment)
    at_gateway, amount = replace(target, gateway=paid["gateway"]), _half(_left(paid))
    at_gateway.act("/refunds", {at_gateway.stand.money: paid["gateway_reference"], "amount": amount})
    wanted = paid["amount_refunded"] + amount
    after = target.await_payment(paid["id"], lambda found: bool(found["amount_refunded"] >= wanted))
    return (
        f"{paid['id']}: {amount} of {paid['amount_captured']} {paid['currency']} (minor units) went back in the "
        f"dashboard of {at_gateway.stand.title}; we heard of it, and the delivery is {after['fulfilment']['status']}."
    )


def _refund(target: Target, payment: str | None, share: Callable[[int], int]) -> str:
    paid = _paid(target, payment)
    left = _left(paid)
    made = target.call("/api/v1/refunds", {"payment": paid["id"], "amount": share(left), "reason": "scenario"})
    after = target.await_payment(paid["id"], lambda found: found["amount_refunding"] <= paid["amount_refunding"])
    made = target.call(f"/api/v1/refunds/{made['id']}")
    if made["status"] != "succeeded":
        message = f"{made['id']} of {made['amount']} {made['currency']} (minor units) is {made['status']}."
        raise ScenarioError(message)
    return (
        f"{made['id']} {made['status']}: {made['amount']} of {paid['amount_captured']} {paid['currency']} "
        f"(minor units) went back, and {made['revoked']} credits were taken back; "
        f"the delivery is {after['fulfilment']['status']}."
    )


SCENARIOS: dict[str, tuple[str, Callable[[Target, str | None], str]]] = {
    "pay.success": ("a customer pays; the goods are delivered", _pay_success),
    "pay.decline": ("a card is declined; nothing is delivered", _pay_decline),
    "webhook.duplicate": ("every webhook arrives twice; the goods are delivered once", _webhook_duplicate),
    "refund.full": ("all of a payment is refunded; all goods are taken back", _refund_full),
    "refund.partial": ("half of a payment is refunded; half of the goods are taken back", _refund_partial),
    "refund.dashboard": (
        "half of a payment is refunded in the gateway's own dashboard; half of the goods are taken back",
        _refund_in_dashboard,
    ),
}


def _open(target: Target, user: str) -> Json:
    wanted = {"package": "credits_120", "currency": target.stand.currency, "user": user, "gateway": target.gateway}
    return target.call("/api/v1/payments", wanted)


def _paid(target: Target, payment: str | None) -> Json:
    return target.call(f"/api/v1/payments/{payment}") if payment else pay(target)


def _left(payment: Json) -> int:
    return int(payment["amount_captured"] - payment["amount_refunded"] - payment["amount_refunding"])


def _half(left: int) -> int:
    return max(left // 2, 1)


def _delivered(payment: Json) -> bool:
    return bool(payment["status"] == "succeeded" and payment["fulfilment"]["status"] == "delivered")


def _granted(target: Target, user: str, payment: str) -> int:
    entries = target.call(f"/api/v1/users/{user}/wallet/entries?limit=100")["data"]
    return sum(entry["amount"] for entry in entries if entry["kind"] == "grant" and entry["source"] == payment)


def _tells_of_capture(message: Json) -> bool:
    """Tell whether a webhook spoke of the capture, also where our own call learned of it first."""
    return "capture" in str(message["reason"]).lower()


def _send(url: str, body: Json | None, headers: dict[str, str]) -> Json:
    method = "GET" if body is None else "POST"
    try:
        answer = httpx2.request(method, url, json=body, headers=headers, timeout=call_timeout_seconds, trust_env=False)
    except httpx2.HTTPError as error:
        message = f"{url.partition('?')[0]}: {type(error).__name__}"
        raise UnreachableError(message) from error
    if not answer.is_success:
        message = f"{method} {url.partition('?')[0]} answered {answer.status_code}: {answer.text[:300]}"
        raise ScenarioError(message)
    found: Json = answer.json()
    return found
