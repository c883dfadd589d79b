"""Many refunds at once: one result each, resumable, and never twice."""

from datetime import timedelta
from typing import Any

import pytest
from tests.flows.asking import CAREFUL, EVE, ask, rule

from tillkeeper.flows import refund_many as flow
from tillkeeper.flows.refund_many import Bulk, preview_many, refund_many
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.failpoints import FailpointError
from tillkeeper.refund_requests import ReasonCode
from tillkeeper.reports.refundable import Selection

REFUNDS = "POST /v1/refunds"


def bulk(*payments: Any, **more: Any) -> Bulk:
    named = tuple(ids.parse("payment", payment["id"]) for payment in payments)
    return Bulk(by=EVE, reason_code=ReasonCode.NOT_DELIVERED, payments=named, **more)


async def run(shop: Any, wanted: Bulk, key: str | None = None) -> Any:
    return (await refund_many(shop.till, shop.wish(key, wanted), wanted)).body


def statuses(body: Any) -> list[str]:
    return [item["status"] for item in body["data"]]


async def test_each_payment_gets_a_result_of_its_own(shop: Any) -> None:
    small, large = await shop.paid(), await shop.paid(package="credits_600", currency="INR")
    unpaid = await shop.opened()
    body = await run(shop, bulk(small, large, unpaid, {"id": ids.text("payment", ids.new())}))
    assert statuses(body) == ["approved", "open", "impossible", "impossible"]
    assert body["counts"] == {"approved": 1, "impossible": 2, "open": 1}
    assert [item.get("error", {}).get("code") for item in body["data"]] == [None, None, "invalid_state", "not_found"]
    await shop.operate()
    assert (await shop.show(small))["amount_refunded"] == 199
    assert await shop.asked(REFUNDS) == 1


async def test_a_payment_that_is_named_twice_is_asked_for_once(shop: Any) -> None:
    payment = await shop.paid()
    assert statuses(await run(shop, bulk(payment, payment))) == ["approved"]


async def test_a_dry_run_says_the_same_and_stores_nothing(shop: Any) -> None:
    small, large = await shop.paid(), await shop.paid(package="credits_600", currency="INR")
    body: Any = await preview_many(shop.till, bulk(small, large))
    assert (body["dry_run"], body["id"], statuses(body)) == (True, None, ["approved", "open"])
    assert [item["amount"] for item in body["data"]] == [199, 35_000]
    assert await shop.count("refund_request") == await shop.count("refund") == 0


async def test_a_repeated_bulk_gets_the_first_answer(shop: Any) -> None:
    payment = await shop.paid()
    assert await run(shop, bulk(payment), "once") == await run(shop, bulk(payment), "once")
    assert await shop.count("refund_request") == 1


@pytest.mark.parametrize("chosen", ["named", "found"])
async def test_a_bulk_that_died_half_way_goes_on_where_it_was(
    shop: Any, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    payments = [await shop.paid() for _ in range(3)]
    wanted = bulk(*payments) if chosen == "named" else bulk(selection=Selection(user="ana"))
    monkeypatch.setenv("TILL_FAILPOINTS", "refund_many:one=raise")
    with pytest.raises(FailpointError):
        await run(shop, wanted, "died")
    assert await shop.count("refund_request") == 1
    monkeypatch.delenv("TILL_FAILPOINTS")
    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now()")

    body = await run(shop, wanted, "died")

    assert statuses(body) == ["approved"] * 3
    assert await shop.count("refund_request") == 3
    await shop.operate()
    assert await shop.asked(REFUNDS) == 3


async def test_a_filter_finds_what_can_go_back_and_nothing_that_waits_for_a_person(shop: Any) -> None:
    first, second, other = await shop.paid(), await shop.paid(), await shop.paid(user="ben")
    await shop.refund(first)
    await shop.opened()
    await rule(shop, CAREFUL)
    await ask(shop, other)
    body = await run(shop, bulk(selection=Selection(package="credits_120", gateway="stripe")))
    assert [item["payment"] for item in body["data"]] == [second["id"]]
    late = Selection(captured_after=clock.now() + timedelta(hours=1))
    assert (await run(shop, bulk(selection=late)))["data"] == []


async def test_more_than_one_bulk_may_hold_is_gone_through_in_steps(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "bulk_payments_max", 2)
    payments = [await shop.paid() for _ in range(3)]
    first = await run(shop, bulk(selection=Selection(user="ana")))
    assert (len(first["data"]), first["has_more"]) == (2, True)
    rest = await run(shop, bulk(selection=Selection(user="ana", cursor=first["next_cursor"])))
    assert (len(rest["data"]), rest["has_more"]) == (1, False)
    assert {item["payment"] for item in first["data"] + rest["data"]} == {payment["id"] for payment in payments}


async def test_a_bulk_that_died_when_all_was_asked_for_asks_for_no_more(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "bulk_payments_max", 2)
    for _ in range(3):
        await shop.paid()
    wanted = bulk(selection=Selection())
    first = await run(shop, wanted, "died")
    await shop.owner.execute("UPDATE idempotency_key SET status = NULL, body = NULL, lease_until = now()")
    body = await run(shop, wanted, "died")
    assert statuses(body) == ["approved", "approved"]
    assert (body["has_more"], body["next_cursor"]) == (True, first["next_cursor"])
    assert await shop.count("refund_request") == 2
    rest = await run(shop, bulk(selection=Selection(cursor=body["next_cursor"])))
    assert (statuses(rest), rest["has_more"]) == (["approved"], False)
