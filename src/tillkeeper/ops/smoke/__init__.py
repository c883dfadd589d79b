"""Smoke: whether a service that runs answers, takes a payment to its end, and tells of it, once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import httpx2

from tillkeeper.kernel import clock, trust
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops.scenarios import ScenarioError, Target, UnreachableError, afterwards, pay, purchases
from tillkeeper.ops.smoke.receiver import Receiver

PAGES = ("/health", "/ready", "/status", "/docs", "/openapi.json")
SCRIPTS = ("answers", "payment", "webhooks")
USER = "selftest"
SANDBOX_KEYS = ("till_sk_sandbox_",)
answer_seconds = 10
event_seconds = 20
settle_ms = 1_500
"""So long it is waited for a second copy, which must not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold how one step went; one that could not be tried says why, and is no failure."""

    script: str
    step: str
    state: str
    took_ms: int
    says: str
    next_step: str = ""

    @property
    def failed(self) -> bool:
        """Tell whether it went wrong."""
        return self.state == "failed"


class SmokeError(TillError):
    """Report a service that did not do what it must."""

    code = "smoke"
    title = "The service did not do what it must"
    next_step = "Look into the service's log, and at Health and Jobs in its dashboard."


def run(target: Target, scripts: Sequence[str], gateways: Sequence[str], say: Callable[[Step], None]) -> list[Step]:
    """Go through the scripts, gateway by gateway; nothing else is tried on a service that does not answer."""
    steps = []
    for step in _steps(target, scripts, gateways):
        say(step)
        steps.append(step)
    return steps


def _steps(target: Target, scripts: Sequence[str], gateways: Sequence[str]) -> Iterator[Step]:
    if "answers" in scripts:
        found = [_tried("answers", path, lambda path=path: _answers(target, path)) for path in PAGES]  # type: ignore[misc]
        yield from found
        if any(each.failed for each in found):
            return
    rest = [each for each in SCRIPTS[1:] if each in scripts]
    if not target.key.startswith(SANDBOX_KEYS):
        yield from (_left_out(each, _why(target)) for each in rest)
        return
    try:
        names = gateways or _gateways(target)
    except TillError as error:
        yield _failed("payment", "gateways", 0, error)
        return
    for script in rest:
        for name in names:
            at_gateway = replace(target, gateway=name)
            yield _tried(script, name, lambda play=PLAYS[script], at=at_gateway: play(at))  # type: ignore[misc]


def _why(target: Target) -> str:
    if not target.key:
        return "no key was given: set TILL_API_KEY"
    return "this is no sandbox, and real cards are for people: `till gateways test` pays and refunds one"


def _tried(script: str, step: str, play: Callable[[], str]) -> Step:
    read_ms = clock.timer_ms()
    try:
        says = play()
    except TillError as error:
        return _failed(script, step, read_ms(), error)
    return Step(script=script, step=step, state="ok", took_ms=read_ms(), says=says)


def _failed(script: str, step: str, took_ms: int, error: TillError) -> Step:
    return Step(script=script, step=step, state="failed", took_ms=took_ms, says=error.detail, next_step=error.next_step)


def _left_out(script: str, why: str) -> Step:
    return Step(script=script, step="all", state="left out", took_ms=0, says=why)


def _answers(target: Target, path: str) -> str:
    try:
        answer = httpx2.get(f"{target.api}{path}", timeout=answer_seconds, trust_env=False, verify=trust.authorities())
    except httpx2.HTTPError as error:
        message = f"{target.api}{path}: {type(error).__name__}"
        raise UnreachableError(message) from error
    if not answer.is_success:
        message = f"{path} answered {answer.status_code}: {answer.text[:200]}"
        raise SmokeError(message)
    return str(answer.status_code)


def _gateways(target: Target) -> list[str]:
    """List the gateways that take new payments."""
    found = target.call("/api/v1/admin/gateways/status")["data"]
    return [each["gateway"] for each in found if each["switch"] == "on"]


def _payment(target: Target) -> str:
    """Create, pay, deliver, refund, take back."""
    paid = pay(target, user=USER)
    afterwards.refund(target, paid["id"])
    after = target.await_payment(paid["id"], lambda found: found["fulfilment"]["status"] == "revoked")
    if after["amount_refunded"] != paid["amount_captured"]:
        message = f"{paid['id']}: {after['amount_refunded']} of {paid['amount_captured']} went back."
        raise SmokeError(message)
    quantity = paid["fulfilment"]["quantity"]
    return f"{paid['id']}: paid, {quantity} credits delivered, refunded, {after['fulfilment']['revoked']} taken back"


def _webhooks(target: Target) -> str:
    """Let the gateway tell twice, and see that we tell once, with a signature that verifies."""
    with Receiver() as receiver:
        endpoint = target.call("/api/v1/webhook_endpoints", {"url": receiver.url, "types": ["payment.succeeded"]})
        receiver.secret = str(endpoint["secret"])
        try:
            opened = purchases.open_checkout(target, USER)
            target.visit(opened, "pay", webhook="duplicate")
            paid = target.await_payment(opened["id"], purchases.delivered)
            arrived = target.await_arrivals(paid["id"], 2)
            received = _told(receiver, paid["id"])
        finally:
            _remove(target, str(endpoint["id"]))
    granted = target.granted(USER, paid["id"])
    if arrived != 2 or granted != paid["fulfilment"]["quantity"]:  # noqa: PLR2004 (what `duplicate` sends)
        message = f"{paid['id']}: the webhook arrived {arrived} times, and {granted} credits were delivered."
        raise SmokeError(message)
    return f"{paid['id']}: told 2x by the gateway, delivered once; {received}"


def _told(receiver: Receiver, payment: str) -> str:
    read_ms = clock.timer_ms()
    while not (found := receiver.about(payment)) and read_ms() < event_seconds * 1000:
        clock.pause_ms(50)
    clock.pause_ms(settle_ms if found else 0)
    found = receiver.about(payment)
    if receiver.unverified:
        message = f"{receiver.unverified} events came with a signature that does not verify."
        raise SmokeError(message)
    if len(found) != 1:
        message = f"payment.succeeded of {payment} came {len(found)} times within {event_seconds} s."
        raise SmokeError(message)
    return f"{found[0]} came once, signed"


def _remove(target: Target, endpoint: str) -> None:
    headers = {"Authorization": f"Bearer {target.key}"}
    url = f"{target.api}/api/v1/webhook_endpoints/{endpoint}"
    answer = httpx2.delete(url, headers=headers, timeout=answer_seconds, trust_env=False, verify=trust.authorities())
    if not answer.is_success:
        message = f"{endpoint}, which was made for this, could not be removed: {answer.status_code}."
        raise ScenarioError(message)


PLAYS: dict[str, Callable[[Target], str]] = {"payment": _payment, "webhooks": _webhooks}
