"""Clients who buy, pay, capture and ask for their money back, and never give up: a key is repeated until answered."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from tillkeeper.kernel import clock
from tillkeeper.ops.chaos.journal import Journal
from tillkeeper.ops.chaos.wishes import Purchase, wish

JOURNAL = "clients.jsonl"
PLAN = "clients.json"
at_once = 64
connections_max = 128
idle_seconds_max = 2
"""Servers close a connection that was idle for longer; a call that is just being sent then would be lost."""
call_timeout_seconds = 10
look_ms, look_ms_max = 250, 2_000
"""How long a client waits before it looks or asks again: each time twice as long, which leaves time for others."""
patience_seconds = 150
"""How long a client waits for what it wants to see before it gives up and says so."""
confirm_again_ms = 5_000
refunded_min = 100
"""In minor units: Razorpay gives back no less, and no package costs less."""
decision_ms = 1_500
"""How long a bank thinks about a dispute."""
DISPUTED = {"stripe": "payment_intent", "razorpay": "payment", "paypal": "capture", "square": "payment"}
"""By what each gateway's bank names what it takes back."""
pay_tries_max = 6
anew_max = 4
TOO_LATE, BAD, BUSY = 409, 400, 500
HELD, LET_GO = "requires_capture", ("canceled", "expired")
OVER = ("succeeded", *LET_GO, "failed")

Json = dict[str, Any]
Fits = Callable[[Json], bool]


class GaveUpError(Exception):
    """Say that a client has waited for too long."""


class RefusedError(Exception):
    """Say that a client was told no, for good."""


@dataclass(slots=True)
class Clients:
    """Buy everything that is on the list, so many at once."""

    api: str
    sandbox: str
    key: str
    http: httpx2.AsyncClient
    journal: Journal
    doors: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(at_once))

    async def serve(self, purchase: Purchase) -> None:
        """Let one client buy, and write down how it ended."""
        async with self.doors:
            self.journal.write(n=purchase.number, begin=purchase.as_json())
            try:
                shown = await self._trade(purchase)
                end, payment = shown["status"], shown["id"]
            except GaveUpError as error:
                end, payment = f"gave up: {error}", None
            except RefusedError as error:
                end, payment = f"refused: {error}", None
            self.journal.write(n=purchase.number, end=end, payment=payment)

    async def _trade(self, purchase: Purchase) -> Json:
        """Buy one thing; where what was held was let go, another card pays a new purchase."""
        for anew in count():
            shown = await self._buy(purchase, f"{purchase.key}-{anew}" if anew else purchase.key)
            if shown["status"] not in (*LET_GO, "failed") or anew == anew_max:
                break
        if shown["status"] == "succeeded" and purchase.refund_percent:
            amount = max(shown["amount"] * purchase.refund_percent // 100, refunded_min)
            body = {"payment": shown["id"], "amount": amount}
            await self._post(purchase.number, "refund", "refunds", body, f"refund {shown['id']}")
        if shown["status"] == "succeeded" and purchase.dispute:
            await self._dispute(purchase, shown)
        return shown

    async def _dispute(self, purchase: Purchase, shown: Json) -> None:
        """Let the bank take the money back, and decide after a moment; who asks again finds it done."""
        gateway, number = shown["gateway"], purchase.number
        body = {DISPUTED[gateway]: shown["gateway_reference"]}
        opened = await self._at_gateway(number, "dispute", f"{gateway}/disputes", body, shown["id"])
        await asyncio.sleep(decision_ms / 1000)
        name = opened.get("id") or opened["dispute_id"]
        await self._at_gateway(
            number, purchase.dispute, f"{gateway}/disputes/{name}/{purchase.dispute}", {}, shown["id"]
        )

    async def _at_gateway(self, number: int, what: str, place: str, body: Json, payment: str) -> Json:
        """Let something happen at a gateway, and write down before and after what it is; raises RefusedError."""
        self.journal.write(n=number, ask=what, payment=payment, place=place)
        answer = await self.http.post(f"{self.sandbox}/_control/{place}", json=body, timeout=60)
        told = _read(answer)
        self.journal.write(n=number, told=what, payment=payment, status=answer.status_code, body=told)
        if not answer.is_success:
            message = f"{what}: {answer.status_code} {answer.text}"
            raise RefusedError(message)
        return told if isinstance(told, dict) else {}

    async def _buy(self, purchase: Purchase, key: str) -> Json:
        number, body = purchase.number, purchase.body | {"metadata": {"purchase": key}}
        shown = await self._post(number, "create", "payments", body, key)
        shown = await self._until(shown, lambda seen: seen["next_action"] is not None or seen["status"] in OVER)
        shown = await self._pay(number, shown)
        while shown["status"] not in OVER and body.get("capture_method") == "manual":
            held = shown["gateway_reference"]
            await self._post(number, "capture", f"payments/{shown['id']}/capture", {}, f"capture {shown['id']} {held}")
            shown = await self._until(shown, lambda seen: seen["status"] in (*OVER, "requires_action"))
            if shown["status"] == "requires_action":
                shown = await self._pay(number, shown)
        return shown

    async def _pay(self, number: int, shown: Json) -> Json:
        """Pay, and pay anew only when the till says that the last try took nothing."""
        for _ in range(pay_tries_max):
            if shown["status"] == HELD and shown["capture_method"] == "automatic":
                shown = await self._until(shown, lambda seen: seen["status"] != HELD)  # the till takes it by itself
            if shown["status"] in (HELD, *OVER):
                return shown
            error = shown["last_error"]
            brought = await self._visit(number, shown)
            if brought is not None:
                shown = await self._bring(number, shown, brought)
            else:
                shown = await self._until(shown, _went_on(error, shown))
        message = f"{pay_tries_max} tries have not paid {shown['id']}, which is {shown['status']}"
        raise GaveUpError(message)

    async def _visit(self, number: int, shown: Json) -> Mapping[str, str] | None:
        """Pay at the gateway; return what the browser then brings to the shop, if anything."""
        reference, gateway = shown["gateway_reference"] or "", shown["gateway"]
        match gateway:
            case "stripe":
                place = f"sessions/{reference}"
            case "paypal":
                place = f"orders/{reference}"
            case "razorpay":
                place = f"{'links' if reference.startswith('plink_') else 'orders'}/{reference}"
            case _:
                if not reference:
                    return {"source_id": "cnon:card-nonce-ok"}
                place = f"links/{reference.partition(':')[2]}"
        self.journal.write(n=number, ask="pay", payment=shown["id"], gateway=gateway, place=place)
        answer = await self.http.post(f"{self.sandbox}/_control/{gateway}/{place}/pay", json={}, timeout=60)
        told = answer.json()
        self.journal.write(n=number, told="pay", payment=shown["id"], status=answer.status_code, body=told)
        return told["callback"] if place.startswith("orders") and gateway == "razorpay" and answer.is_success else None

    async def _bring(self, number: int, shown: Json, brought: Mapping[str, str]) -> Json:
        """Hand over what the browser brought; without an answer look first, and bring it again when nothing moved."""
        path, error = f"payments/{shown['id']}/confirm", shown["last_error"]
        elapsed_ms = clock.timer_ms()
        while elapsed_ms() < patience_seconds * 1000:
            tried = await self._once(number, "confirm", path, dict(brought), "")
            if tried is not None and tried.is_success:
                return await self._until(shown, _went_on(error, tried.json()))
            with suppress(GaveUpError):
                return await self._until(shown, _went_on(error, shown), wait_ms=confirm_again_ms)
        message = f"what the browser brought was not taken within {patience_seconds} s"
        raise GaveUpError(message)

    async def _post(self, number: int, what: str, path: str, body: Json, key: str) -> Json:
        """Ask until there is an answer, always with the same key; raises RefusedError when that is no, for good."""
        elapsed_ms, pauses = clock.timer_ms(), _pauses_ms()
        while elapsed_ms() < patience_seconds * 1000:
            answer = await self._once(number, what, path, body, key)
            if answer is not None and answer.is_success:
                shown: Json = answer.json()
                return shown
            final = answer is not None and answer.status_code < BUSY and not _retryable(answer)
            if answer is not None and final and what == "capture" and answer.status_code == TOO_LATE:
                return {}  # let go, or captured by another way: whoever looks next sees it
            if answer is not None and final:
                message = f"{what}: {answer.status_code} {answer.text}"
                raise RefusedError(message)
            await asyncio.sleep(next(pauses) / 1000)
        message = f"{what} was not answered within {patience_seconds} s"
        raise GaveUpError(message)

    async def _once(self, number: int, what: str, path: str, body: Json, key: str) -> httpx2.Response | None:
        """Ask once; the journal knows of it before it leaves, and of what came back before anybody acts on it."""
        self.journal.write(n=number, ask=what, path=path, key=key, body=body)
        headers = {"Authorization": f"Bearer {self.key}"} | ({"Idempotency-Key": key} if key else {})
        try:
            answer = await self.http.post(f"{self.api}/api/v1/{path}", json=body, headers=headers)
        except httpx2.TransportError as error:
            self.journal.write(n=number, told=what, key=key, error=type(error).__name__)
            return None
        replayed = "idempotent-replayed" in answer.headers
        self.journal.write(
            n=number, told=what, key=key, status=answer.status_code, body=_read(answer), replayed=replayed
        )
        return answer

    async def _until(self, payment: Json, fits: Fits, wait_ms: int = patience_seconds * 1000) -> Json:
        """Look at a payment until it is as wanted; raises GaveUpError."""
        elapsed_ms, shown, pauses = clock.timer_ms(), payment, _pauses_ms()
        while elapsed_ms() < wait_ms:
            with suppress(httpx2.TransportError):
                headers = {"Authorization": f"Bearer {self.key}"}
                answer = await self.http.get(f"{self.api}/api/v1/payments/{payment['id']}", headers=headers)
                shown = answer.json() if answer.is_success else shown
                if not answer.is_success:
                    self.journal.write(
                        told="look", payment=payment["id"], status=answer.status_code, body=_read(answer)
                    )
                if answer.is_success and fits(shown):
                    return shown
            await asyncio.sleep(next(pauses) / 1000)
        message = f"{payment['id']} stayed {shown['status']} for {wait_ms // 1000} s"
        raise GaveUpError(message)


def _pauses_ms() -> Iterator[int]:
    pause_ms = look_ms
    while True:
        yield pause_ms
        pause_ms = min(pause_ms * 2, look_ms_max)


def _went_on(error: Json | None, tried: Json) -> Fits:
    """Wait for the money, or for the news that the last try took none, which may be in the same words as before."""

    def went_on(shown: Json) -> bool:
        failed_again = (tried["status"], shown["status"]) == ("outcome_unknown", "requires_action")
        return shown["status"] in (HELD, *OVER) or shown["last_error"] != error or (failed_again and error is not None)

    return went_on


def _retryable(answer: httpx2.Response) -> bool:
    told = _read(answer)
    return isinstance(told, dict) and bool(told.get("retryable"))


def _read(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


async def buy(folder: Path) -> None:
    """Let all clients of a plan buy."""
    plan = json.loads((folder / PLAN).read_text())
    limits = httpx2.Limits(max_connections=connections_max, keepalive_expiry=idle_seconds_max)
    with Journal(folder / JOURNAL) as journal:
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=call_timeout_seconds, limits=limits) as http,
            asyncio.TaskGroup() as tasks,
        ):
            clients = Clients(plan["api"], plan["sandbox"], plan["key"], http, journal)
            for number in range(plan["payments"]):
                tasks.create_task(clients.serve(wish(plan["seed"], number, tuple(plan["gateways"]))))
