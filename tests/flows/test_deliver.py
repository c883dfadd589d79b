"""What a merchant is owed is sent until it is taken: signed, under one id, and nobody waits for somebody slow."""

import asyncio
from collections import Counter
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from tests.flows.locks import held_up
from tests.flows.merchant import Merchant, merchant_of
from tests.flows.receiver import Receiver, receiving

from tillkeeper.flows import deliver as delivering
from tillkeeper.flows.deliver import Courier, deliver
from tillkeeper.flows.read import read
from tillkeeper.flows.redeliver import resend
from tillkeeper.flows.subscribe import change, rotate
from tillkeeper.kernel import clock, ids
from tillkeeper.outbox import deliveries
from tillkeeper.outbox.deliveries import concurrency_max, endpoint_concurrency_max
from tillkeeper.outbox.endpoints import failing_hours_max
from tillkeeper.reports import event as events_shown


@pytest.fixture
def merchant(shop: Any) -> Merchant:
    return merchant_of(shop.till, shop.owner)


async def wait_for(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (a receiver offers no event)
            await asyncio.sleep(0.01)


async def test_an_event_arrives_signed_as_the_standard_has_it(merchant: Merchant) -> None:
    async with receiving() as door:
        _, secret = await merchant.subscribe(door.url)
        events = await merchant.announce("payment.succeeded")
        assert await merchant.send() == 1
    (taken,) = door.taken
    assert taken.id == events[0]
    assert taken.verify(secret) == taken.event
    assert taken.headers["content-type"] == "application/json"
    assert taken.path == "/hooks?for=till"
    with pytest.raises(WebhookVerificationError):
        taken.verify("whsec_" + "A" * 44)


async def test_what_arrives_is_what_the_api_shows_of_the_event(merchant: Merchant) -> None:
    async with receiving() as door:
        await merchant.subscribe(door.url)
        (event,) = await merchant.announce("payment.succeeded")
        await merchant.send()
    shown: Any = await read(merchant.till, lambda tx: events_shown.show(tx, ids.parse("event", event)))
    assert {name: shown[name] for name in ("type", "timestamp", "data")} == door.taken[0].event
    assert list(door.taken[0].event) == ["type", "timestamp", "data"]


async def test_an_endpoint_hears_nothing_of_what_happened_before_it_was_there(merchant: Merchant) -> None:
    async with receiving() as door:
        await merchant.announce("payment.succeeded")
        await merchant.subscribe(door.url)
        (later,) = await merchant.announce("payment.succeeded")
        await merchant.send()
    assert door.ids == [later]


async def test_an_endpoint_that_is_switched_on_again_hears_nothing_of_what_happened_before(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await change(merchant.till, endpoint, enabled=False)
        await merchant.announce("payment.succeeded")
        await change(merchant.till, endpoint, enabled=True)
        (later,) = await merchant.announce("payment.succeeded")
        await merchant.send()
    assert door.ids == [later]


async def test_a_delivery_that_was_taken_is_not_sent_again(merchant: Merchant) -> None:
    async with receiving(body=b"thank you") as door:
        await merchant.subscribe(door.url)
        await merchant.announce("payment.created", "payment.succeeded")
        await merchant.send()
        await merchant.hurry()
        assert await merchant.send() == 0
    assert [each["status"] for each in await merchant.deliveries()] == ["succeeded", "succeeded"]
    (first, _) = await merchant.deliveries()
    assert (first["tries"], first["last_status"], first["next_try_at"]) == (1, 200, None)
    assert [(each["status"], each["body"], each["error"]) for each in first["log"]] == [(200, "thank you", None)]


async def test_events_come_in_their_order_to_whoever_takes_them_one_by_one(merchant: Merchant) -> None:
    async with receiving() as door:
        await merchant.subscribe(door.url)
        events = await merchant.announce(*["payment.created"] * 12)
        await merchant.plan()
        while (await deliver(merchant.till)) > 0:
            assert set(door.ids) == set(events[: len(door.ids)])
    assert len(door.ids) == 12


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
async def test_an_answer_that_is_no_success_is_tried_again_under_the_same_id(merchant: Merchant, status: int) -> None:
    async with receiving(statuses=[status]) as door:
        await merchant.subscribe(door.url)
        events = await merchant.announce("payment.created")
        await merchant.send()
        (waiting,) = await merchant.deliveries()
        assert (waiting["status"], waiting["last_status"]) == ("pending", status)
        await merchant.hurry()
        await merchant.send()
    assert door.ids == events * 2
    assert door.taken[0].body == door.taken[1].body
    (done,) = await merchant.deliveries()
    assert (done["status"], [each["status"] for each in done["log"]]) == ("succeeded", [status, 200])


def in_seconds(seconds: int) -> str:
    """Write a moment as HTTP does."""
    return format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("120", 115, 120),
        (7200, 7190, 7200),
        ("999999999999", 86_390, 86_400),
        ("0", 3, 6),
        ("-5", 3, 6),
        ("soon", 3, 6),
        (-7200, 3, 6),
        ("Sat, 21 Nov 99999 10:00:00 GMT", 3, 6),
        ("\u00b2", 3, 6),
    ],
)
async def test_a_receiver_that_says_when_to_come_again_is_left_alone_until_then_and_a_day_at_most(
    merchant: Merchant, asked: str | int, least: int, most: int
) -> None:
    said = in_seconds(asked) if isinstance(asked, int) else asked
    async with receiving(status=503, head=f"Retry-After: {said}\r\n") as door:
        await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
    due = "SELECT extract(epoch FROM due_at - clock_timestamp())::int FROM webhook_delivery"
    pause = await merchant.owner.fetchval(due)
    assert least <= pause <= most


async def test_after_ten_tries_a_delivery_is_dead_and_its_endpoint_goes_on(merchant: Merchant) -> None:
    async with receiving(status=500, body=b"sk_live_secret") as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.plan()
        while await deliver(merchant.till):
            await merchant.hurry()
    (dead,) = await merchant.deliveries()
    assert (dead["status"], dead["tries"], len(door.taken)) == ("dead", 10, 10)
    assert {each["body"] for each in dead["log"]} == {"***"}
    shown = await merchant.endpoint(endpoint)
    assert shown["enabled"]
    assert shown["failing_since"]


async def test_gone_ends_the_delivery_and_switches_the_endpoint_off_at_once(merchant: Merchant) -> None:
    async with receiving(status=410) as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
        await merchant.announce("payment.succeeded")
        await merchant.send()
    assert len(door.taken) == 1
    shown = await merchant.endpoint(endpoint)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "It answered 410: it is gone for good.")
    assert [each["status"] for each in await merchant.deliveries()] == ["dead"]


async def test_an_endpoint_that_takes_nothing_for_days_is_switched_off_with_an_alert(
    merchant: Merchant, capsys: pytest.CaptureFixture[str]
) -> None:
    async with receiving(status=500) as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
        past = f"now() - interval '{failing_hours_max} hours 1 minute'"
        await merchant.owner.execute(f"UPDATE webhook_endpoint SET failing_since = {past}")
        await merchant.hurry()
        await merchant.send()
    shown = await merchant.endpoint(endpoint)
    assert not shown["enabled"]
    assert "120 hours" in shown["disabled_reason"]
    assert '"event": "webhook_endpoint_disabled"' in capsys.readouterr().err


async def test_a_success_ends_the_time_of_failures(merchant: Merchant) -> None:
    async with receiving(statuses=[500]) as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
        assert (await merchant.endpoint(endpoint))["failing_since"]
        await merchant.hurry()
        await merchant.send()
    assert (await merchant.endpoint(endpoint))["failing_since"] is None


async def test_what_waits_for_an_endpoint_that_is_off_goes_out_when_it_is_on_again(merchant: Merchant) -> None:
    async with receiving(statuses=[500]) as door:
        endpoint, _ = await merchant.subscribe(door.url)
        events = await merchant.announce("payment.created")
        await merchant.send()
        await change(merchant.till, endpoint, enabled=False)
        await merchant.hurry()
        assert await merchant.send() == 0
        assert (await merchant.deliveries())[0]["next_try_at"] is None
        await change(merchant.till, endpoint, enabled=True)
        assert await merchant.send() == 1
    assert door.ids == events * 2


async def test_after_a_rotation_both_secrets_verify_until_the_grace_is_over(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, old = await merchant.subscribe(door.url)
        new = await rotate(merchant.till, endpoint)
        await merchant.announce("payment.created")
        await merchant.send()
        await merchant.owner.execute("UPDATE webhook_endpoint SET previous_until = now()")
        await merchant.announce("payment.succeeded")
        await merchant.send()
    during, after = door.taken
    assert len(during.headers["webhook-signature"].split(" ")) == 2
    assert during.verify(old) == during.verify(new) == during.event
    assert after.verify(new) == after.event
    with pytest.raises(WebhookVerificationError):
        after.verify(old)


async def test_a_slow_endpoint_keeps_nobody_else_waiting_and_gets_only_a_few_at_once(merchant: Merchant) -> None:
    courier, announced = Courier(), endpoint_concurrency_max + 6
    async with receiving(gate=asyncio.Event()) as slow, receiving() as quick:
        await merchant.subscribe(slow.url)
        await merchant.subscribe(quick.url)
        await merchant.announce(*["payment.created"] * announced)
        await merchant.plan()
        await courier.dispatch(merchant.till)
        await wait_for(lambda: slow.waiting == endpoint_concurrency_max)
        while len(quick.taken) < announced:
            await courier.dispatch(merchant.till)
            await asyncio.sleep(0.01)
        assert slow.waiting == endpoint_concurrency_max
        assert slow.gate
        slow.gate.set()
        await courier.finish()
        while len(slow.taken) < announced:
            await courier.dispatch(merchant.till)
            await courier.finish()
    assert sorted(slow.ids) == sorted(quick.ids)
    assert len(set(slow.ids)) == announced


@pytest.mark.parametrize(("enabled", "places"), [(1, 16), (4, 16), (5, 12), (16, 4)])
async def test_the_places_of_a_worker_are_shared_among_the_endpoints_that_are_on(
    merchant: Merchant, enabled: int, places: int
) -> None:
    names = [(await merchant.subscribe(f"http://127.0.0.1:9999/{number}"))[0] for number in range(16)]
    await merchant.announce(*["payment.created"] * (endpoint_concurrency_max + 1))
    await merchant.plan()
    off = "UPDATE webhook_endpoint SET enabled = false, disabled_at = now() WHERE id = ANY($1::uuid[])"
    await merchant.owner.execute(off, names[enabled:])
    async with merchant.till.db.transaction() as tx:
        taken = Counter(delivery.endpoint for delivery in await deliveries.claim(tx, concurrency_max))
    assert taken == dict.fromkeys(names[:enabled], places)


async def test_several_workers_send_each_delivery_once(merchant: Merchant) -> None:
    async with receiving() as door:
        await merchant.subscribe(door.url)
        events = await merchant.announce(*["payment.created"] * 20)
        await merchant.plan()
        while sum(await asyncio.gather(*(deliver(merchant.till) for _ in range(4)))):
            pass
    assert sorted(door.ids) == sorted(events)


async def test_a_worker_that_wakes_after_its_lease_writes_nothing(merchant: Merchant) -> None:
    """The zombie's receiver said 410, which would end the endpoint, when another worker had long delivered."""
    async with receiving(gate=asyncio.Event(), statuses=[410]) as door:
        endpoint, _ = await merchant.subscribe(door.url)
        events = await merchant.announce("payment.created")
        await merchant.plan()
        zombie = asyncio.create_task(deliver(merchant.till))
        await wait_for(lambda: door.waiting == 1)
        await merchant.owner.execute("UPDATE webhook_delivery SET lease_until = now()")
        async with receiving() as other:
            await merchant.owner.execute("UPDATE webhook_endpoint SET url = $1", other.url)
            assert await deliver(merchant.till) == 1
        assert door.gate
        door.gate.set()
        await zombie
    assert (door.ids, other.ids) == (events, events)
    (done,) = await merchant.deliveries()
    assert (done["status"], done["tries"], len(done["log"])) == ("succeeded", 1, 1)
    assert (await merchant.endpoint(endpoint))["enabled"]


async def test_a_worker_that_wakes_after_its_lease_does_not_count_against_whoever_tries_now(merchant: Merchant) -> None:
    async with receiving(gate=asyncio.Event()) as door:
        await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.plan()
        zombie = asyncio.create_task(deliver(merchant.till))
        await wait_for(lambda: door.waiting == 1)
        await merchant.owner.execute("UPDATE webhook_delivery SET lease_until = now()")
        async with merchant.till.db.transaction() as tx:
            assert len(await deliveries.claim(tx, 10)) == 1
        assert door.gate
        door.gate.set()
        await zombie
    (waiting,) = await merchant.deliveries()
    assert (waiting["status"], waiting["tries"]) == ("pending", 0)
    assert await merchant.owner.fetchval("SELECT lease_token IS NOT NULL FROM webhook_delivery")


async def test_a_leased_delivery_is_left_to_whoever_has_it(merchant: Merchant) -> None:
    async with receiving() as door:
        await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.plan()
        async with merchant.till.db.transaction() as tx:
            assert len(await deliveries.claim(tx, 10)) == 1
        assert await deliver(merchant.till) == 0
        await merchant.owner.execute("UPDATE webhook_delivery SET lease_until = now()")
        assert await deliver(merchant.till) == 1
    assert len(door.taken) == 1


async def test_a_secret_that_cannot_be_opened_fails_one_delivery_and_no_other(merchant: Merchant) -> None:
    async with receiving() as door:
        broken, _ = await merchant.subscribe(door.url)
        await merchant.subscribe(door.url)
        await merchant.owner.execute("UPDATE webhook_endpoint SET secret = 'changed by hand' WHERE id = $1", broken)
        await merchant.announce("payment.created")
        await merchant.plan()
        assert await deliver(merchant.till) == 2
    assert len(door.taken) == 1
    by_endpoint = {each["endpoint"]: each for each in await merchant.deliveries()}
    failed = by_endpoint[ids.text("endpoint", broken)]
    assert (failed["status"], failed["tries"]) == ("pending", 1)
    assert "could not be sent" in failed["last_error"]
    assert await deliver(merchant.till) == 0


async def test_a_full_courier_waits_for_a_place(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "concurrency_max", 2)
    courier = Courier()
    async with receiving(gate=asyncio.Event()) as door:
        await merchant.subscribe(door.url)
        await merchant.announce(*["payment.created"] * 3)
        await merchant.plan()
        assert await courier.dispatch(merchant.till) == 2
        waiting = asyncio.create_task(courier.dispatch(merchant.till))
        await wait_for(lambda: door.waiting == 2)
        assert not waiting.done()
        assert door.gate
        door.gate.set()
        assert await waiting == 1
        await courier.finish()
    assert len(door.taken) == 3


async def test_a_courier_does_not_rest_while_something_is_under_way_that_keeps_the_next_one_back(
    merchant: Merchant,
) -> None:
    courier = Courier()
    async with receiving(gate=asyncio.Event()) as door:
        await merchant.subscribe(door.url)
        await merchant.announce(*["payment.created"] * (endpoint_concurrency_max + 1))
        await merchant.plan()
        assert await courier.dispatch(merchant.till) == endpoint_concurrency_max
        assert await courier.dispatch(merchant.till) > 0
        assert door.gate
        door.gate.set()
        while await courier.dispatch(merchant.till):
            pass
    assert len(door.taken) == endpoint_concurrency_max + 1


async def test_a_receiver_that_breaks_off_is_tried_again(merchant: Merchant) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    receiver = Receiver(port=server.sockets[0].getsockname()[1])
    await merchant.subscribe(receiver.url)
    await merchant.announce("payment.created")
    await merchant.send()
    server.close()
    (waiting,) = await merchant.deliveries()
    assert (waiting["status"], waiting["last_status"]) == ("pending", None)
    assert waiting["last_error"].startswith("The connection broke off")


@pytest.mark.parametrize("status", [410, 500])
async def test_what_an_address_says_that_an_endpoint_had_before_does_not_count_against_the_new_one(
    merchant: Merchant, status: int
) -> None:
    async with receiving(gate=asyncio.Event(), status=status) as old, receiving() as new:
        endpoint, _ = await merchant.subscribe(old.url)
        events = await merchant.announce("payment.created")
        await merchant.plan()
        sending = asyncio.create_task(deliver(merchant.till))
        await wait_for(lambda: old.waiting == 1)
        await change(merchant.till, endpoint, url=new.url)
        assert old.gate
        old.gate.set()
        await sending
        shown = await merchant.endpoint(endpoint)
        assert (shown["enabled"], shown["failing_since"]) == (True, None)
        assert await merchant.send() == 1, "it is due at its new address at once"
    assert (old.ids, new.ids) == (events, events)


async def test_a_delivery_that_is_begun_anew_during_its_last_try_has_the_whole_schedule_before_it(
    merchant: Merchant,
) -> None:
    async with receiving(status=500) as door:
        await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
        await merchant.owner.execute("UPDATE webhook_delivery SET failures = 9")
        await merchant.hurry()
        door.gate = asyncio.Event()
        sending = asyncio.create_task(deliver(merchant.till))
        await wait_for(lambda: door.waiting == 1)
        (last,) = await merchant.deliveries()
        await resend(merchant.till, ids.parse("delivery", last["id"]))
        door.gate.set()
        await sending
    (waiting,) = await merchant.deliveries()
    assert (waiting["status"], waiting["tries"]) == ("pending", 2)
    assert await merchant.owner.fetchval("SELECT due_at < now() + interval '10 seconds' FROM webhook_delivery")


async def test_two_workers_that_look_at_the_same_moment_send_an_endpoint_no_more_than_a_few_together(
    merchant: Merchant,
) -> None:
    await merchant.subscribe("http://127.0.0.1:9999/")
    await merchant.announce(*["payment.created"] * (2 * endpoint_concurrency_max))
    await merchant.plan()
    first_has_taken = asyncio.Event()

    async def claim() -> int:
        await first_has_taken.wait()
        async with merchant.till.db.transaction() as tx:
            return len(await deliveries.claim(tx, concurrency_max))

    second = asyncio.create_task(claim())
    async with merchant.till.db.transaction() as tx:
        first = len(await deliveries.claim(tx, concurrency_max))
        first_has_taken.set()
        await held_up(merchant.owner, second)
    assert (first, await second) == (endpoint_concurrency_max, 0)
