"""Why alerts come: each cause is what an operator would meet, done to the whole stack; what can be undone is undone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
from tests.crash.stage import WEBHOOK_SECRET
from tests.crash.workshop import WORKERS
from tests.flows.conftest import sign
from tests.hosts.stack import Stack
from tests.telemetry.test_delivery import DEAD

from tillkeeper.kernel import ids

OLD_SECRET = "UPDATE secret_sighting SET first_seen_at = first_seen_at - interval '100 days'"
OLD_BACKUP = """
INSERT INTO backup (id, file, taken_at, bytes, sha256, rows, took_ms)
VALUES (gen_random_uuid(), 'a', now() - interval '27 hours', 1000, '', 1, 1)"""
FAILED_DRILL = """
INSERT INTO drill (id, status, wished_by, finished_at, report)
VALUES (gen_random_uuid(), 'failed', 'somebody', now(), '{}')"""
OLD_DRILL = """
INSERT INTO drill (id, status, wished_by, finished_at, report)
VALUES (gen_random_uuid(), 'passed', 'somebody', now() - interval '9 days', '{}')"""
OLD_VERSION = "UPDATE gateway_version SET version = (now() - interval '{} days')::date::text"
SWOLLEN = "SET session_replication_role = replica; UPDATE wallet SET balance = balance {} 1"
apart_seconds = 5
"""Longer than facts are kept and Prometheus waits between two looks: whatever comes next is seen as more."""
slow_ms = 6_000
slow_goods_seconds = 12
waiting = 101
kept_away_seconds_max = 120


@dataclass(frozen=True)
class Cause:
    """Hold what happens, which alerts it makes, and how it is undone."""

    alerts: tuple[str, ...]
    happen: Callable[["Scene"], Awaitable[None]]
    undo: Callable[["Scene"], Awaitable[None]] | None = None


@dataclass
class Scene:
    """Do to a stack what operators are afraid of."""

    stack: Stack
    client: httpx2.AsyncClient

    async def buy(self, count: int = 1) -> list[Any]:
        """Open checkouts, all at once; those that cannot be opened are left out."""
        answers = await asyncio.gather(*(self._open() for _ in range(count)))
        return [answer.json() for answer in answers if answer.status_code == httpx2.codes.CREATED]

    async def _open(self) -> httpx2.Response:
        wish = {"package": "credits_50", "currency": "EUR", "user": "ana"}
        headers = {"Authorization": f"Bearer {self.stack.key}", "Idempotency-Key": ids.new().hex}
        # Past nginx, whose limit is for each address, and we have one.
        url = f"http://127.0.0.1:{self.stack.ports['api']}/api/v1/payments"
        return await self.client.post(url, json=wish, headers=headers)

    async def act(self, payment: Any, what: str, body: Any = None) -> None:
        """Act as the customer."""
        path = f"{self.stack.sandbox}/_control/stripe/sessions/{payment['gateway_reference']}/{what}"
        assert (await self.client.post(path, json=body or {})).is_success

    async def turn(self, **dial: Any) -> None:
        """Let things go wrong at the gateway."""
        assert (await self.client.put(f"{self.stack.sandbox}/_control/faults", json=dial)).is_success

    async def mend(self) -> None:
        """Let nothing go wrong there any more."""
        await self.client.delete(f"{self.stack.sandbox}/_control/faults")

    async def tell(self, event: Any, secret: str = WEBHOOK_SECRET) -> int:
        """Send a webhook in the gateway's name."""
        body = json.dumps({"id": f"evt_{ids.new().hex}", "livemode": False} | event).encode()
        headers = {**sign(body, secret=secret), "Content-Type": "application/json"}
        return (await self.client.post(f"{self.stack.api}/webhooks/stripe", content=body, headers=headers)).status_code

    async def sql(self, statement: str) -> None:
        """Change the database as nobody should, as its superuser."""
        await asyncio.to_thread(self.stack.pair.ask, self.stack.pair.ports[0], "-c", statement)

    async def again_and_again(self, do: Callable[[], Awaitable[object]], *, each: int = 10) -> None:
        """Do something often, and once more after somebody has looked."""
        await asyncio.gather(*(do() for _ in range(each)))
        await asyncio.sleep(apart_seconds)
        await asyncio.gather(*(do() for _ in range(each)))


async def forge(scene: Scene) -> None:
    await scene.again_and_again(lambda: scene.tell({"type": "charge.succeeded"}, "whsec_of_a_stranger"), each=14)


async def decline(scene: Scene) -> None:
    first, *others = await scene.buy(8)
    await scene.act(first, "decline")
    await asyncio.sleep(apart_seconds * 3)
    for payment in others:
        await scene.act(payment, "decline")


async def contradict(scene: Scene) -> None:
    [payment] = await scene.buy()

    async def lie() -> None:
        said = {"object": "payment_intent", "id": f"pi_{ids.new().hex}", "status": "succeeded", "currency": "eur",
                "amount": 1, "amount_received": 1, "metadata": {"payment": payment["id"]}}  # fmt: skip
        await scene.tell({"type": "payment_intent.succeeded", "data": {"object": said}})

    await scene.again_and_again(lie, each=4)


async def slow_down(scene: Scene) -> None:
    await scene.turn(latency_ms=slow_ms)
    await scene.buy(6)


async def fall_silent(scene: Scene) -> None:
    await scene.turn(error_before_percent=100)
    await scene.again_and_again(scene.buy, each=6)


async def stop_workers(scene: Scene) -> None:
    """Pay while nobody delivers, and let webhooks and events wait."""
    for name in WORKERS:
        scene.stack.kill(name)
    payments = await scene.buy(60)
    for payment in payments[:8]:
        await scene.act(payment, "pay")
    await asyncio.gather(*(scene.tell({"type": "product.created", "data": {"object": {}}}) for _ in range(waiting)))
    await asyncio.sleep(slow_goods_seconds)


async def start_workers(scene: Scene) -> None:
    for name in WORKERS:
        scene.stack.start(name)


async def bury(scene: Scene) -> None:
    await scene.sql(DEAD)


async def kill_brokers(scene: Scene) -> None:
    for port in (*scene.stack.redis.watching, *scene.stack.redis.ports):
        scene.stack.redis.kill(port)


async def kill_an_api(scene: Scene) -> None:
    scene.stack.kill("other")


async def start_it(scene: Scene) -> None:
    scene.stack.start("other")


async def lose_the_database(scene: Scene) -> None:
    await asyncio.to_thread(scene.stack.pair.kill, scene.stack.pair.ports[0])
    await scene.again_and_again(lambda: scene.tell({"type": "product.created", "data": {"object": {}}}), each=4)


async def promote_the_replica(scene: Scene) -> None:
    await asyncio.to_thread(scene.stack.pair.promote)


def write(statement: str) -> Callable[[Scene], Awaitable[None]]:
    """Make a cause of a row that time or a failure would have written."""

    async def happen(scene: Scene) -> None:
        await scene.sql(statement)

    return happen


async def mend(scene: Scene) -> None:
    """Let the gateway answer again, and wait until it is asked again."""
    await scene.mend()
    async with asyncio.timeout(kept_away_seconds_max):
        while not await scene.buy():  # noqa: ASYNC110 (other processes)
            await asyncio.sleep(1)


CAUSES = (
    Cause(("WebhookSignatureFailures",), forge),
    Cause(("HighPaymentFailureRate", "PaymentSuccessRateBelowSlo"), decline),
    Cause(("WebhookFailures",), contradict),
    Cause(("HighGatewayLatency", "VeryHighGatewayLatency", "ApiLatencyAboveSlo"), slow_down, mend),
    Cause(("PaymentGatewayUnavailable",), fall_silent, mend),
    Cause(
        ("WorkerDown", "WebhookProcessingBacklog", "WebhookProcessingBacklogHigh", "OutgoingWebhookBacklog"),
        stop_workers,
    ),
    Cause(("SlowFulfilment", "VerySlowFulfilment"), start_workers),
    Cause(("WebhookDeadLetters",), bury),
    Cause(("SecretTooOld",), write(OLD_SECRET)),
    Cause(("BackupTooOld",), write(OLD_BACKUP)),
    Cause(("RestoreDrillTooOld",), write(OLD_DRILL)),
    Cause(("RestoreDrillFailed",), write(FAILED_DRILL)),
    Cause(("GatewayApiVersionOld",), write(OLD_VERSION.format(200))),
    Cause(("GatewayApiVersionTooOld",), write(OLD_VERSION.format(400))),
    Cause(("InvariantViolated",), write(SWOLLEN.format("+")), write(SWOLLEN.format("-"))),
    Cause(("MetricsMissing",), kill_an_api, start_it),
    Cause(("RedisConnectionErrors",), kill_brokers),
    Cause(
        ("DatabaseUnreachable", "DatabaseTransactionFailures", "ApiErrorRateAboveSlo"),
        lose_the_database,
        promote_the_replica,
    ),
)
"""In an order in which each leaves the stack fit for the next; the last two do not."""
UNTRIED = {
    "HighFees": "needs a day",
    "MetricsUnanswered": "somebody must hold a table meanwhile",
    "PaymentIntentFailures": "the gateway is kept away from after five",
    "ReconciliationDiscrepancy": "a day is compared once it is over",
    "UnusualPaymentAmount": "needs a day before it",
}
"""What cannot be caused within minutes; promtool tries these with invented series, as it does all others."""
