"""The real flows with Razorpay alone: buy, deliver, refund, resolve, catch up, against the imitation."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from tests.gateways.razorpay.conftest import SECRETS
from tests.gateways.serving import free_listener, patience_seconds, serving

from tillkeeper import catalog, ledger
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.capture import capture
from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.checkout import Purchase, checkout
from tillkeeper.flows.confirm import confirm
from tillkeeper.flows.expire import expire
from tillkeeper.flows.offer import offer
from tillkeeper.flows.operate import operate
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake, receive
from tillkeeper.flows.refund import RefundWish, promise, refund, weigh
from tillkeeper.flows.settle import settle
from tillkeeper.flows.sync import sync
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import clock, ids, logs
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, TillError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.reports import books as reported
from tillkeeper.reports import payment as payments_shown
from tillkeeper.reports import refund as refunds_shown
from tillkeeper.reports import wallet as wallets_shown
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.settings import Settings
from tillkeeper.till import Till

Json = dict[str, Any]


@dataclass
class Shop:
    """Play the merchant, the customer and the gateway around one till."""

    till: Till
    url: str
    http: httpx2.AsyncClient
    owner: asyncpg.Connection
    intake: Intake
    letters: list[Any]
    heard: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def wish(self, asked: object = "") -> Wish:
        return Wish(scope="sandbox", key=f"key-{next(self.numbers)}", request_sha=sha256(repr(asked).encode()))

    async def create(self, **wanted: Any) -> Replay:
        purchase = Purchase(**{"package": "credits_120", "currency": "INR", "user": "ana"} | wanted)
        return await checkout(self.till, self.wish(purchase), purchase)

    async def opened(self, **wanted: Any) -> Any:
        replay = await self.create(**wanted)
        assert replay.status == 201, replay.body
        return replay.body

    async def act(self, path: str, **wish: Any) -> Any:
        answer = await self.http.post(f"{self.url}/_control/razorpay/{path}", json=wish)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pay(self, payment: Json) -> Any:
        """Pay as the customer; nobody hears of it yet."""
        reference = payment["gateway_reference"]
        return await self.act(f"{'links' if reference.startswith('plink_') else 'orders'}/{reference}/pay")

    async def turn(self, **dial: Any) -> None:
        answer = await self.http.put(f"{self.url}/_control/faults", json=dial)
        assert answer.status_code == 200, answer.text

    async def hear(self, event_id: str, body: bytes, signature: str) -> bool:
        headers = {"x-razorpay-signature": signature, "x-razorpay-event-id": event_id}
        return await receive(self.intake, "razorpay", headers, body)

    async def hear_news(self, *types: str) -> None:
        """Deliver the webhooks that the sandbox sent and that were not delivered yet; only these types when named."""
        wanted = {each["event"] for each in await self.sent()}
        for _ in range(patience_seconds * 100):
            if wanted <= {letter.headers["x-razorpay-event-id"] for letter in self.letters}:
                break
            await asyncio.sleep(0.01)
        for letter in list(self.letters):
            event_id = letter.headers["x-razorpay-event-id"]
            if event_id not in self.heard and (not types or letter.event["event"] in types):
                self.heard.add(event_id)
                await self.hear(event_id, letter.body, letter.headers["x-razorpay-signature"])

    async def sent(self) -> Any:
        found = (await self.http.get(f"{self.url}/_control/webhooks")).json()["data"]
        return [each for each in found if each["state"] != "given_up"]

    async def settle(self) -> int:
        total = 0
        while looked := await settle(self.till):
            total += looked
        return total

    async def operate(self) -> int:
        await self.owner.execute("UPDATE operation SET due_at = now(), lease_until = now() WHERE state = 'asked'")
        return await operate(self.till, "razorpay")

    async def calm_down(self) -> None:
        """Hear, settle and make calls until nothing is left to do."""
        for _ in range(4):
            await self.hear_news()
            await self.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status = 'parked'")
            await self.settle()
            await self.operate()

    async def show(self, payment: Json) -> Any:
        return await read(self.till, lambda tx: payments_shown.show(tx, uuid_of(payment)))

    async def refund(self, payment: Json, amount: int | None = None) -> Any:
        wanted = RefundWish(payment=uuid_of(payment), amount=amount)
        return (await refund(self.till, self.wish(wanted), wanted)).body

    async def show_refund(self, made: Json) -> Any:
        return await read(self.till, lambda tx: refunds_shown.show(tx, ids.parse("refund", made["id"])))

    async def balance(self) -> int:
        shown: Any = await read(self.till, lambda tx: wallets_shown.show(tx, "ana"))
        return int(shown["balance"])

    async def inbox(self) -> list[str]:
        rows = await self.owner.fetch("SELECT status FROM inbox_message ORDER BY received_at, id")
        return [row["status"] for row in rows]

    async def orders(self) -> Any:
        return (await self.http.get(f"{self.url}/_control/books/razorpay")).json()["orders"]


def uuid_of(payment: Json) -> UUID:
    return ids.parse("payment", payment["id"])


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    logs.configure()


@pytest.fixture
async def shop(tmp_path: Path, ears: Any, database_url: str, owner_url: str) -> AsyncIterator[Shop]:
    """Open a till that has Razorpay only; whatever a test did there, the books are sound afterwards."""
    listener, url = free_listener()
    config = SandboxConfig(tmp_path / "books.sqlite", url, SECRETS, {"razorpay": ears.url})
    settings = Settings(mode="sandbox", database_url=database_url, secret_key="flows " * 4)
    owner = await asyncpg.connect(owner_url)
    with serving(build(config), listener):
        till = await Till.open(settings, secrets=Secrets(SECRETS | {"RAZORPAY_API_BASE": f"{url}/razorpay"}))
        await offer(till, catalog.DEMO)
        async with httpx2.AsyncClient(trust_env=False) as http:
            yield Shop(till, url, http, owner, Intake(till), ears.receiver.letters)
        wrong = await read(till, reported.check)
        balance = await read(till, ledger.trial_balance)
        await till.close()
    await owner.close()
    assert wrong == []
    assert balance.balanced


async def test_a_package_is_bought_by_link_and_delivered_once(shop: Shop) -> None:
    payment = await shop.opened()
    assert payment["gateway"] == "razorpay"
    assert payment["next_action"]["url"].startswith(f"{shop.url}/razorpay/l/plink_")
    await shop.pay(payment)
    await shop.calm_down()
    shown = await shop.show(payment)
    assert (shown["status"], shown["fulfilment"]["status"]) == ("succeeded", "delivered")
    assert shown["gateway_reference"].startswith("pay_")
    assert await shop.balance() == 120
    assert set(await shop.inbox()) == {"processed"}
    [line] = await shop.orders()
    assert (line["captured"], line["captures"]) == (shown["amount_captured"], 1)
    assert line["notes"] == {"payment": payment["id"]}


async def test_a_package_is_bought_inside_the_shops_page_and_confirmed_by_what_the_browser_brings(shop: Shop) -> None:
    payment = await shop.opened(checkout="embedded")
    assert payment["next_action"]["order_id"] == payment["gateway_reference"]
    brought = (await shop.pay(payment))["callback"]
    with pytest.raises(InvalidFieldError):
        await confirm(shop.till, uuid_of(payment), brought | {"razorpay_signature": "0" * 64})
    shown: Any = await confirm(shop.till, uuid_of(payment), brought)
    assert (shown["status"], shown["fulfilment"]["status"]) == ("succeeded", "delivered")
    await shop.calm_down()
    assert await shop.balance() == 120
    assert set(await shop.inbox()) == {"processed"}


async def test_the_fee_that_razorpay_kept_is_in_the_books(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    [line] = await shop.orders()
    kept = ["fees:razorpay:processing:INR", "fees:razorpay:tax:INR"]
    found = await read(shop.till, lambda tx: ledger.balances(tx, kept))
    assert [found[code].amount for code in kept] == [line["fee"] - line["tax"], line["tax"]]


async def test_trap_1_an_old_body_under_a_fresh_event_id_has_no_effect(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    before = await shop.inbox()
    for number, letter in enumerate(list(shop.letters)):
        assert not await shop.hear(f"fresh-{number}", letter.body, letter.headers["x-razorpay-signature"])
    assert await shop.settle() == 0
    assert (await shop.inbox(), await shop.balance()) == (before, 120)


async def test_a_payment_elsewhere_that_claims_to_be_ours_pays_nothing_here(shop: Shop) -> None:
    payment = await shop.opened()
    # Another site of the same merchant, whose page the customer has made to name our link and our payment.
    link = payment["gateway_reference"]
    elsewhere = {
        "id": "pay_AAAAAAAAAAAAAA",
        "amount": payment["amount"],
        "currency": "INR",
        "status": "captured",
        "captured": True,
        "order_id": "order_AAAAAAAAAAAAAA",
        "description": f"#{link.removeprefix('plink_')}",
        "notes": {"payment": payment["id"]},
        "fee": 0,
    }
    told = {
        "entity": "event",
        "event": "payment.captured",
        "payload": {"payment": {"entity": elsewhere}},
        "created_at": 1,
    }
    body = json.dumps(told).encode()
    await shop.hear("event-1", body, hmac.new(SECRETS["RAZORPAY_WEBHOOK_SECRET"].encode(), body, "sha256").hexdigest())
    await shop.settle()
    assert ((await shop.show(payment))["status"], await shop.inbox()) == ("requires_action", ["parked"])


async def test_a_declined_attempt_goes_on_and_the_next_one_pays(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.act(f"links/{payment['gateway_reference']}/decline", code="insufficient_funds")
    await shop.calm_down()
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]["code"]) == ("requires_action", "insufficient_funds")
    await shop.pay(payment)
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.balance() == 120


@pytest.mark.parametrize(("checkout", "place"), [("hosted", "links"), ("embedded", "orders")])
async def test_attempts_that_were_declined_are_each_noted_and_told_once_however_often_they_are_asked_about(
    shop: Shop, checkout: str, place: str
) -> None:
    payment = await shop.opened(checkout=checkout)
    for code in ("insufficient_funds", "card_declined"):
        await shop.act(f"{place}/{payment['gateway_reference']}/decline", code=code)
        await shop.calm_down()
    for _ in range(2):
        await sync(shop.till, ids.parse("payment", payment["id"]))

    noted = await shop.owner.fetchval("SELECT count(*) FROM payment_change WHERE reason LIKE 'attempt failed%'")
    told = await shop.owner.fetchval("SELECT count(*) FROM outbox_event WHERE type = 'payment.attempt_failed'")
    assert (noted, told) == (2, 2)
    assert (await shop.show(payment))["last_error"]["code"] == "card_declined"


async def test_a_partial_refund_and_the_rest_go_back_and_take_the_goods_with_them(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    half = payment["amount"] // 2
    made = await shop.refund(payment, half)
    assert made["status"] == "pending"
    await shop.calm_down()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await shop.balance() == 60
    await shop.refund(payment)
    await shop.calm_down()
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], await shop.balance()) == (payment["amount"], 0)
    [line] = await shop.orders()
    assert (line["refunded"], line["refunds"]) == (payment["amount"], 2)


async def test_a_refund_made_in_the_dashboard_is_a_fact(shop: Shop) -> None:
    payment = await shop.opened()
    captured = (await shop.pay(payment))["payment"]["id"]
    await shop.calm_down()
    await shop.act("refunds", payment=captured, amount=payment["amount"] // 2)
    await shop.calm_down()
    assert (await shop.show(payment))["amount_refunded"] == payment["amount"] // 2
    assert await shop.balance() == 60


async def test_a_refund_that_fails_later_gives_the_goods_back(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    await shop.act("refunds/hold", held=True)
    made = await shop.refund(payment)
    [refund_id] = [each["object"] for each in await shop.sent() if each["type"] == "refund.created"]
    await shop.act(f"refunds/{refund_id}/fail")
    await shop.calm_down()
    assert (await shop.show_refund(made))["status"] == "failed"
    assert await shop.balance() == 120


@pytest.mark.parametrize("how", ["hosted", "embedded"])
async def test_a_lost_reply_is_resolved_by_asking_and_nobody_is_charged_twice(shop: Shop, how: str) -> None:
    await shop.turn(lost_reply_percent=100, only_methods=["POST"])
    replay = await shop.create(checkout=how)
    assert (replay.status, replay.body["status"]) == (202, "outcome_unknown")
    await shop.turn(lost_reply_percent=0)
    await shop.operate()
    payment = await shop.show(replay.body)
    assert (payment["status"], bool(payment["next_action"])) == ("requires_action", True)
    await shop.pay(payment)
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "succeeded"
    [line] = await shop.orders()
    assert line["captures"] == 1
    assert (await shop.http.get(f"{shop.url}/_control/books/razorpay")).json()["links"] == (1 if how == "hosted" else 0)


async def test_a_refund_whose_reply_was_lost_is_made_once(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    await shop.turn(lost_reply_percent=100, forget_keys=True, only_methods=["POST"])
    made = await shop.refund(payment, 1000)
    await shop.turn(lost_reply_percent=0)
    await shop.calm_down()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    [line] = await shop.orders()
    assert (line["refunded"], line["refunds"]) == (1000, 1)


async def test_of_two_refunds_at_once_one_waits_for_the_other_and_both_are_made(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    await shop.turn(latency_ms=500, only_methods=["POST"])
    both = await asyncio.gather(shop.refund(payment, 1000), shop.refund(payment, 2000))
    assert [made["status"] for made in both] == ["pending", "pending"]
    calls = (await shop.http.get(f"{shop.url}/_control/calls")).json()["data"]
    assert sorted(each["status"] for each in calls if each["path"].endswith("/refund")) == [200, 400]
    await shop.turn(latency_ms=0)
    await shop.calm_down()
    assert [(await shop.show_refund(made))["status"] for made in both] == ["succeeded", "succeeded"]
    [line] = await shop.orders()
    assert (line["refunded"], line["refunds"]) == (3000, 2)


@pytest.mark.parametrize("look_ups_in_vain", [3, 4], ids=["until it is sent again", "also right after that"])
async def test_a_refund_that_cannot_be_found_and_is_sent_again_when_its_key_is_forgotten_is_made_once(
    shop: Shop, look_ups_in_vain: int
) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    await shop.turn(lost_reply_percent=100, forget_keys=True, only_methods=["POST"], webhook_drop_percent=100)
    await shop.turn(not_found_first=look_ups_in_vain)
    made = await shop.refund(payment, 1000)
    await shop.turn(lost_reply_percent=0)
    for _ in range(look_ups_in_vain + 1):
        await shop.operate()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    [line] = await shop.orders()
    assert (line["refunded"], line["refunds"]) == (1000, 1)


async def test_what_was_never_delivered_is_caught_up_once(shop: Shop) -> None:
    await shop.turn(webhook_drop_percent=100)
    payments = [await shop.opened() for _ in range(3)]
    for payment in payments[:2]:
        await shop.pay(payment)
    later = replace(shop.till, now=lambda: clock.now() + timedelta(minutes=30))
    assert await catch_up(later) == 2
    await shop.settle()
    assert [(await shop.show(payment))["status"] for payment in payments] == [
        "succeeded",
        "succeeded",
        "requires_action",
    ]
    assert await shop.balance() == 240
    assert await catch_up(later) == 0
    await shop.settle()
    assert await shop.balance() == 240


async def test_a_dispute_whose_deadline_changed_and_of_which_no_webhook_told_is_caught_up(shop: Shop) -> None:
    payment = await shop.opened()
    captured = (await shop.pay(payment))["payment"]["id"]
    await shop.calm_down()
    await shop.turn(webhook_drop_percent=100)
    dispute = await shop.act("disputes", payment=captured)
    assert await deadline_caught_up(shop, after_minutes=30) == dispute["respond_by"]
    changed = await shop.act(f"disputes/{dispute['id']}/change", seconds=3 * 86_400)
    assert changed["respond_by"] < dispute["respond_by"]
    assert await deadline_caught_up(shop, after_minutes=90) == changed["respond_by"]


async def deadline_caught_up(shop: Shop, *, after_minutes: int) -> int:
    later = replace(shop.till, now=lambda: clock.now() + timedelta(minutes=after_minutes))
    await asyncio.sleep(1)  # what is seen of a dispute is dated in whole seconds
    await catch_up(later)
    await shop.settle()
    found = await shop.owner.fetchval("SELECT due_at FROM dispute")
    return int(found.timestamp())


async def test_authorised_money_waits_for_the_merchant_and_is_taken_whole(shop: Shop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    await shop.pay(payment)
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "requires_capture"
    part = await capture(shop.till, shop.wish("part"), uuid_of(payment), amount=payment["amount"] - 1)
    assert (part.status, part.body["code"]) == (409, "invalid_state")
    taken = await capture(shop.till, shop.wish("whole"), uuid_of(payment))
    assert (taken.status, taken.body["status"]) == (200, "succeeded")
    await shop.calm_down()
    assert await shop.balance() == 120


async def test_authorised_money_cannot_be_voided_and_is_canceled_when_razorpay_gives_it_back(shop: Shop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    held = (await shop.pay(payment))["payment"]["id"]
    await shop.calm_down()
    answer = await cancel(shop.till, shop.wish("cancel"), uuid_of(payment))
    assert (answer.status, answer.body["code"]) == (409, "invalid_state")
    assert (await shop.show(payment))["status"] == "requires_capture"
    await shop.act(f"payments/{held}/lapse")
    await shop.calm_down()
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_captured"], shown["amount_refunded"]) == ("canceled", 0, 0)
    assert set(await shop.inbox()) == {"processed"}


async def test_manual_capture_by_link_is_refused_plainly_before_anything_begins(shop: Shop) -> None:
    with pytest.raises(InvalidStateError, match="checkout: embedded"):
        await shop.create(gateway="razorpay", capture_method="manual")
    with pytest.raises(TillError):
        await shop.create(capture_method="manual")
    assert await shop.owner.fetchval("SELECT count(*) FROM payment") == 0


async def test_a_link_that_nobody_paid_ends_with_the_payment(shop: Shop) -> None:
    payment = await shop.opened()
    answer = await cancel(shop.till, shop.wish("cancel"), uuid_of(payment))
    assert (answer.status, answer.body["status"]) == (200, "canceled")
    assert (await shop.http.get(f"{shop.url}/_control/books/razorpay")).json()["links"] == 1
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "canceled"


@pytest.mark.parametrize("how", ["hosted", "embedded"])
async def test_what_nobody_paid_in_time_expires(shop: Shop, how: str) -> None:
    payment = await shop.opened(checkout=how)
    later = replace(shop.till, now=lambda: clock.now() + timedelta(hours=2))
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 minute'")
    assert await expire(later) == 1
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "expired"


async def test_trap_4_a_refund_before_its_capture_waits_for_it(shop: Shop) -> None:
    payment = await shop.opened()
    captured = (await shop.pay(payment))["payment"]["id"]
    await shop.act("refunds", payment=captured, amount=payment["amount"] // 2)
    await shop.hear_news("refund.processed")
    await shop.settle()
    assert set(await shop.inbox()) == {"parked"}
    await shop.calm_down()
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_refunded"]) == ("succeeded", payment["amount"] // 2)
    assert await shop.balance() == 60


async def test_trap_9_a_payment_that_had_failed_turns_authorised_and_pays(shop: Shop) -> None:
    payment = await shop.opened(checkout="embedded")
    order = payment["gateway_reference"]
    await shop.act(f"orders/{order}/time_out")
    await shop.calm_down()
    assert (await shop.show(payment))["last_error"]["code"] == "payment_timed_out"
    await shop.act(f"orders/{order}/late_success")
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.balance() == 120


async def test_a_late_authorisation_of_an_automatic_payment_is_captured_by_us(shop: Shop) -> None:
    payment = await shop.opened(checkout="embedded")
    order = payment["gateway_reference"]
    await shop.act(f"orders/{order}/time_out")
    await shop.turn(clock_ahead_seconds=2 * 3600)
    held = (await shop.act(f"orders/{order}/late_success"))["payment"]
    assert held["status"] == "authorized"
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "succeeded"
    [line] = await shop.orders()
    assert (line["captures"], await shop.balance()) == (1, 120)


async def test_a_dispute_and_its_end_are_recorded(shop: Shop) -> None:
    payment = await shop.opened()
    captured = (await shop.pay(payment))["payment"]["id"]
    await shop.calm_down()
    dispute = await shop.act("disputes", payment=captured)
    await shop.calm_down()
    assert (await shop.show(payment))["amount_disputed"] == payment["amount"]
    await shop.act(f"disputes/{dispute['id']}/lose")
    await shop.calm_down()
    row = await shop.owner.fetchrow("SELECT status, withdrawn FROM dispute")
    assert tuple(row or ()) == ("lost", payment["amount"])
    assert set(await shop.inbox()) == {"processed"}


async def test_a_settlement_is_recorded_with_what_the_banks_line_shows(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    [settlement] = (await shop.act("settlements", early=True))["items"]
    await shop.calm_down()
    row = await shop.owner.fetchrow("SELECT * FROM payout")
    assert row
    assert (row["gateway_reference"], row["amount"]) == (settlement["id"], settlement["amount"])
    assert (row["status"], row["bank_reference"]) == ("paid", settlement["utr"])


async def hold_late(shop: Shop, payment: Json) -> None:
    """Let Razorpay answer again, and authorise what had timed out."""
    await shop.turn(error_before_percent=0, clock_ahead_seconds=2 * 3600)
    held = (await shop.act(f"orders/{payment['gateway_reference']}/late_success"))["payment"]
    assert held["status"] == "authorized"


async def test_money_set_aside_while_our_expiry_is_put_off_is_taken(shop: Shop) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.act(f"orders/{payment['gateway_reference']}/time_out")
    await shop.hear_news()
    await shop.settle()
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    await shop.turn(error_before_percent=100)
    await operate(shop.till, "razorpay")
    await hold_late(shop, payment)
    await shop.hear_news()
    await shop.settle()
    assert await shop.owner.fetchval("SELECT count(*) FROM operation WHERE kind = 'expire' AND state = 'asked'") == 0
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.balance() == 120


async def test_money_set_aside_while_a_cancellation_is_put_off_is_taken_when_it_has_failed(shop: Shop) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.act(f"orders/{payment['gateway_reference']}/time_out")
    await shop.turn(error_before_percent=100)
    assert (await cancel(shop.till, shop.wish(), uuid_of(payment))).status == 202
    await hold_late(shop, payment)
    await shop.hear_news()
    await shop.settle()
    assert (await shop.show(payment))["status"] == "requires_capture"
    assert await shop.owner.fetchval("SELECT count(*) FROM operation WHERE kind = 'capture'") == 0
    await shop.calm_down()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.balance() == 120


async def test_a_refund_that_waits_ends_when_the_customers_bank_claims_the_money(shop: Shop) -> None:
    payment = await shop.opened()
    captured = (await shop.pay(payment))["payment"]["id"]
    await shop.calm_down()
    async with shop.till.db.transaction() as tx:  # the process dies before the call
        wanted = RefundWish(payment=uuid_of(payment))
        await promise(tx, shop.till, await weigh(tx, shop.till, wanted, ids.new()), leased=False)
    await shop.act("disputes", payment=captured)
    await shop.hear_news()
    await shop.settle()
    await shop.operate()
    assert await shop.owner.fetchval("SELECT error_code FROM refund") == "payment_disputed"
