"""Events, endpoints and deliveries over HTTP: who may, what is shown, and what never is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.flows.merchant import Merchant
from tests.flows.receiver import Receiver, receiving
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue
from tillkeeper.kernel.egress import Egress

ENDPOINTS = "/api/v1/webhook_endpoints"
ABSENT = "01h455vb4pex5vsknk084sn02q"
ADMIN_CALLS = (
    ("GET", ENDPOINTS),
    ("POST", ENDPOINTS),
    ("GET", f"{ENDPOINTS}/endpoint_{ABSENT}"),
    ("PATCH", f"{ENDPOINTS}/endpoint_{ABSENT}"),
    ("DELETE", f"{ENDPOINTS}/endpoint_{ABSENT}"),
    ("POST", f"{ENDPOINTS}/endpoint_{ABSENT}/rotate"),
    ("POST", f"{ENDPOINTS}/endpoint_{ABSENT}/test"),
    ("POST", f"{ENDPOINTS}/endpoint_{ABSENT}/recover"),
    ("POST", f"/api/v1/deliveries/delivery_{ABSENT}/resend"),
)
READER_CALLS = (
    "/api/v1/events",
    f"/api/v1/events/event_{ABSENT}",
    "/api/v1/deliveries",
    f"/api/v1/deliveries/delivery_{ABSENT}",
)
BODIES = {
    "rotate": {},
    "recover": {"since": "2026-01-01T00:00:00Z"},
    "webhook_endpoints": {"url": "https://x.example/"},
}


@pytest.fixture
async def boss(front: Front) -> AsyncIterator[Front]:
    if "admin" not in front.keys:
        _, front.keys["admin"] = await issue(front.till, "admin", scopes=["admin"])
    yield front
    for table in ("webhook_try", "webhook_delivery", "webhook_endpoint"):
        await front.owner.execute(f"DELETE FROM {table}")


@pytest.fixture
async def door(boss: Front) -> AsyncIterator[Receiver]:
    """Let the application call this machine, where a receiver listens."""
    kept = boss.till.egress
    object.__setattr__(boss.till, "egress", Egress(private=True, secure=False))
    async with receiving() as receiver:
        yield receiver
    await boss.till.egress.close()
    object.__setattr__(boss.till, "egress", kept)


@pytest.fixture
def merchant(boss: Front) -> Merchant:
    return Merchant(boss.till, boss.owner)


async def call(boss: Front, method: str, path: str, content: object = None) -> Any:
    more = {} if content is None else {"Content-Type": "application/json"}
    return await boss.call(method, path, b"" if content is None else content, key="admin", **more)


async def created(boss: Front, url: str, **more: object) -> Any:
    answer = await call(boss, "POST", ENDPOINTS, {"url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(("method", "path"), ADMIN_CALLS)
@pytest.mark.parametrize(("key", "status"), [("write", 403), ("read", 403), ("revoked", 401), ("", 401)])
async def test_where_events_go_is_for_admins_only(boss: Front, method: str, path: str, key: str, status: int) -> None:
    body = BODIES.get(path.rpartition("/")[2], {})
    answer = await boss.call(method, path, body, key=key, **{"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert await boss.owner.fetchval("SELECT count(*) FROM webhook_endpoint") == 0


@pytest.mark.parametrize("path", READER_CALLS)
async def test_events_and_deliveries_can_be_read_by_every_key_and_by_nobody_else(boss: Front, path: str) -> None:
    found = 404 if ABSENT in path else 200
    for key, status in (("read", found), ("write", found), ("admin", found), ("other", 401), ("", 401)):
        assert (await boss.call("GET", path, key=key)).status_code == status


@pytest.mark.parametrize(("method", "path"), [each for each in ADMIN_CALLS if ABSENT in each[1]])
async def test_an_endpoint_or_delivery_that_is_not_there_is_not_found(boss: Front, method: str, path: str) -> None:
    answer = await call(boss, method, path, BODIES.get(path.rpartition("/")[2], {}))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_secret_is_shown_at_creation_and_at_rotation_and_nowhere_else(boss: Front) -> None:
    made = await created(boss, "https://shop.example/hooks", types=["payment.succeeded"], description="the shop")
    assert made["secret"].startswith("whsec_")
    path = f"{ENDPOINTS}/{made['id']}"
    shown = (await call(boss, "GET", path)).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    rotated = (await call(boss, "POST", f"{path}/rotate", {"grace_hours": 1})).json()
    assert rotated["secret"] not in {made["secret"], None}
    assert rotated["previous_secret_until"]
    for answer in (await call(boss, "GET", ENDPOINTS), await call(boss, "GET", path)):
        assert "whsec_" not in answer.text
    changed = await call(boss, "PATCH", path, {"enabled": False})
    assert (changed.json()["enabled"], changed.json()["disabled_reason"]) == (False, "Switched off by hand.")
    assert "whsec_" not in changed.text


async def test_a_deleted_endpoint_is_gone(boss: Front) -> None:
    made = await created(boss, "https://shop.example/hooks")
    path = f"{ENDPOINTS}/{made['id']}"
    assert (await call(boss, "DELETE", path)).status_code == 204
    assert (await call(boss, "GET", path)).status_code == 404
    assert (await call(boss, "GET", ENDPOINTS)).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "invalid_field", "url"),
        ({"url": None}, "invalid_field", "url"),
        ({"url": 1}, "invalid_field", "url"),
        ({"url": "not a url"}, "invalid_field", "url"),
        ({"url": "http://127.0.0.1:8000/"}, "invalid_field", "url"),
        ({"url": "http://[::1]/"}, "invalid_field", "url"),
        ({"url": "http://169.254.169.254/latest/meta-data/"}, "invalid_field", "url"),
        ({"url": "https://x.example/" + "x" * 2000}, "invalid_field", "url"),
        ({"url": "https://x.example/", "types": []}, "invalid_field", "types"),
        ({"url": "https://x.example/", "types": ["payment.paid"]}, "invalid_field", "types"),
        ({"url": "https://x.example/", "types": "*"}, "invalid_field", "types"),
        ({"url": "https://x.example/", "secret": "mine"}, "unknown_field", "secret"),
    ],
)
async def test_an_endpoint_that_cannot_be_used_is_refused(boss: Front, body: object, code: str, param: str) -> None:
    problem = (await call(boss, "POST", ENDPOINTS, body)).json()
    assert (problem["status"], problem["code"], problem["param"]) == (422, code, param), problem
    assert await boss.owner.fetchval("SELECT count(*) FROM webhook_endpoint") == 0


@pytest.mark.parametrize(
    "body", [{"url": None}, {"enabled": None}, {"enabled": "no"}, {"types": None}, {"types": []}, {"cursor": 1}, []]
)
async def test_a_change_that_cannot_be_made_is_refused(boss: Front, body: object) -> None:
    made = await created(boss, "https://shop.example/hooks")
    path = f"{ENDPOINTS}/{made['id']}"
    assert (await call(boss, "PATCH", path, body)).status_code == 422
    assert (await call(boss, "GET", path)).json().items() <= made.items()


async def test_a_delivery_shows_each_try_and_can_be_sent_again(boss: Front, merchant: Merchant, door: Receiver) -> None:
    door.statuses, door.body = [503], b"card 4242424242424242"
    made = await created(boss, door.url)
    (event,) = await merchant.announce("payment.created")
    await merchant.send()
    (listed,) = (await call(boss, "GET", f"/api/v1/deliveries?endpoint={made['id']}&event={event}")).json()["data"]
    assert (listed["status"], listed["last_status"], listed["type"]) == ("pending", 503, "payment.created")
    again = await call(boss, "POST", f"/api/v1/deliveries/{listed['id']}/resend")
    assert again.json()["status"] == "pending"
    await merchant.send()
    shown = (await call(boss, "GET", f"/api/v1/deliveries/{listed['id']}")).json()
    assert [(each["number"], each["status"], each["body"]) for each in shown["log"]] == [
        (1, 503, "card ***"),
        (2, 200, "card ***"),
    ]
    assert all(isinstance(each["latency_ms"], int) for each in shown["log"])
    for status, count in (("succeeded", 1), ("pending", 0), ("dead", 0)):
        found = (await call(boss, "GET", f"/api/v1/deliveries?status={status}")).json()
        assert len(found["data"]) == count
    assert (await call(boss, "GET", "/api/v1/deliveries?status=lost")).status_code == 422


async def test_a_test_says_what_came_of_it(boss: Front, door: Receiver) -> None:
    door.status, door.body = 404, b"no such page"
    made = await created(boss, door.url)
    came = (await call(boss, "POST", f"{ENDPOINTS}/{made['id']}/test")).json()
    assert (came["delivered"], came["status"], came["error"], came["body"]) == (False, 404, None, "no such page")
    assert door.taken[0].verify(made["secret"])["type"] == "endpoint.test"
    assert door.ids == [came["event"]]


async def test_what_was_missed_is_recovered(boss: Front, merchant: Merchant, door: Receiver) -> None:
    events = await merchant.announce("payment.created", "payment.succeeded")
    await merchant.plan()
    made = await created(boss, door.url, types=["payment.succeeded"])
    answer = await call(boss, "POST", f"{ENDPOINTS}/{made['id']}/recover", {"since": "2026-01-01T00:00:00Z"})
    assert answer.json()["events"] >= 2
    await merchant.send()
    assert events[1] in door.ids
    assert events[0] not in door.ids


async def test_events_are_listed_in_one_order_in_both_directions(boss: Front, merchant: Merchant) -> None:
    await merchant.announce(*["payment.created", "refund.created"] * 4)
    await merchant.plan()
    seen: dict[str, list[str]] = {}
    for order in ("asc", "desc"):
        path = next_path = f"/api/v1/events?limit=3&order={order}&since=2026-01-01T00:00:00Z"
        while next_path:
            page = (await call(boss, "GET", next_path)).json()
            seen.setdefault(order, []).extend(each["id"] for each in page["data"])
            next_path = f"{path}&cursor={page['next_cursor']}" if page["has_more"] else ""
    assert seen["asc"] == seen["desc"][::-1]
    assert len(set(seen["asc"])) == len(seen["asc"]) >= 8


async def test_events_are_found_by_type_payment_and_time(boss: Front, merchant: Merchant) -> None:
    (event,) = await merchant.announce("dispute.won")
    await merchant.plan()
    found = (await call(boss, "GET", "/api/v1/events?type=dispute.won")).json()["data"]
    assert [each["id"] for each in found] == [event]
    assert (await call(boss, "GET", f"/api/v1/events/{event}")).json() == found[0]
    assert (await call(boss, "GET", f"/api/v1/events?payment=payment_{ABSENT}")).json()["data"] == []
    assert (await call(boss, "GET", "/api/v1/events?since=2099-01-01T00:00:00Z")).json()["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        "type=nothing",
        "order=up",
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "cursor=x",
        "cursor=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMg==",
        "limit=0",
        "limit=101",
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(boss: Front, query: str) -> None:
    assert (await call(boss, "GET", f"/api/v1/events?{query}")).json()["code"] == "invalid_field"


async def test_every_change_of_where_events_go_is_in_the_audit_log_and_no_secret_is(
    boss: Front, merchant: Merchant, door: Receiver
) -> None:
    made = await created(boss, door.url)
    await merchant.announce("payment.created")
    await merchant.send()
    (sent,) = (await call(boss, "GET", "/api/v1/deliveries")).json()["data"]
    path, since = f"{ENDPOINTS}/{made['id']}", {"since": "2026-01-01T00:00:00Z"}
    rotated = (await call(boss, "POST", f"{path}/rotate", {})).json()
    for method, where, body in (
        ("PATCH", path, {"description": "the shop"}),
        ("POST", f"{path}/recover", since),
        ("POST", f"/api/v1/deliveries/{sent['id']}/resend", None),
        ("DELETE", path, None),
    ):
        assert (await call(boss, method, where, body)).status_code < 300
    log = (await call(boss, "GET", "/api/v1/admin/audit?limit=6")).json()["data"]
    assert [(each["action"], each["subject"], each["actor_name"]) for each in reversed(log)] == [
        ("webhook_endpoint.created", made["id"], "admin"),
        ("webhook_endpoint.rotated", made["id"], "admin"),
        ("webhook_endpoint.changed", made["id"], "admin"),
        ("webhook_endpoint.recovered", made["id"], "admin"),
        ("delivery.resent", sent["id"], "admin"),
        ("webhook_endpoint.deleted", made["id"], "admin"),
    ]
    rows = await boss.rows()
    assert made["secret"] not in rows
    assert rotated["secret"] not in rows
