"""The page about gateways: how they do, how they are switched, and whether new payments are taken."""

from dataclasses import replace
from typing import Any

import pytest

HOSTILE = "<script>alert(1)</script>"


async def steered(shop: Any) -> list[str]:
    rows = await shop.owner.fetch(
        "SELECT action FROM audit_entry WHERE action ~ '^(gateway|maintenance)' ORDER BY number"
    )
    return [row["action"] for row in rows]


async def test_the_page_shows_how_a_gateway_does_and_where_its_webhooks_go(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    shown = await (await desk_of("finance")).read("/gateways")
    for said in ("Stripe", "On", "its own tariff", "/webhooks/stripe", "1 of 1", "Not configured", "Razorpay"):
        assert said in shown, said
    assert "Disable" not in shown, "finance looks and does not steer"
    await shop.owner.execute(
        "INSERT INTO gateway_state (gateway, failures) VALUES ('stripe', 3) ON CONFLICT DO NOTHING"
    )
    await shop.owner.execute("UPDATE gateway_state SET failures = 3")
    assert "Its last 3 calls got no answer." in await (await desk_of("developer")).read("/gateways")
    assert "Stripe is degraded: its last 3 calls got no answer" in await (await desk_of("developer")).read("")
    await shop.owner.execute(
        "INSERT INTO gateway_state (gateway, breaker, failures, retry_at) VALUES ('stripe', 'open', 5, now())"
        " ON CONFLICT (gateway) DO UPDATE SET breaker = 'open', failures = 5, retry_at = now()"
    )
    await shop.owner.execute(
        "INSERT INTO gateway_version (gateway, version, first_seen_at, last_seen_at)"
        " VALUES ('stripe', '2020-01-01.endive', now(), now()) ON CONFLICT DO NOTHING"
    )
    assert "Breaker open" in await (await desk_of("developer")).read("/gateways")


async def test_a_gateway_whose_api_has_no_versions_is_shown_as_well(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.till.gateways["stripe"], "api_version", None)
    assert "has none" in await (await desk_of("finance")).read("/gateways")


async def test_a_gateway_is_switched_once_however_often_it_is_pressed(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("developer")
    for verb, switch, said in (
        ("drain", "draining", "takes no new payments"),
        ("disable", "off", "told nothing any more"),
        ("enable", "on", "New payments go through Stripe"),
    ):
        path = f"/gateways/stripe/{verb}"
        if switch != "on":
            assert "nobody can pay" in await desk.read(path)
        hidden = await desk.hidden(path)
        answers = [await desk.send(path, hidden) for _ in range(2)]
        assert said in await desk.told(answers[1])
        assert await shop.owner.fetchval("SELECT switch FROM gateway_state WHERE gateway = 'stripe'") == switch
    assert await steered(shop) == ["gateway.steered"] * 3


async def test_the_order_and_the_fee_are_changed_exactly(shop: Any, desk_of: Any) -> None:
    desk, path = await desk_of("admin"), "/gateways/stripe/config"
    await desk.told(await desk.post(path, priority="5", percentage="2.9", fixed="30"))
    row = await shop.owner.fetchrow("SELECT priority, fee_percentage_bps, fee_fixed FROM gateway_state")
    assert tuple(row) == (5, 290, 30)
    assert "2.90 % + 30 minor units" in await desk.read("/gateways")
    assert 'value="2.9"' in (await desk.get(path)).text
    await desk.told(await desk.post(path, priority="5", percentage="", fixed=""))
    row = await shop.owner.fetchrow("SELECT priority, fee_percentage_bps, fee_fixed FROM gateway_state")
    assert tuple(row) == (5, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"priority": ""},
        {"priority": "-1"},
        {"priority": "1001"},
        {"percentage": "2.905"},
        {"percentage": "NaN"},
        {"percentage": "101"},
        {"percentage": HOSTILE},
        {"fixed": "1.5"},
        {"fixed": "1000001"},
    ],
)
async def test_an_order_or_a_fee_that_cannot_be_is_explained(shop: Any, desk_of: Any, wrong: dict[str, str]) -> None:
    typed = {"priority": "5", "percentage": "2.9", "fixed": "30"} | wrong
    answer = await (await desk_of("developer")).post("/gateways/stripe/config", **typed)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert HOSTILE not in answer.text
    assert await steered(shop) == []


async def test_what_is_no_gateway_or_no_verb_is_a_page_that_says_so(desk_of: Any) -> None:
    desk = await desk_of("developer")
    for path in ("/gateways/square/config", "/gateways/square/enable", "/gateways/stripe/explode"):
        assert (await desk.get(path)).status_code == 404, path


async def test_new_payments_are_kept_waiting_and_taken_again(shop: Any, desk_of: Any) -> None:
    desk, path = await desk_of("developer"), "/gateways/maintenance"
    hidden = await desk.hidden(path)
    answers = [await desk.send(path, hidden, reason=f"a larger machine {HOSTILE}") for _ in range(2)]
    assert "are kept waiting" in await desk.told(answers[1])
    shown = (await desk.get("/gateways")).text
    assert "a larger machine" in shown
    assert HOSTILE not in shown
    assert "are taken again" in await desk.told(await desk.post(path))
    assert await steered(shop) == ["maintenance.set"] * 2
    assert (await desk.post(path, reason="x" * 201)).status_code == 422


async def test_what_the_environment_decides_is_said_and_not_offered(shop: Any, desk_of: Any) -> None:
    settings = shop.till.settings.model_copy(update={"maintenance_mode": True})
    shop.till = replace(shop.till, settings=settings)
    desk = await desk_of("developer")
    assert "MAINTENANCE_MODE is set in the environment" in await desk.read("/gateways")
    assert "Take payments again" not in await desk.read("/gateways")
    assert "whatever is pressed here" in await desk.read("/gateways/maintenance")


async def test_who_may_not_is_refused(shop: Any, desk_of: Any) -> None:
    support, finance = await desk_of("support"), await desk_of("finance")
    assert (await support.get("/gateways")).status_code == 403
    assert "/admin/gateways" not in (await support.get("")).text
    token = (await finance.hidden("/you"))["token"]
    for path in ("/gateways/maintenance", "/gateways/stripe/config", "/gateways/stripe/disable"):
        assert (await finance.get(path)).status_code == 403, path
        sent = await finance.send(path, {"token": token, "key": "k"}, active="yes", priority="1")
        assert sent.status_code == 403, path
    assert await steered(shop) == []
