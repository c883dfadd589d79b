"""The whole way through the real flows, with PayPal as the only gateway."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from tests.flows import conftest as flows
from tests.flows.conftest import Line, Shop, uuid_of

from tillkeeper import catalog
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.confirm import confirm
from tillkeeper.flows.expire import expire
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake, receive
from tillkeeper.flows.refund import RefundWish, promise, weigh
from tillkeeper.flows.sync import sync
from tillkeeper.gateway import SignatureInvalidError
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.settings import Settings
from tillkeeper.till import Till

CREDENTIALS = {
    "PAYPAL_CLIENT_ID": "A_client",
    "PAYPAL_CLIENT_SECRET": "E_secret",
    "PAYPAL_WEBHOOK_ID": "4JH86294D6297924G",
}
rounds_max = 10
payments_with_lost_replies = 40

Json = dict[str, Any]


@dataclass
class PayPalShop(Shop):
    """Play merchant, payer and PayPal; webhooks arrive at `receiver`, and the shop hears them when it wants to."""

    receiver: Any = None
    heard_letters: int = 0

    async def act(self, path: str, body: Json | None = None) -> Any:
        answer = await self.http.post(f"{self.line.sandbox}/_control/paypal/{path}", json=body or {})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def books(self) -> Any:
        return (await self.http.get(f"{self.line.sandbox}/_control/books/paypal")).json()

    async def lines(self) -> list[Json]:
        lines: list[Json] = (await self.books())["orders"]
        return lines

    async def pay(self, payment: Json, how: str = "pay", body: Json | None = None) -> None:
        """Approve as the payer, on PayPal's page."""
        await self.act(f"orders/{payment['gateway_reference']}/{how}", body)

    async def hear_news(self, *types: str) -> None:
        """Take in what PayPal has sent since the last time; every webhook is sent before this returns."""
        del types
        for _ in count():
            sent = (await self.http.get(f"{self.line.sandbox}/_control/webhooks")).json()["data"]
            if not any(delivery["state"] == "due" for delivery in sent):
                break
            await asyncio.sleep(0.01)
        letters = self.receiver.letters[self.heard_letters :]
        self.heard_letters += len(letters)
        for letter in letters:
            await receive(self.intake, "paypal", letter.headers, letter.body)

    async def catch_up(self) -> None:
        """Hear, settle and call until nothing is left to do."""
        for _ in range(rounds_max):
            await super().catch_up()
            if not await self.operate():
                return

    async def approved(self, how: str = "pay", **wanted: Any) -> Any:
        """Open a checkout and approve it; nobody has heard of it yet."""
        payment = await self.opened(**wanted)
        await self.pay(payment, how)
        return payment


@pytest.fixture
async def line(tmp_path: Path, ears: Any) -> AsyncIterator[Line]:
    """Serve the sandbox."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = SandboxConfig(
        books=tmp_path / "books.sqlite", public_url=url, secrets=CREDENTIALS, webhook_urls={"paypal": ears.url}
    )
    with flows.serving(config, listener):
        yield Line(url)


@pytest.fixture
async def till(line: Line, database_url: str) -> AsyncIterator[Till]:
    """Open a till that knows PayPal only."""
    settings = Settings(mode="sandbox", database_url=database_url, secret_key="paypal " * 4)
    secrets = Secrets(CREDENTIALS | {"PAYPAL_API_BASE": f"{line.sandbox}/paypal"})
    opened = await Till.open(settings, secrets=secrets)
    await offer(opened, catalog.DEMO)
    yield opened
    await opened.close()


@pytest.fixture
async def shop(till: Till, line: Line, owner_url: str, ears: Any) -> AsyncIterator[PayPalShop]:
    """Open a shop; whatever a test did there, the books are sound afterwards."""
    owner = await asyncpg.connect(owner_url)
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield PayPalShop(till, line, http, owner, Intake(till), receiver=ears.receiver)
    wrong, balance = await read(till, flows._prove)
    await owner.close()
    assert wrong == []
    assert balance.balanced


async def agree(shop: PayPalShop, payment: Json) -> Json:
    """Read a payment, and prove that PayPal's books say the same of it."""
    shown: Json = await shop.show(payment)
    [line] = [line for line in await shop.lines() if line["custom_id"] == payment["id"]]
    ours = (shown["amount_captured"], shown["amount_refunded"], shown["amount_disputed"])
    assert ours == (line["captured"], line["refunded"], line["disputed"])
    return shown


async def test_a_purchase_is_approved_captured_once_and_delivered(shop: PayPalShop) -> None:
    payment = await shop.approved()
    assert payment["next_action"]["url"].endswith(f"/paypal/checkoutnow?token={payment['gateway_reference']}")
    await shop.catch_up()
    shown = await agree(shop, payment)
    assert (shown["status"], shown["fulfilment"]["status"]) == ("succeeded", "delivered")
    assert await shop.wallet() == (120, 0)
    [line] = await shop.lines()
    assert (line["captures"], shown["gateway_reference"]) == (1, line["capture_ids"][0])
    assert await shop.ledger("fees:paypal:processing:EUR") == [line["fee"]]


async def test_every_webhook_three_times_in_any_order_has_one_effect(shop: PayPalShop) -> None:
    await shop.turn(webhook_copies=3, webhook_shuffle=True)
    payment = await shop.approved()
    await shop.catch_up()
    await agree(shop, payment)
    assert await shop.wallet() == (120, 0)
    assert await shop.count("wallet_entry") == 1


async def test_an_embedded_payment_is_confirmed_by_the_browser(shop: PayPalShop) -> None:
    payment = await shop.approved(checkout="embedded")
    assert payment["next_action"]["order_id"] == payment["gateway_reference"]
    with pytest.raises(InvalidFieldError):
        await confirm(shop.till, uuid_of(payment), {"order_id": "ANOTHER"})
    shown: Any = await confirm(shop.till, uuid_of(payment), {"order_id": payment["gateway_reference"]})
    assert (shown["status"], shown["fulfilment"]["status"]) == ("succeeded", "delivered")
    await shop.catch_up()
    assert [line["captures"] for line in await shop.lines()] == [1]


async def test_a_declined_instrument_fails_the_attempt_and_the_payer_pays_with_another(shop: PayPalShop) -> None:
    payment = await shop.approved("decline")
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]["code"]) == ("requires_action", "INSTRUMENT_DECLINED")
    await shop.pay(payment)
    await shop.catch_up()
    assert (await agree(shop, payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)
    assert [line["captures"] for line in await shop.lines()] == [1]
    assert len(set(await capture_keys(shop))) == 2


async def test_a_capture_that_is_told_again_carries_the_same_key(shop: PayPalShop) -> None:
    payment = await shop.approved()
    await shop.turn(error_before_percent=100, only_methods=["POST"], only_paths=["/v2/checkout/orders"])
    await shop.hear_news()
    await shop.settle()
    await shop.operate()
    await shop.turn(error_before_percent=0)
    await shop.catch_up()
    assert (await agree(shop, payment))["status"] == "succeeded"
    first, second = await capture_keys(shop)
    assert first == second


async def capture_keys(shop: PayPalShop) -> list[str]:
    """List the request ids with which captures of orders were asked for."""
    calls = (await shop.http.get(f"{shop.line.sandbox}/_control/calls")).json()["data"]
    return [each["key"] for each in calls if each["route"] == "POST /v2/checkout/orders/{id}/capture"]


async def test_a_declined_capture_is_noted_and_told_once_however_often_paypal_is_asked(shop: PayPalShop) -> None:
    payment = await shop.approved(checkout="embedded")
    await shop.pay(payment, "decline", {"code": "capture_declined"})
    await confirm(shop.till, uuid_of(payment), {"order_id": payment["gateway_reference"]})
    await shop.catch_up()
    for _ in range(2):
        await sync(shop.till, uuid_of(payment))

    assert await shop.count("payment_change", "reason LIKE 'attempt failed%'") == 1
    assert await shop.count("outbox_event", "type = 'payment.attempt_failed'") == 1


@pytest.mark.parametrize(("outcome", "granted"), [("completed", 120), ("denied", 0)])
async def test_trap_6_pending_money_is_delivered_for_when_it_comes(
    shop: PayPalShop, outcome: str, granted: int
) -> None:
    payment = await shop.approved("pay_slowly")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "processing"
    assert await shop.wallet() == (0, 0)
    [capture] = [each["object"] for each in await deliveries(shop) if each["type"] == "PAYMENT.CAPTURE.PENDING"]
    await shop.act(f"captures/{capture}/settle", {"outcome": outcome})
    await shop.catch_up()
    assert (await agree(shop, payment))["status"] == ("succeeded" if granted else "requires_action")
    assert await shop.wallet() == (granted, 0)


async def deliveries(shop: PayPalShop) -> list[Json]:
    found: list[Json] = (await shop.http.get(f"{shop.line.sandbox}/_control/webhooks")).json()["data"]
    return found


async def test_money_goes_back_in_part_and_in_full(shop: PayPalShop) -> None:
    payment = await shop.approved()
    await shop.catch_up()
    part = await shop.refund(payment, 50)
    assert part["status"] == "succeeded"
    rest = await shop.refund(payment)
    await shop.catch_up()
    shown = await agree(shop, payment)
    assert (shown["amount_refunded"], rest["amount"]) == (199, 149)
    assert await shop.count("refund") == 2
    assert [line["refunds"] for line in await shop.lines()] == [2]


async def test_a_refund_on_paypals_own_pages_takes_the_goods_back(shop: PayPalShop) -> None:
    payment = await shop.approved()
    await shop.catch_up()
    made = await shop.act("refunds", {"order": (await shop.lines())[0]["order"]})
    await shop.catch_up()
    assert (await agree(shop, payment))["fulfilment"]["status"] == "revoked"
    assert await shop.wallet() == (0, 0)
    await shop.act(f"refunds/{made['id']}/fail")
    await shop.catch_up()
    assert (await agree(shop, payment))["amount_refunded"] == 0


async def test_a_lost_reply_to_a_capture_is_resolved_by_asking(shop: PayPalShop) -> None:
    payment = await shop.approved()
    await shop.turn(lost_reply_percent=100, only_paths=["/v2/checkout/orders/"], only_methods=["POST"])
    await shop.hear_news()
    await shop.settle()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "processing"
    await shop.turn(lost_reply_percent=0)
    await shop.operate()
    assert (await agree(shop, payment))["status"] == "succeeded"
    assert [line["captures"] for line in await shop.lines()] == [1]


async def test_lost_replies_everywhere_charge_nobody_twice(shop: PayPalShop) -> None:
    await shop.opened()  # so that the token is there: without one nothing is sent that could get lost
    await shop.turn(lost_reply_percent=25, error_after_percent=10, only_methods=["POST"], seed=7)
    bought = [await shop.create(user=f"user{number}") for number in range(payments_with_lost_replies)]
    assert {reply.status for reply in bought} == {201, 202}
    for _ in range(rounds_max):
        await shop.operate()
    payments = [await shop.show(reply.body) for reply in bought]
    for payment in payments:
        await shop.pay(payment)
    await shop.catch_up()
    await shop.turn(lost_reply_percent=0, error_after_percent=0)
    await shop.catch_up()
    assert {(await agree(shop, payment))["status"] for payment in payments} == {"succeeded"}
    lines = await shop.lines()
    assert sum(line["captures"] for line in lines) == payments_with_lost_replies
    counts = (await shop.http.get(f"{shop.line.sandbox}/_control/injected")).json()["counts"]
    assert counts["lost_reply_percent"] > 0
    assert counts["error_after_percent"] > 0


async def test_a_lost_reply_to_a_refund_is_found_at_paypal_and_not_made_again(shop: PayPalShop) -> None:
    payment = await shop.approved()
    await shop.catch_up()
    await shop.turn(lost_reply_percent=100, forget_keys=True, only_methods=["POST"])
    made = await shop.refund(payment, 50)
    assert made["status"] == "pending"
    await shop.turn(lost_reply_percent=0)
    await shop.operate()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert [line["refunds"] for line in await shop.lines()] == [1]
    await shop.catch_up()
    await agree(shop, payment)


async def test_what_paypal_never_delivered_is_fetched_from_its_list(shop: PayPalShop) -> None:
    await shop.turn(webhook_drop_percent=100)
    bought = [await shop.approved(user=f"user{number}") for number in range(5)]
    await shop.catch_up()
    assert {(await shop.show(payment))["status"] for payment in bought} == {"requires_action"}
    later = shop.later(minutes=5)
    assert await catch_up(later) == 5
    await shop.catch_up()
    await catch_up(later)
    await shop.catch_up()
    assert {(await agree(shop, payment))["fulfilment"]["status"] for payment in bought} == {"delivered"}
    assert [await catch_up(later), await shop.count("wallet_entry")] == [0, 5]


async def test_authorised_money_is_captured_in_part_by_hand(shop: PayPalShop) -> None:
    payment = await shop.approved(capture_method="manual")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "requires_capture"
    assert [line["captured"] for line in await shop.lines()] == [0]
    taken = await shop.capture(payment, 150)
    assert taken.status == 200
    await shop.catch_up()
    assert (await agree(shop, payment))["amount_captured"] == 150
    refunded = await shop.refund(payment)
    assert refunded["amount"] == 150


async def test_authorised_money_is_let_go_by_a_cancellation(shop: PayPalShop) -> None:
    payment = await shop.approved(capture_method="manual")
    await shop.catch_up()
    ended = await cancel(shop.till, shop.wish(), uuid_of(payment))
    assert ended.status == 200
    await shop.catch_up()
    assert (await agree(shop, payment))["status"] == "canceled"
    [line] = await shop.lines()
    assert (line["captured"], line["captures"]) == (0, 0)


async def test_what_nobody_approved_expires_and_an_approval_afterwards_takes_no_money(shop: PayPalShop) -> None:
    payment = await shop.opened()
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"
    await shop.pay(payment)
    await shop.catch_up()
    assert (await agree(shop, payment))["status"] == "expired"
    assert [line["captured"] for line in await shop.lines()] == [0]


async def test_a_dispute_is_recorded_and_its_end_too(shop: PayPalShop) -> None:
    payment = await shop.approved()
    await shop.catch_up()
    opened = await shop.act("disputes", {"order": (await shop.lines())[0]["order"]})
    await shop.catch_up()
    assert (await agree(shop, payment))["amount_disputed"] == 199
    await shop.act(f"disputes/{opened['dispute_id']}/win")
    await shop.catch_up()
    assert (await agree(shop, payment))["amount_disputed"] == 0


async def test_a_second_capture_on_paypals_own_pages_goes_back(shop: PayPalShop) -> None:
    payment = await shop.approved(capture_method="manual")
    await shop.catch_up()
    held = (await shop.show(payment))["gateway_reference"]
    await shop.act(f"authorizations/{held}/capture", {"amount": 100, "more": True})
    await shop.catch_up()
    assert (await agree(shop, payment))["amount_captured"] == 100
    await shop.act(f"authorizations/{held}/capture", {"amount": 30})
    await shop.catch_up()
    assert [(line["captured"], line["refunded"]) for line in await shop.lines()] == [(130, 30)]
    assert (await shop.show(payment))["amount_captured"] == 100


async def test_a_webhook_with_a_body_that_was_changed_is_refused(shop: PayPalShop) -> None:
    await shop.approved()
    await shop.hear_news()
    letter = shop.receiver.letters[0]
    with pytest.raises(SignatureInvalidError):
        await receive(shop.intake, "paypal", letter.headers, letter.body.replace(b"1.99", b"9.99"))


async def test_a_currency_that_paypal_lacks_is_refused_before_anything_is_sent(shop: PayPalShop) -> None:
    with pytest.raises(CurrencyNotSupportedError):
        await shop.create(currency="INR")
    assert await shop.lines() == []


async def test_the_window_of_a_key_is_inside_that_of_paypal(till: Till) -> None:
    assert timedelta(seconds=till.gateways["paypal"].key_window_seconds) < timedelta(hours=6)


async def test_a_refund_that_waits_ends_when_the_payer_disputes_the_payment(shop: PayPalShop) -> None:
    payment = await shop.approved()
    await shop.catch_up()
    async with shop.till.db.transaction() as tx:  # the process dies before the call
        wanted = RefundWish(payment=uuid_of(payment))
        await promise(tx, shop.till, await weigh(tx, shop.till, wanted, ids.new()), leased=False)
    capture = (await shop.show(payment))["gateway_reference"]
    await shop.act("disputes", {"capture": capture, "stage": "CHARGEBACK"})
    await shop.hear_news()
    await shop.settle()
    await shop.operate()
    assert await shop.owner.fetchval("SELECT error_code FROM refund") == "payment_disputed"
