"""What the result page lets a visitor do to a payment, as the customer, their bank or the gateway would."""

from collections.abc import Sequence
from typing import Any

import httpx2

from tillkeeper import gateways
from tillkeeper.flows.sync import sync
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import ids
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
        return [_button(ASK, "Ask the gateway", ASKED, f"./till payments sync {payment['id']}")]
    if not payment["amount_captured"]:
        return []
    told = bool(diary.telling(scene.events))
    return [*_refunds(scene), *_disputes(scene), *(_again(payment) if told else ()), *_outages(payment["gateway"])]


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
    async with httpx2.AsyncClient(timeout=call_timeout_seconds, trust_env=False) as http:
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


def _refunds(scene: Scene) -> list[Button]:
    payment, left = scene.payment, _left(scene.payment)
    if left <= 0 or scene.disputes:
        return []
    half, code = max(left // 2, 1), payment["currency"]
    where = "goes back in the gateway’s own dashboard. The shop hears of it, and takes back"
    line = f"./till trigger refund.dashboard --payment {payment['id']}"
    whole = f"./till trigger refund.dashboard_full --payment {payment['id']}"
    return [
        _button("refund_half", "Refund half", f"{written(half, code)} {where} half of the goods.", line),
        _button("refund_all", "Refund in full", f"{written(left, code)} {where} all goods.", whole, danger=True),
    ]


def _disputes(scene: Scene) -> list[Button]:
    if _left(scene.payment) <= 0 and not _open_dispute(scene):
        return []
    tail = f"--payment {scene.payment['id']}"
    won, lost = f"./till trigger dispute.won {tail}", f"./till trigger dispute.lost {tail}"
    if _open_dispute(scene):
        return [
            _button("dispute_won", "Decide the dispute: won", "The money comes back, and the goods stay.", won),
            _button(
                "dispute_lost", "Decide the dispute: lost", "The money is gone; so are the goods.", lost, danger=True
            ),
        ]
    if scene.disputes:
        return []
    taken = "The customer’s bank takes the money back"
    opened = f"./till trigger dispute.open {tail}"
    return [
        _button("dispute_open", "Dispute it", f"{taken} for now, and the goods are frozen.", opened),
        _button("dispute_won", "Dispute it, and win", f"{taken}, and gives it back. The goods stay.", won),
        _button(
            "dispute_lost", "Dispute it, and lose", f"{taken} for good, and so do we the goods.", lost, danger=True
        ),
    ]


def _again(payment: Json) -> list[Button]:
    line = f"./till trigger webhook.again --payment {payment['id']}"
    return [
        _button("again", "Send the webhook again", "It arrives once more, and nothing changes.", line),
        _button(
            "again_many",
            f"Send it {many} times more",
            f"{many} copies arrive at once, and nothing changes.",
            f"{line} --copies {many}",
        ),
    ]


def _outages(gateway: str) -> list[Button]:
    long = f"{deeds.outage_seconds} seconds"
    says = f"For {long} the gateway answers nothing. Buy something then: nothing is lost, and nobody pays twice."
    return [
        _button("outage", f"Outage of {long}", says, f"./till trigger gateway.outage --gateway {gateway}", danger=True),
        _button(
            "back", "End the outage", "It answers again at once.", f"./till trigger gateway.back --gateway {gateway}"
        ),
    ]


def _button(value: str, label: str, says: str, line: str, *, danger: bool = False) -> Button:
    return Button(label, says, "deed", value, [line], danger=danger)
