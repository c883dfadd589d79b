"""Anybody may read how this installation does, also without its database, and nothing that helps an attacker."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp
from tests.web.conftest import Front

from tillkeeper.flows.maintain import maintain
from tillkeeper.flows.steer import steer
from tillkeeper.kernel.db import Database
from tillkeeper.reports import status
from tillkeeper.routing import Switch
from tillkeeper.till import Till
from tillkeeper.web.app import build

PARTS = {"object", "status", "payments", "database", "gateways", "mode", "checked_at"}


async def look(app: ASGIApp) -> Any:
    """Read the page as anybody would."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://till.test") as http:
        return await http.get("/status")


async def seen(till: Till) -> dict[str, Any]:
    """Read the page of a process that has just begun."""
    shown: dict[str, Any] = (await look(build(till))).json()
    return shown


async def test_all_is_well(front: Front) -> None:
    answer = await look(build(front.till))
    shown = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=2")
    assert (shown["status"], shown["payments"], shown["database"]) == ("operational", "operational", "operational")
    assert shown["gateways"] == [{"gateway": "stripe", "status": "operational"}]
    assert shown.keys() == PARTS
    assert not [value for value in json.loads(answer.text).values() if isinstance(value, int)]


async def test_maintenance_is_told_without_its_reason(front: Front) -> None:
    await maintain(front.till, active=True, reason="a burglar is in the cellar")
    try:
        answer = await look(build(front.till))
        assert (answer.json()["status"], answer.json()["payments"]) == ("maintenance", "paused")
        assert "burglar" not in answer.text
    finally:
        await maintain(front.till, active=False, reason=None)


async def test_a_gateway_that_fails_degrades_and_one_that_is_off_is_paused(front: Front) -> None:
    await steer(front.till, "stripe", switch=Switch.ON)
    await front.owner.execute("UPDATE gateway_state SET breaker = 'open', retry_at = now() + interval '1 hour'")
    try:
        shown = await seen(front.till)
        assert (shown["status"], shown["gateways"][0]["status"]) == ("degraded", "degraded")
        await steer(front.till, "stripe", switch=Switch.OFF)
        shown = await seen(front.till)
        assert (shown["status"], shown["gateways"][0]["status"]) == ("outage", "paused")
    finally:
        await steer(front.till, "stripe", switch=Switch.ON)
        await front.owner.execute("UPDATE gateway_state SET breaker = 'closed', retry_at = NULL")


async def test_a_gateway_that_left_several_calls_in_a_row_unanswered_is_degraded(front: Front) -> None:
    await steer(front.till, "stripe", switch=Switch.ON)
    try:
        for failures, said in ((2, "operational"), (3, "degraded")):
            await front.owner.execute("UPDATE gateway_state SET failures = $1", failures)
            assert (await seen(front.till))["gateways"][0]["status"] == said
    finally:
        await front.owner.execute("UPDATE gateway_state SET failures = 0")


async def test_what_was_looked_up_is_kept_for_a_few_seconds_however_many_ask(front: Front) -> None:
    app = build(front.till)
    first, *others = await asyncio.gather(*(look(app) for _ in range(20)))
    assert {answer.json()["checked_at"] for answer in others} == {first.json()["checked_at"]}


async def test_an_outage_of_the_database_is_told_and_not_suffered(front: Front) -> None:
    pool = await Database.connect(front.till.settings.database_url)
    await pool.close()
    shown = await seen(replace(front.till, db=pool))
    assert (shown["status"], shown["payments"], shown["database"]) == ("outage", "outage", "outage")
    assert shown["gateways"] == []


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        ({}, "outage"),
        ({"a": "paused"}, "outage"),
        ({"a": "paused", "b": "operational"}, "operational"),
        ({"a": "degraded", "b": "operational"}, "degraded"),
        ({"a": "degraded"}, "degraded"),
    ],
)
def test_payments_are_open_while_one_gateway_is(gateways: dict[str, str], expected: str) -> None:
    assert status.summary(gateways)["payments"] == expected
