"""The pages about what is sent to the merchant: deliveries, endpoints, and what can be done about them."""

import re
from typing import Any

import pytest
from tests.flows.merchant import merchant_of
from tests.flows.receiver import receiving

from tillkeeper.kernel import ids

HOSTILE = "<script>alert(1)</script>"
SECRET = re.compile(r"whsec_[\w+/=]+")
ROOT = "/deliveries/endpoints"


@pytest.fixture
def merchant(shop: Any) -> Any:
    """Let the pages call this machine too, which is where the receivers of tests are."""
    made = merchant_of(shop.till, shop.owner)
    shop.till = made.till
    return made


async def sent(merchant: Any, url: str) -> tuple[str, str]:
    """Send one event to a new endpoint; name both the endpoint and the delivery."""
    endpoint, _ = await merchant.subscribe(url)
    await merchant.announce("payment.created")
    await merchant.send()
    [delivery] = await merchant.deliveries()
    return ids.text("endpoint", endpoint), delivery["id"]


async def audited(shop: Any) -> list[str]:
    rows = await shop.owner.fetch(
        "SELECT action FROM audit_entry WHERE action ~ '^(webhook|delivery)' ORDER BY number OFFSET 1"
    )
    return [row["action"] for row in rows]


async def test_the_list_shows_endpoints_and_deliveries_and_narrows_them_down(desk_of: Any, merchant: Any) -> None:
    desk = await desk_of("developer")
    empty = await desk.read("/deliveries")
    assert "Nobody is told of anything yet" in empty
    assert "Nothing has been sent yet" in empty
    async with receiving(status=500, body=b"no, thanks") as door:
        endpoint, delivery = await sent(merchant, door.url)
        shown = (await desk.get("/deliveries")).text
        for said in (door.url, delivery, endpoint, "Enabled", "500"):
            assert said in shown, said
        assert delivery in (await desk.get("/deliveries", status="pending", endpoint=endpoint)).text
        assert "No delivery fits" in await desk.read("/deliveries", status="dead")
        assert (await desk.get("/deliveries", status="lost")).status_code == 422
        one = await desk.read(f"/deliveries/{delivery}")
        for said in ("Answered 500", "no, thanks", '"type": "payment.created"', door.url, "Pending"):
            assert said in one, said
    viewer = await desk_of("viewer")
    assert f"{ROOT}/" not in (await viewer.get("/deliveries")).text
    assert delivery in (await viewer.get("/deliveries")).text


async def test_a_delivery_is_sent_again_once_however_often_it_is_pressed(
    shop: Any, desk_of: Any, merchant: Any
) -> None:
    async with receiving() as door:
        _, delivery = await sent(merchant, door.url)
        desk, path = await desk_of("developer"), f"/deliveries/{delivery}/resend"
        hidden = await desk.hidden(path)
        answers = [await desk.send(path, hidden) for _ in range(2)]
        assert {answer.status_code for answer in answers} == {303}
        assert "It is sent again" in await desk.told(answers[1])
        await merchant.send()
        assert len(door.ids) == 2
    assert await audited(shop) == ["delivery.resent"]


@pytest.mark.usefixtures("merchant")
async def test_an_endpoint_is_made_once_and_its_secret_is_shown_once(shop: Any, desk_of: Any) -> None:
    desk, path = await desk_of("developer"), f"{ROOT}/new"
    hidden = await desk.hidden(path)
    form = {"url": "http://127.0.0.1:1024/hooks", "description": HOSTILE, "chosen": "payment.succeeded"}
    made, again = [await desk.send(path, hidden, **form) for _ in range(2)]
    [secret] = set(SECRET.findall(made.text))
    assert "shown this once" in made.text
    followed = await desk.told(again)
    assert "was shown once" in followed
    assert secret not in followed
    assert await shop.count("webhook_endpoint") == 1
    listed = (await desk.get("/deliveries")).text
    assert "1 type" in listed
    assert HOSTILE not in listed
    stored = await shop.owner.fetch("SELECT to_jsonb(t)::text AS row FROM idempotency_key AS t")
    assert all(secret not in row["row"] for row in stored)


@pytest.mark.usefixtures("merchant")
@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"url": "nonsense", "chosen": "*"}, "starts with https"),
        ({"url": "http://127.0.0.1:1024/x"}, "at least one type"),
        ({"url": "http://127.0.0.1:1024/x", "chosen": "no.such"}, "no type of event"),
        ({"url": "http://127.0.0.1:1024/x", "chosen": "*", "description": "x" * 201}, "at most 200"),
    ],
)
async def test_an_endpoint_that_cannot_be_is_explained(
    shop: Any, desk_of: Any, form: dict[str, str], said: str
) -> None:
    answer = await (await desk_of("admin")).post(f"{ROOT}/new", **form)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert said in answer.text
    assert form["url"] in answer.text, "what was typed stays"
    assert await shop.count("webhook_endpoint") == 0


async def test_an_endpoint_is_tested_changed_switched_rotated_recovered_and_deleted(
    shop: Any, desk_of: Any, merchant: Any
) -> None:
    desk = await desk_of("developer")
    async with receiving() as door:
        endpoint, _ = await sent(merchant, door.url)
        path = f"{ROOT}/{endpoint}"
        assert "Everything that happens" in await desk.read(path)
        assert "Taken: it answered 200" in await desk.told(await desk.post(f"{path}/test"))
        changed = await desk.post(f"{path}/change", url=door.url, description="the shop", chosen="refund.created")
        assert "the shop" in await desk.told(changed)
        assert "Nothing is sent there" in await desk.told(await desk.post(f"{path}/disable"))
        off = await desk.read(path)
        assert "Switched off by hand" in off
        assert (await desk.post(f"{path}/recover", since="2020-01-01T00:00")).status_code == 409
        assert "told of everything" in await desk.told(await desk.post(f"{path}/enable"))
        assert (await desk.post(f"{path}/recover", since="soon")).status_code == 422
        recovered = await desk.told(await desk.post(f"{path}/recover", since="2020-01-01T00:00"))
        assert "gone through" in recovered
    assert (await desk.post(f"{path}/rotate", grace_hours="900")).status_code == 422
    hidden = await desk.hidden(f"{path}/rotate")
    rotated, again = [await desk.send(f"{path}/rotate", hidden, grace_hours="24") for _ in range(2)]
    assert len(set(SECRET.findall(rotated.text))) == 1
    assert (again.status_code, SECRET.findall(again.text)) == (303, [])
    assert (await desk.post(f"{path}/rotate", grace_hours="24")).status_code == 409
    assert "endpoint is gone" in await desk.told(await desk.post(f"{path}/delete"))
    assert (await desk.get(path)).status_code == 404
    assert await audited(shop) == [
        f"webhook_endpoint.{what}"
        for what in ("tested", "changed", "changed", "changed", "recovered", "rotated", "deleted")
    ]


async def test_a_test_that_fails_says_why(desk_of: Any, merchant: Any) -> None:
    endpoint, _ = await merchant.subscribe("http://127.0.0.1:1024/hooks")
    desk, path = await desk_of("developer"), f"{ROOT}/{ids.text('endpoint', endpoint)}"
    assert "Not taken: it did not answer" in await desk.told(await desk.post(f"{path}/test"))


async def test_who_may_not_keep_endpoints_is_refused_everywhere(shop: Any, desk_of: Any, merchant: Any) -> None:
    async with receiving() as door:
        endpoint, delivery = await sent(merchant, door.url)
    desk = await desk_of("finance")
    token = (await desk.hidden("/you"))["token"]
    assert "Send again" not in await desk.read(f"/deliveries/{delivery}")
    assert (await desk.get(f"{ROOT}/{endpoint}")).status_code == 403
    deeds = ("change", "enable", "disable", "rotate", "test", "recover", "delete")
    for path in (f"{ROOT}/new", f"/deliveries/{delivery}/resend", *(f"{ROOT}/{endpoint}/{deed}" for deed in deeds)):
        assert (await desk.get(path)).status_code == 403, path
        assert (await desk.send(path, {"token": token, "key": "k"})).status_code == 403, path
    assert await audited(shop) == []


async def test_secrets_are_made_only_with_a_password_given_a_moment_ago(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("developer", minutes=11)
    assert "/admin/prove" in (await desk.get(f"{ROOT}/new")).headers["location"]
    assert await shop.count("webhook_endpoint") == 0


async def test_endpoints_of_our_own_network_are_refused_as_by_the_api(shop: Any, desk_of: Any) -> None:
    answer = await (await desk_of("admin")).post(f"{ROOT}/new", url="http://169.254.169.254/", chosen="*")
    assert answer.status_code == 422
    assert await shop.count("webhook_endpoint") == 0
