"""What is changed at one process is in force at every other within five seconds: two processes, one database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.crash.stage import Json, Stage, free_ports

from tillkeeper.kernel import clock

seen_seconds_max = 5
WISH = {"package": "credits_120", "currency": "EUR", "user": "ana"}
RULE = {
    "id": "everything", "fact": "amount", "operator": "more_than", "value": 1, "currency": "EUR",
    "score": 1, "reason": "it is more than nothing",
}  # fmt: skip


class Pair(Stage):
    """Serve by two processes that know nothing of each other."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        [self.other_port] = free_ports(1)
        self.other = f"http://127.0.0.1:{self.other_port}"

    def words(self, name: str) -> Sequence[str]:
        if name == "other":
            return ("serve", "--no-worker", "--port", str(self.other_port))
        return super().words(name)

    async def open(self) -> None:
        await super().open()
        self.start("other")
        await self.await_up(f"{self.other}/ready")


@dataclass(frozen=True)
class Line:
    """Change things at one process, and look at the other."""

    stage: Pair
    http: httpx2.AsyncClient

    async def change(self, method: str, path: str, body: Json | None = None, **headers: str) -> Any:
        """Change something at the first process."""
        bearer = {"Authorization": f"Bearer {self.stage.key}", "Idempotency-Key": f"{method} {path} {body}"}
        answer = await self.http.request(method, f"{self.stage.api}{path}", json=body, headers=bearer | headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def look(self, path: str, key: str = "") -> httpx2.Response:
        """Look at the other process."""
        return await self.http.get(
            f"{self.stage.other}{path}", headers={"Authorization": f"Bearer {key or self.stage.key}"}
        )

    async def buy(self, key: str, **more: object) -> httpx2.Response:
        """Buy at the other process."""
        headers = {"Authorization": f"Bearer {self.stage.key}", "Idempotency-Key": key}
        return await self.http.post(f"{self.stage.other}/api/v1/payments", json=WISH | more, headers=headers)

    async def sees(self, look: Callable[[], Awaitable[bool]]) -> None:
        """See something within five seconds."""
        read_ms = clock.timer_ms()
        while not await look():
            assert read_ms() < seen_seconds_max * 1000, "it was not seen in time"
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    stage = Pair(tmp_path_factory.mktemp("pair"))
    try:
        await stage.open()
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            yield Line(stage, http)
    finally:
        await asyncio.to_thread(stage.close)


async def test_maintenance_begins_and_ends_at_both(line: Line) -> None:
    assert (await line.buy("before")).status_code == 201
    await line.change("PUT", "/api/v1/admin/maintenance", {"active": True, "reason": "a larger disk"})
    await line.sees(lambda: _is(line.buy("during"), 503))
    board = (await line.look("/status")).json()
    await line.change("PUT", "/api/v1/admin/maintenance", {"active": False, "reason": "it is in"})
    await line.sees(lambda: _is(line.buy("after"), 201))
    await line.sees(lambda: _differs(line.look("/status"), board))


async def _is(call: Awaitable[httpx2.Response], status: int) -> bool:
    return (await call).status_code == status


async def _differs(call: Awaitable[httpx2.Response], before: Json) -> bool:
    shown = (await call).json()
    return {**shown, "checked_at": ""} != {**before, "checked_at": ""}


async def test_a_gateway_that_is_switched_off_and_on_is_so_at_both(line: Line) -> None:
    await line.change("POST", "/api/v1/admin/gateways/stripe/disable")
    await line.sees(lambda: _is(line.buy("off"), 503))
    await line.change("POST", "/api/v1/admin/gateways/stripe/enable")
    await line.sees(lambda: _is(line.buy("on"), 201))


async def test_a_price_that_was_changed_is_asked_at_both(line: Line) -> None:
    package = {"kind": "credits", "title": "1000 credits", "quantity": 1000, "prices": {"EUR": 1499}}
    await line.change("POST", "/api/v1/packages", {"id": "credits_1000", **package})
    assert (await line.buy("dear", package="credits_1000")).json()["amount"] == 1499
    await line.change("PUT", "/api/v1/packages/credits_1000", package | {"prices": {"EUR": 999}})
    assert (await line.buy("cheap", package="credits_1000")).json()["amount"] == 999


async def test_the_rules_and_lists_of_risk_judge_at_both(line: Line) -> None:
    await line.change("PUT", "/api/v1/admin/risk/rules", {"rules": [RULE]})
    assert (await line.buy("scored")).json()["risk"]["score"] >= RULE["score"]
    entry = {"side": "block", "trait": "user", "value": "mallory", "note": "three chargebacks"}
    await line.change("POST", "/api/v1/admin/risk/lists", entry)
    assert (await line.buy("blocked", user="mallory")).status_code == 402


async def test_the_policy_for_refunds_is_in_force_at_both(line: Line) -> None:
    before = (await line.look("/api/v1/refund_policies")).json()
    await line.change("PUT", "/api/v1/refund_policies", {"note": "a person agrees to each", "auto_approve_units": 0})
    await line.sees(lambda: _differs(line.look("/api/v1/refund_policies"), before))


async def test_a_key_that_is_made_and_revoked_is_so_at_both(line: Line) -> None:
    made = await line.change("POST", "/api/v1/admin/keys", {"name": "for a day", "scopes": ["read"]})
    assert (await line.look("/api/v1/payments", made["key"])).status_code == 200
    await line.change("POST", f"/api/v1/admin/keys/{made['id']}/revoke", {})
    await line.sees(lambda: _is(line.look("/api/v1/payments", made["key"]), 401))


async def test_an_idempotency_key_gets_one_answer_at_both(line: Line) -> None:
    here = await line.change("POST", "/api/v1/payments", WISH, **{"Idempotency-Key": "asked at both"})
    there = await line.buy("asked at both")
    assert (there.json(), there.headers["idempotent-replayed"]) == (here, "true")


async def test_what_a_caller_has_left_of_its_limit_is_one_number(line: Line) -> None:
    made = await line.change("POST", "/api/v1/admin/keys", {"name": "the counted one", "scopes": ["read"]})
    bearer = {"Authorization": f"Bearer {made['key']}"}
    await line.stage.fetch("DELETE FROM rate_window")
    for _ in range(3):
        await line.http.get(f"{line.stage.api}/api/v1/payments", headers=bearer)
        await line.http.get(f"{line.stage.other}/api/v1/payments", headers=bearer)
    [taken] = await line.stage.fetch("SELECT sum(taken) AS taken, count(*) FROM rate_window WHERE who = $1", made["id"])
    assert taken["count"] == 1, "both processes take from one row"
