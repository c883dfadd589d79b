"""Where scenarios are played: the API as the merchant calls it, and the sandbox as the world acts on it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2

from tillkeeper import gateways
from tillkeeper.kernel import clock, trust
from tillkeeper.kernel.errors import TillError
from tillkeeper.sandbox_kit import deeds
from tillkeeper.sandbox_kit.deeds import Deed
from tillkeeper.sandbox_kit.stand import Stand

outcome_timeout_seconds = 15
call_timeout_seconds = 35
poll_ms = 20
again_ms = 1_000
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
    """Hold where to play: the API, the sandbox, a key and the gateway; and what a scenario may be told besides."""

    api: str
    sandbox: str
    key: str
    gateway: str = GATEWAY
    code: str = ""
    """Why a card is declined, in the gateway's own word."""
    copies: int = 1
    """How often a webhook is sent again."""

    def call(self, path: str, body: Json | None = None) -> Json:
        """Call the API; a POST gets a fresh Idempotency-Key."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": secrets.token_hex(12)}
        return _send(f"{self.api}{path}", body, headers)

    @property
    def stand(self) -> Stand:
        """Find the imitation of the gateway, which names its verbs."""
        return next(stand for stand in gateways.stands() if stand.name == self.gateway)

    def do(self, deed: Deed) -> Json:
        """Do something as the customer, their bank or the gateway."""
        return _send(f"{self.sandbox}/_control{deed.path}", deed.body, {})

    def act(self, path: str, body: Json | None = None) -> Json:
        """Act as the customer or as the gateway."""
        return self.do(Deed(f"/{self.gateway}{path}", body or {}))

    def visit(self, payment: Json, deed: str, **wish: object) -> None:
        """Do something as the customer on the hosted checkout page of a payment."""
        self.do(deeds.visit(self.stand, payment["gateway_reference"], deed, **wish))

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

    def await_dispute(self, payment: str, *statuses: str) -> Json:
        """Wait until a payment's newest dispute is in one of these states; raises ScenarioError."""
        read_ms = clock.timer_ms()
        while read_ms() < outcome_timeout_seconds * 1000:
            found = self.disputes(payment)
            if found and found[0]["status"] in statuses:
                return found[0]
            clock.pause_ms(poll_ms)
        message = f"No dispute of {payment} became {' or '.join(statuses)} within {outcome_timeout_seconds} s."
        raise ScenarioError(message)

    def disputes(self, payment: str) -> list[Json]:
        """List a payment's disputes, newest first."""
        found: list[Json] = self.call(f"/api/v1/disputes?payment={payment}")["data"]
        return found

    def arrivals(self, payment: str) -> int:
        """Tell how often the webhook that told of the capture has arrived."""
        return max((message["arrivals"] for message in self.told_of_capture(payment)), default=0)

    def told_of_capture(self, payment: str) -> list[Json]:
        """List the webhooks that spoke of the capture, also where our own call learned of it first."""
        messages = self.call(f"/api/v1/inbox?payment={payment}&limit=100")["data"]
        return [message for message in messages if "capture" in str(message["reason"]).lower()]

    def await_arrivals(self, payment: str, wanted: int) -> int:
        """Wait until a webhook has arrived often enough."""
        read_ms = clock.timer_ms()
        while (seen := self.arrivals(payment)) < wanted and read_ms() < outcome_timeout_seconds * 1000:
            clock.pause_ms(poll_ms)
        return seen

    def granted(self, user: str, payment: str) -> int:
        """Tell how many credits a payment has brought."""
        entries = self.call(f"/api/v1/users/{user}/wallet/entries?limit=100")["data"]
        return sum(entry["amount"] for entry in entries if entry["kind"] == "grant" and entry["source"] == payment)


def _send(url: str, body: Json | None, headers: dict[str, str]) -> Json:
    """Send, and again when it was too often: a proxy before the service may count calls by address."""
    method = "GET" if body is None else "POST"
    read_ms = clock.timer_ms()
    while (answer := _once(method, url, body, headers)).status_code == HTTPStatus.TOO_MANY_REQUESTS:
        if read_ms() > outcome_timeout_seconds * 1000:
            break
        asked = answer.headers.get("retry-after", "")
        clock.pause_ms(int(asked) * 1000 if asked.isdecimal() else again_ms)
    if not answer.is_success:
        message = f"{method} {url.partition('?')[0]} answered {answer.status_code}: {answer.text[:300]}"
        raise ScenarioError(message)
    found: Json = answer.json()
    return found


def _once(method: str, url: str, body: Json | None, headers: dict[str, str]) -> httpx2.Response:
    try:
        return httpx2.request(
            method,
            url,
            json=body,
            headers=headers,
            timeout=call_timeout_seconds,
            trust_env=False,
            verify=trust.authorities(),
        )
    except httpx2.HTTPError as error:
        message = f"{url.partition('?')[0]}: {type(error).__name__}"
        raise UnreachableError(message) from error
