"""Goods that could not be handed over at their capture are handed over later: once, or not at all when money went back.

A kind of goods is made to fail by the database itself, for one user or for all, in the middle of what it writes.
"""

import asyncio
import os
import signal
import subprocess
import sys
from typing import Any

import asyncpg
import pytest

from tillkeeper import catalog
from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows import fulfil as fulfilling
from tillkeeper.flows.fulfil import End, fulfil
from tillkeeper.flows.offer import offer
from tillkeeper.flows.settle import settle
from tillkeeper.fulfilment import late, packs
from tillkeeper.kernel import ids

FAILURE = """
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no room for 4242424242424242'; END $$
"""
FEE = (199 * 290 + 5_000) // 10_000 + 30
CLEARING, DEFERRED, PAYABLE = "gateway:stripe:clearing:EUR", "deferred:EUR", "refund_payable:EUR"
ONE_TRY = """
import asyncio
from tillkeeper import settings
from tillkeeper.flows.{flow} import {flow}
from tillkeeper.till import Till

async def run() -> None:
    till = await Till.open(settings.load())
    await {flow}(till)
    await till.close()

asyncio.run(run())
"""


async def spoil(shop: Any, user: str | None = None, *, table: str = "credit_lot") -> None:
    """Let goods fail from now on: one user's, or everybody's."""
    await shop.owner.execute(FAILURE)
    found = await shop.owner.fetchval("SELECT id FROM end_user WHERE name = $1", user) if user else None
    only = f"WHEN (NEW.user_id = '{found}')" if found else ""
    await shop.owner.execute(
        f"CREATE TRIGGER spoil BEFORE INSERT ON {table} FOR EACH ROW {only} EXECUTE FUNCTION spoil()"
    )


async def mend(shop: Any, table: str = "credit_lot") -> None:
    """Let goods be handed over again."""
    await shop.owner.execute(f"DROP TRIGGER spoil ON {table}")
    await shop.owner.execute("DROP FUNCTION spoil")


async def hand_over(shop: Any) -> int:
    """Try now what waits for its time."""
    await shop.owner.execute("UPDATE late_delivery SET due_at = now() WHERE status = 'pending'")
    return await fulfil(shop.till)


async def paid_in_vain(shop: Any, **wanted: Any) -> Any:
    """Buy while nothing can be handed over."""
    payment = await shop.opened(**wanted)
    await spoil(shop)
    await shop.pay(payment)
    await shop.catch_up()
    return await shop.show(payment)


async def events(shop: Any) -> list[str]:
    """List the events about goods, oldest first."""
    rows = await shop.owner.fetch("SELECT type FROM outbox_event WHERE type LIKE 'fulfil%' ORDER BY created_at, id")
    return [row["type"] for row in rows]


async def test_a_capture_stands_although_its_goods_cannot_be_handed_over(shop: Any) -> None:
    payment = await paid_in_vain(shop)

    assert (payment["status"], payment["amount_captured"]) == ("succeeded", 199)
    assert payment["fulfilment"]["status"] == "pending"
    assert set(await shop.inbox()) <= {"processed", "ignored"}
    assert await shop.ledger(CLEARING, DEFERRED) == [199 - FEE, 199]
    assert await shop.count("journal", "kind = 'grant'") == 0
    assert await shop.count("outbox_event", "type = 'payment.succeeded'") == 1
    assert await events(shop) == []


async def test_goods_are_handed_over_once_when_they_can_be(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    await mend(shop)

    assert await fulfil(shop.till) == 0, "its time has not come"
    assert await hand_over(shop) == 1
    assert await hand_over(shop) == 0

    shown = await shop.show(payment)
    assert shown["fulfilment"] == {"status": "delivered", "kind": "credits", "quantity": 120, "revoked": 0}
    assert await shop.wallet() == (120, 0)
    assert await events(shop) == ["fulfilment.delivered"]
    assert await shop.ledger(CLEARING, DEFERRED) == [199 - FEE, 199]
    assert await shop.count("journal", "kind = 'capture'") == 1
    await shop.spend(120)
    assert await shop.ledger(DEFERRED, "revenue:credits:EUR") == [0, 199]


async def test_the_neighbours_of_goods_that_cannot_be_handed_over_get_theirs(shop: Any) -> None:
    payments = [await shop.opened(user=f"user-{number % 10}") for number in range(30)]
    for payment in payments:
        await shop.pay(payment)
    await spoil(shop, "user-3")
    await shop.hear_news("payment_intent.succeeded")

    assert await settle(shop.till) == 30

    assert await shop.inbox() == ["processed"] * 30
    wallets = [await shop.wallet(f"user-{number}") for number in range(10)]
    assert wallets == [(360, 0)] * 3 + [(0, 0)] + [(360, 0)] * 6
    assert await shop.count("late_delivery", "status = 'pending'") == 3
    await mend(shop)
    assert await hand_over(shop) == 3
    assert await shop.wallet("user-3") == (360, 0)


async def test_a_batch_without_trouble_costs_as_many_statements_for_forty_payments_as_for_two(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    for name in ("_execute", "_executemany"):
        plain = getattr(asyncpg.Connection, name)

        def count(self: Any, query: str, *values: Any, plain: Any = plain, **more: Any) -> Any:
            said.append(query)
            return plain(self, query, *values, **more)

        monkeypatch.setattr(asyncpg.Connection, name, count)
    costs = []
    for many in (2, 40, 2):
        for number in range(many):
            payment = await shop.opened(user=f"user-{number}")
            await shop.pay(payment)
        await shop.hear_news("payment_intent.succeeded")
        said.clear()
        assert await settle(shop.till) == many
        costs.append(len(said))
    # Wallets that are opened for the first time take two statements more, whatever their number.
    assert 5 < costs[2] <= costs[1] <= costs[2] + 2, costs


async def test_a_kind_that_fails_before_it_writes_is_put_off_too(shop: Any) -> None:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    await shop.owner.execute("ALTER TABLE card_design DROP CONSTRAINT card_design_tier_check")
    payment = await shop.opened(package="pack_black")
    await shop.owner.execute("UPDATE card_design SET tier = 'odd' WHERE id = 'pack_black:01'")
    await shop.pay(payment)
    await shop.catch_up()
    assert (await shop.show(payment))["fulfilment"]["status"] == "pending"

    await shop.owner.execute("UPDATE card_design SET tier = 'common' WHERE id = 'pack_black:01'")
    await hand_over(shop)

    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"
    assert await shop.count("card") == 5
    assert await shop.ledger(DEFERRED, "revenue:packs:EUR") == [0, 299]


async def test_goods_that_can_never_be_handed_over_are_given_up_with_their_reason_and_the_money_stays(
    shop: Any,
) -> None:
    payment = await paid_in_vain(shop)
    tries = 0
    while await hand_over(shop):
        tries += 1
    assert tries == late.tries_max

    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_captured"], shown["amount_refunded"]) == ("succeeded", 199, 0)
    assert shown["fulfilment"]["status"] == "failed"
    assert shown["fulfilment"]["reason"].startswith("RaiseError: no room for")
    assert "4242" not in shown["fulfilment"]["reason"]
    assert await events(shop) == ["fulfilment.failed"]
    assert await shop.ledger(DEFERRED) == [199]


async def test_the_waits_between_tries_grow_and_are_told_by_the_database(shop: Any) -> None:
    await paid_in_vain(shop)
    wait = "SELECT extract(epoch FROM due_at - clock_timestamp()) FROM late_delivery"
    waits = [float(await shop.owner.fetchval(wait))]
    for _ in range(late.tries_max - 1):
        await hand_over(shop)
        waits.append(float(await shop.owner.fetchval(wait)))
    assert waits == sorted(waits)
    assert all(least - 2 <= found <= least for least, found in zip(late.wait_seconds, waits, strict=True))


async def test_two_workers_at_once_hand_goods_over_once(shop: Any) -> None:
    payments = [await shop.opened(user="ana") for _ in range(10)]
    await spoil(shop)
    for payment in payments:
        await shop.pay(payment)
    await shop.catch_up()
    await mend(shop)
    await shop.owner.execute("UPDATE late_delivery SET due_at = now()")

    async def stubborn() -> int:
        return sum([await fulfil(shop.till, limit=3) for _ in range(4)])

    assert sum(await asyncio.gather(stubborn(), stubborn())) == 10
    again = [ids.parse("payment", payment["id"]) for payment in payments[:2] * 5]
    assert set(await asyncio.gather(*(fulfilling.hand_over(shop.till, id_) for id_ in again))) == {End.BEFORE}
    assert await shop.wallet() == (1200, 0)
    assert await shop.count("journal", "kind = 'grant'") == 10


async def test_a_full_refund_in_between_means_that_nothing_is_handed_over(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    await shop.refund(payment)
    await mend(shop)

    assert await hand_over(shop) == 0

    await shop.catch_up()
    shown = await shop.show(payment)
    assert shown["fulfilment"] == {"status": "revoked", "kind": "credits", "quantity": 120, "revoked": 120}
    assert shown["amount_refunded"] == 199
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger(DEFERRED, PAYABLE, "refunds_of_earned:EUR", CLEARING) == [0, 0, 0, -FEE]
    assert await events(shop) == []


@pytest.mark.parametrize(("back", "status"), [(199, "revoked"), (100, "pending")])
async def test_a_refund_that_came_with_the_capture_is_seen_when_goods_are_put_off(
    shop: Any, back: int, status: str
) -> None:
    payment = await shop.opened()
    await spoil(shop)
    told: dict[str, Any] = {"gateway": "stripe", "payment": ids.parse("payment", payment["id"]), "currency": "EUR"}
    await shop.apply(
        Notice(kind=NoticeKind.PAYMENT_CAPTURED, references=("pi_1",), amount=199, **told),
        Notice(kind=NoticeKind.REFUND_SUCCEEDED, references=("pi_1",), amount=back, refund_reference="re_1", **told),
    )
    await mend(shop)
    assert (await shop.show(payment))["fulfilment"]["status"] == status

    await hand_over(shop)

    assert await shop.wallet() == (0 if back == 199 else 60, 0)
    assert await shop.ledger(DEFERRED, PAYABLE) == [199 - back, 0]


async def test_a_refund_that_fails_brings_the_goods_that_were_never_handed_over(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    refund = await shop.refund(payment)
    await mend(shop)
    assert await hand_over(shop) == 0
    await shop.act(f"refunds/{refund['gateway_reference']}/fail")
    await shop.catch_up()
    assert (await shop.show(payment))["fulfilment"]["status"] == "pending"

    assert await hand_over(shop) == 1

    assert await shop.wallet() == (120, 0)
    assert await shop.ledger(DEFERRED, PAYABLE) == [199, 0]


async def test_a_partial_refund_in_between_is_taken_out_of_what_is_handed_over(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    await shop.refund(payment, 100)
    await shop.catch_up()
    assert await shop.ledger(DEFERRED, PAYABLE) == [99, 0]
    await mend(shop)

    await hand_over(shop)

    assert (await shop.show(payment))["fulfilment"] == {
        "status": "partly_revoked",
        "kind": "credits",
        "quantity": 120,
        "revoked": 60,
    }
    assert await shop.wallet() == (60, 0)
    assert await events(shop) == ["fulfilment.delivered", "fulfilment.revoked"]
    await shop.spend(60)
    assert await shop.ledger(DEFERRED, "revenue:credits:EUR") == [0, 99]


async def test_a_refund_in_between_that_fails_later_gives_its_share_back(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    refund = await shop.refund(payment, 100)
    await mend(shop)
    await hand_over(shop)
    await shop.act(f"refunds/{refund['gateway_reference']}/fail")
    await shop.catch_up()
    assert await shop.wallet() == (120, 0)
    assert await shop.ledger(DEFERRED, PAYABLE, "refunds_of_earned:EUR") == [199, 0, 0]


@pytest.mark.parametrize("back", [40, 300])
async def test_one_who_owes_credits_ends_the_same_whether_goods_come_in_time_or_after_a_refund(
    shop: Any, back: int
) -> None:
    """The debt takes the goods first, so a part of the money is earned and goes back all the same."""
    wallets, books = [], []
    for user, late_ in (("ana", False), ("bea", True)):
        before = await shop.ledger(DEFERRED, "revenue:credits:EUR", "refunds_of_earned:EUR", PAYABLE)
        first = await shop.paid(user=user)
        await shop.spend(120, user=user)
        await shop.act("refunds", {"payment_intent": (await shop.show(first))["gateway_reference"]})
        await shop.catch_up()
        assert await shop.wallet(user) == (0, 120)
        second = await shop.opened(package="credits_300", user=user)
        if late_:
            await spoil(shop)
        await shop.pay(second)
        await shop.catch_up()
        await shop.act("refunds", {"payment_intent": (await shop.show(second))["gateway_reference"], "amount": back})
        await shop.catch_up()
        if late_:
            await mend(shop)
            await hand_over(shop)
        wallets.append(await shop.wallet(user))
        after = await shop.ledger(DEFERRED, "revenue:credits:EUR", "refunds_of_earned:EUR", PAYABLE)
        books.append([new - old for new, old in zip(after, before, strict=True)])
    assert wallets[0] == wallets[1]
    assert books[0] == books[1]


async def test_a_pack_that_is_sold_out_when_its_time_comes_is_refunded(shop: Any) -> None:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    payment = await shop.opened(package="pack_gold")
    await spoil(shop, table="card")
    await shop.pay(payment)
    await shop.catch_up()
    assert (await shop.show(payment))["fulfilment"]["status"] == "pending"
    assert await shop.owner.fetchval("SELECT stock FROM pack_type WHERE sku = 'pack_gold'") == 1000
    await mend(shop, "card")
    await shop.owner.execute("UPDATE pack_type SET stock = 0 WHERE sku = 'pack_gold'")

    await hand_over(shop)
    await shop.operate()
    await shop.catch_up()

    shown = await shop.show(payment)
    assert (shown["fulfilment"]["status"], shown["amount_refunded"]) == ("failed", 799)
    assert await hand_over(shop) == 0
    assert await shop.ledger(DEFERRED, PAYABLE) == [0, 0]


async def test_a_capture_by_hand_stands_too_although_its_goods_fail(shop: Any) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    await spoil(shop)
    captured = await shop.capture(payment)
    assert (captured.status, captured.body["fulfilment"]["status"]) == (200, "pending")
    await mend(shop)
    await hand_over(shop)
    assert await shop.wallet() == (120, 0)


async def test_an_error_beside_the_goods_lets_the_others_be_handed_over_and_is_bounded(shop: Any) -> None:
    payments = [await shop.opened(user=user) for user in ("ana", "bea")]
    await spoil(shop)
    for payment in payments:
        await shop.pay(payment)
    await shop.catch_up()
    await mend(shop)
    ana = payments[0]["id"]
    await shop.owner.execute(FAILURE)
    await shop.owner.execute(
        "CREATE TRIGGER spoil BEFORE INSERT ON outbox_event FOR EACH ROW "
        f"WHEN (NEW.data ->> 'payment' = '{ana}' AND NEW.type = 'fulfilment.delivered') EXECUTE FUNCTION spoil()"
    )

    assert await hand_over(shop) == 2
    assert [await shop.wallet(user) for user in ("ana", "bea")] == [(0, 0), (120, 0)]

    for _ in range(late.tries_max + 1):
        await hand_over(shop)
    assert (await shop.show(payments[0]))["fulfilment"]["status"] == "failed"


@pytest.mark.parametrize("step", ["fulfil:claimed", "fulfil:handed_over", "fulfil:committed"])
async def test_a_worker_that_is_killed_between_two_steps_hands_over_once(shop: Any, line: Any, step: str) -> None:
    payment = await paid_in_vain(shop)
    await mend(shop)
    await shop.owner.execute("UPDATE late_delivery SET due_at = now()")

    killed = await asyncio.to_thread(run_alone, shop, line, "fulfil", step)

    assert killed == -signal.SIGKILL
    assert await shop.wallet() == ((120, 0) if step == "fulfil:committed" else (0, 0))
    await hand_over(shop)
    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"
    assert await shop.wallet() == (120, 0)
    assert await events(shop) == ["fulfilment.delivered"]


async def test_a_worker_that_is_killed_while_it_puts_goods_off_loses_no_capture(shop: Any, line: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await spoil(shop)
    await shop.hear_news("payment_intent.succeeded")

    killed = await asyncio.to_thread(run_alone, shop, line, "settle", "fulfilment:put_off")

    assert killed == -signal.SIGKILL
    assert (await shop.show(payment))["status"] == "requires_action"
    await shop.owner.execute("UPDATE inbox_batch SET lease_until = now()")
    await shop.settle()
    assert (await shop.show(payment))["fulfilment"]["status"] == "pending"
    await mend(shop)
    await hand_over(shop)
    assert await shop.wallet() == (120, 0)


async def test_goods_that_kill_every_worker_are_given_up_and_the_rest_is_handed_over(shop: Any, line: Any) -> None:
    payment = await paid_in_vain(shop)
    await mend(shop)
    await shop.owner.execute(f"UPDATE late_delivery SET due_at = now(), tries = {late.tries_max - 1}")
    assert await asyncio.to_thread(run_alone, shop, line, "fulfil", "fulfil:claimed") == -signal.SIGKILL

    await hand_over(shop)

    shown = await shop.show(payment)
    assert shown["fulfilment"]["status"] == "failed"
    assert "worker" in shown["fulfilment"]["reason"]
    assert await hand_over(shop) == 0


def run_alone(shop: Any, line: Any, flow: str, failpoint: str) -> int:
    """Run one flow in a process of its own that dies at a failpoint; return how it ended."""
    settings = shop.till.settings
    environment = {
        "PATH": os.environ["PATH"],
        "TILL_MODE": "sandbox",
        "DATABASE_URL": settings.database_url,
        "TILL_SECRET_KEY": settings.secret_key,
        "STRIPE_SECRET_KEY": "sk_test_flows",
        "STRIPE_WEBHOOK_SECRET": "whsec_flows",
        "STRIPE_API_BASE": f"http://127.0.0.1:{line.port}/stripe",
        "TILL_FAILPOINTS": failpoint,
    }
    command = [sys.executable, "-c", ONE_TRY.format(flow=flow)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode < 0, ended.stderr
    return ended.returncode
