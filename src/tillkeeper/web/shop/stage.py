"""What the result page lets a visitor do to a payment, as the customer, their bank or the gateway would."""

from collections.abc import Sequence
from typing import Any

import httpx2

from tillkeeper import gateways
from tillkeeper.flows.sync import sync
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import ids, trust
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.sandbox_kit import deeds
from tillkeeper.sandbox_kit.deeds import Deed, End
from tillkeeper.sandbox_kit.simulate import Button
from tillkeeper.sandbox_kit.stand import Stand
from tillkeeper.till import Till
from tillkeeper.web.shop import diary
from tillkeeper.web.shop.paper import written
from tillkeeper.web.shop.scene import Scene
from tillkeeper.web.shop.story import UNDER_WAY

call_timeout_seconds = 10
many = 50
ASK = "ask"
AGAIN = {"again": 1, "again_many": many}
ENDS: dict[str, End] = {"dispute_won": "win", "dispute_lost": "lose"}
SHARES = ("refund_half", "refund_all")

Json = dict[str, Any]


def buttons(scene: Scene) -> list[Button]:
    """List what can be done to a payment now, each with what will happen and with its command."""
    payment = scene.payment
    if payment["status"] in UNDER_WAY:
        return [_button(ASK, ASKED, f"./till payments sync {payment['id']}"), *_outages(payment["gateway"])]
    if not payment["amount_captured"]:
        return []
    told = bool(diary.telling(scene.events))
    return [*_refunds(scene), *_disputes(scene), *(_again(scene) if told else ()), *_outages(payment["gateway"])]


async def perform(till: Till, scene: Scene, deed: str) -> None:
    """Do one of the things that are offered; raises InvalidStateError for any other, GatewayUnavailableError."""
    if deed not in {button.value for button in buttons(scene)}:
        message = "That cannot be done to this payment now; the page shows what can."
        raise InvalidStateError(message)
    if deed == ASK:
        await sync(till, ids.parse("payment", scene.payment["id"]))
        return
    assert till.settings.mode == "sandbox", "there is no shop elsewhere"
    origin = till.gateways[scene.payment["gateway"]].checkout_origin
    async with httpx2.AsyncClient(timeout=call_timeout_seconds, trust_env=False, verify=trust.authorities()) as http:
        for step in await _steps(http, origin, scene, deed):
            await _send(http, origin, step)


async def _steps(http: httpx2.AsyncClient, origin: str, scene: Scene, deed: str) -> Sequence[Deed]:
    """Translate a deed into calls of the control verbs."""
    payment, stand = scene.payment, _stand(scene.payment["gateway"])
    reference = payment["gateway_reference"]
    if deed in AGAIN:
        return [deeds.resend(diary.telling(scene.events)[0]["event_id"], AGAIN[deed])]
    if deed in SHARES:
        left = _left(payment)
        return [deeds.refund(stand, reference, max(left // 2, 1) if deed == "refund_half" else left)]
    if deed == "dispute_open":
        return [deeds.dispute(stand, reference)]
    if deed in ENDS:
        opened = _open_dispute(scene)
        named = opened or deeds.named(await _send(http, origin, deeds.dispute(stand, reference)))
        return [deeds.decide(stand, named, ENDS[deed])]
    return [deeds.outage(stand.name, deeds.outage_seconds if deed == "outage" else 0)]


async def _send(http: httpx2.AsyncClient, origin: str, deed: Deed) -> Json:
    try:
        answer = await http.post(f"{origin}/_control{deed.path}", json=deed.body)
    except httpx2.HTTPError as error:
        message = f"The sandbox at {origin} does not answer ({type(error).__name__})."
        raise GatewayUnavailableError(message) from error
    if not answer.is_success:
        message = f"The sandbox said no: {_why(answer)}"
        raise InvalidStateError(message)
    found: Json = answer.json()
    return found


def _why(answer: httpx2.Response) -> str:
    try:
        told = answer.json()
        return str(told["error"].get("message") or told["error"])
    except (ValueError, KeyError, AttributeError):
        return answer.text[:200]


def _stand(name: str) -> Stand:
    return next(stand for stand in gateways.stands() if stand.name == name)


def _left(payment: Json) -> int:
    return int(payment["amount_captured"] - payment["amount_refunded"] - payment["amount_refunding"])


def _open_dispute(scene: Scene) -> str | None:
    return next((each["gateway_reference"] for each in scene.disputes if each["closed_at"] is None), None)


ASKED = "The shop asks what has become of this payment, as it does by itself when no webhook comes."
TAKEN = "The customer’s bank takes the money back"
LABELS = {
    ASK: "Ask the gateway",
    "refund_half": "Refund half",
    "refund_all": "Refund in full",
    "dispute_open": "Dispute it",
    "dispute_won": "Dispute it, and win",
    "dispute_lost": "Dispute it, and lose",
    "again": "Send the webhook again",
    "again_many": f"Send it {many} times more",
    "outage": f"Outage of {deeds.outage_seconds} seconds",
    "back": "End the outage",
}
DANGEROUS = {"refund_all", "dispute_lost", "outage"}


def _refunds(scene: Scene) -> list[Button]:
    payment, left = scene.payment, _left(scene.payment)
    if left <= 0 or scene.disputes:
        return []
    half, code = max(left // 2, 1), payment["currency"]
    where = "goes back in the gateway’s own dashboard. The shop hears of it, and takes back"
    return [
        _button("refund_half", f"{written(half, code)} {where} half of the goods.", _about(scene, "refund.dashboard")),
        _button("refund_all", f"{written(left, code)} {where} all goods.", _about(scene, "refund.dashboard_full")),
    ]


def _disputes(scene: Scene) -> list[Button]:
    won, lost = _about(scene, "dispute.won"), _about(scene, "dispute.lost")
    if _open_dispute(scene):
        return [
            _button("dispute_won", "The money comes back, and the goods stay.", won, label="Let the dispute be won"),
            _button("dispute_lost", "The money is gone, and so are the goods.", lost, label="Let the dispute be lost"),
        ]
    if scene.disputes or _left(scene.payment) <= 0:
        return []
    return [
        _button("dispute_open", f"{TAKEN} for now, and the goods are frozen.", _about(scene, "dispute.open")),
        _button("dispute_won", f"{TAKEN}, and then gives it back. The goods stay.", won),
        _button("dispute_lost", f"{TAKEN} for good, and the goods are taken back.", lost),
    ]


def _again(scene: Scene) -> list[Button]:
    line = _about(scene, "webhook.again")
    return [
        _button("again", "It arrives once more, and nothing changes.", line),
        _button("again_many", f"{many} copies arrive at once, and nothing changes.", f"{line} --copies {many}"),
    ]


def _outages(gateway: str) -> list[Button]:
    says = "The gateway answers nothing. Buy something meanwhile: nothing is lost, and nobody pays twice."
    return [
        _button("outage", says, f"./till trigger gateway.outage --gateway {gateway}"),
        _button("back", "It answers again at once.", f"./till trigger gateway.back --gateway {gateway}"),
    ]


def _about(scene: Scene, scenario: str) -> str:
    return f"./till trigger {scenario} --payment {scene.payment['id']}"


def _button(value: str, says: str, line: str, *, label: str = "") -> Button:
    return Button(label or LABELS[value], says, "deed", value, [line], danger=value in DANGEROUS)
