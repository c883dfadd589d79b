"""What an earlier system left behind comes in once: credits with the money owed for them, and payments as history."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.flows.test_reconcile import CLEARING, found, only_line, tell

from tillkeeper.adoption import PastLot, PastPayment, PastRefund, PastUser
from tillkeeper.facts import LineKind, Notice, NoticeKind, Verdict
from tillkeeper.flows.adopt import Fate, adopt
from tillkeeper.flows.lapse import lapse
from tillkeeper.flows.read import read
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.reports import payment as payments_shown
from tillkeeper.reports import refund as refunds_shown
from tillkeeper.reports import wallet as wallets_shown

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ANA = PastUser(id="ana", lots=(PastLot(credits=100, amount=166, currency="EUR"), PastLot(credits=20)))


def a_payment(**change: Any) -> PastPayment:
    said: dict[str, Any] = {
        "id": "p-1",
        "status": "succeeded",
        "amount": 199,
        "currency": "EUR",
        "gateway": "stripe",
        "created_at": AT,
        "user": "ana",
    }
    return PastPayment(**said | change)


async def fates(shop: Any, *records: Any, dry_run: bool = False) -> list[Fate]:
    return [verdict.fate for verdict in await adopt(shop.till, records, dry_run=dry_run)]


async def listed(shop: Any) -> list[Any]:
    found: Any = await read(shop.till, lambda tx: payments_shown.find(tx, payments_shown.Filter()))
    return list(found["data"])


async def test_credits_come_in_with_the_money_still_owed_for_them(shop: Any) -> None:
    assert await fates(shop, ANA) == [Fate.NEW]
    assert await shop.wallet() == (120, 0)
    assert await shop.ledger("opening:EUR", "deferred:EUR", "credits:issuer") == [-166, 166, -120]
    shown: Any = await read(shop.till, lambda tx: wallets_shown.entries(tx, "ana", limit=9, before=None))
    assert [(each["kind"], each["amount"]) for each in shown["data"]] == [("opening", 20), ("opening", 100)]
    assert all(each["source"].startswith("lot_") for each in shown["data"])


async def test_spending_what_was_taken_over_earns_its_money_to_the_last_unit(shop: Any) -> None:
    await fates(shop, ANA)
    await shop.spend(7)
    await shop.spend(113)
    assert await shop.ledger("deferred:EUR", "revenue:credits:EUR") == [0, 166]


async def test_credits_that_were_taken_over_expire(shop: Any) -> None:
    lots = (PastLot(credits=20, amount=5, currency="EUR", expires_at=clock.now() - timedelta(days=1)),)
    await fates(shop, PastUser(id="ana", lots=lots))
    assert await lapse(shop.till) == 1
    assert await shop.ledger("deferred:EUR", "breakage:EUR") == [0, 5]


async def test_a_debt_is_taken_over_and_repaid_by_the_next_purchase(shop: Any) -> None:
    await fates(shop, PastUser(id="ana", debt=30))
    assert await shop.wallet() == (0, 30)
    await shop.paid()
    assert await shop.wallet() == (90, 0)


async def test_credits_that_are_taken_over_repay_a_debt_that_was_made_here(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(100)
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()
    await fates(shop, ANA)
    assert await shop.wallet() == (20, 0)
    assert await shop.ledger("deferred:EUR") == [0]


async def test_the_same_records_again_change_nothing(shop: Any) -> None:
    records = [ANA, a_payment(reference="pi_1"), PastUser(id="ben")]
    assert await fates(shop, *records) == [Fate.NEW] * 3
    before = [await shop.count(table) for table in ("journal", "payment", "wallet_entry", "end_user")]
    assert await fates(shop, *records) == [Fate.KNOWN] * 3
    assert [await shop.count(table) for table in ("journal", "payment", "wallet_entry", "end_user")] == before


async def test_the_same_records_at_once_come_in_once(shop: Any) -> None:
    told = await asyncio.gather(*(fates(shop, ANA, a_payment(reference="pi_1")) for _ in range(5)))
    assert sum(fate is Fate.NEW for each in told for fate in each) == 2
    assert await shop.wallet() == (120, 0)
    assert await shop.count("payment") == 1


async def test_a_record_that_says_something_else_is_told_and_changes_nothing(shop: Any) -> None:
    await fates(shop, ANA)
    assert await fates(shop, PastUser(id="ana", lots=(PastLot(credits=500),))) == [Fate.CHANGED]
    assert await shop.wallet() == (120, 0)


async def test_a_name_twice_in_one_batch_counts_once(shop: Any) -> None:
    richer = PastUser(id="ana", lots=(PastLot(credits=500),))
    assert await fates(shop, ANA, ANA, richer) == [Fate.NEW, Fate.KNOWN, Fate.CHANGED]
    assert await shop.wallet() == (120, 0)


async def test_a_dry_run_tells_the_same_and_stores_nothing(shop: Any) -> None:
    records = [ANA, ANA, a_payment(reference="pi_1"), a_payment(id="p-2", reference="pi_1")]
    foreseen = await fates(shop, *records, dry_run=True)
    assert await shop.count("adoption") + await shop.count("end_user") + await shop.count("journal") == 0
    assert foreseen == await fates(shop, *records) == [Fate.NEW, Fate.KNOWN, Fate.NEW, Fate.REFUSED]


async def test_money_that_is_here_already_is_not_counted_again(shop: Any) -> None:
    payment = await shop.paid()
    verdicts = await adopt(shop.till, [a_payment(reference=payment["gateway_reference"])])
    assert verdicts[0].fate is Fate.REFUSED
    assert payment["gateway_reference"] in verdicts[0].reason
    made = await shop.refund(payment, 50)
    again = a_payment(refunds=(PastRefund(amount=1, reference=made["gateway_reference"]),))
    assert await fates(shop, again) == [Fate.REFUSED]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_payment_that_is_said_to_begin_in_the_future_is_refused(shop: Any, *, dry_run: bool) -> None:
    tomorrow = a_payment(created_at=clock.now() + timedelta(days=1))
    [verdict] = await adopt(shop.till, [tomorrow], dry_run=dry_run)
    assert (verdict.fate, "in the future" in verdict.reason) == (Fate.REFUSED, True)
    assert await shop.count("payment") == 0


async def test_a_payment_is_shown_as_it_ended(shop: Any) -> None:
    refunds = (PastRefund(amount=50, reference="re_1", created_at=AT + timedelta(days=2)),)
    await fates(shop, a_payment(reference="pi_1", description="Credits", refunds=refunds))
    [shown] = await listed(shop)
    assert (shown["status"], shown["user"], shown["gateway_reference"]) == ("succeeded", "ana", "pi_1")
    assert (shown["amount"], shown["amount_captured"], shown["amount_refunded"]) == (199, 199, 50)
    assert (shown["created_at"], shown["metadata"]) == ("2026-01-31T12:00:00.000Z", {"imported_id": "p-1"})
    assert (shown["fulfilment"], shown["package"], shown["description"]) == (None, None, "Credits")
    found: Any = await read(shop.till, lambda tx: refunds_shown.find(tx, payment=None, limit=9, cursor=None))
    [back] = found["data"]
    assert (back["amount"], back["gateway_reference"], back["status"]) == (50, "re_1", "succeeded")


@pytest.mark.parametrize("status", ["failed", "canceled", "expired"])
async def test_a_payment_that_brought_no_money_brings_none(shop: Any, status: str) -> None:
    await fates(shop, a_payment(status=status))
    [shown] = await listed(shop)
    assert (shown["status"], shown["amount_captured"], shown["captured_at"]) == (status, 0, None)


async def test_payments_are_history_and_move_nothing_in_the_books(shop: Any) -> None:
    await fates(shop, a_payment(), a_payment(id="p-2", refunds=(PastRefund(amount=199),)))
    assert await shop.count("journal") + await shop.count("outbox_event") + await shop.count("wallet_entry") == 0


async def test_a_payment_of_the_earlier_system_is_refunded_through_its_gateway(shop: Any) -> None:
    intent = await captured_elsewhere(shop)
    await fates(shop, a_payment(reference=intent))
    [payment] = await listed(shop)
    made = await shop.refund(payment, 50)
    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await shop.ledger("refunds_of_earned:EUR", "refund_payable:EUR") == [-50, 0]
    assert await shop.wallet() == (0, 0)


async def test_what_a_gateway_tells_again_of_such_a_payment_changes_nothing(shop: Any) -> None:
    intent = await captured_elsewhere(shop)
    await fates(shop, a_payment(reference=intent))
    await shop.catch_up()
    fee = Notice(kind=NoticeKind.PAYMENT_FEE, gateway="stripe", references=(intent,), amount=9, currency="EUR")
    [decision] = await shop.apply(fee)
    assert decision.verdict is Verdict.KNOWN
    assert await shop.count("journal") == 0
    assert [each["status"] for each in await listed(shop)] == ["succeeded"]


async def test_a_refund_in_the_gateways_dashboard_finds_a_payment_of_the_earlier_system(shop: Any) -> None:
    intent = await captured_elsewhere(shop)
    await fates(shop, a_payment(reference=intent))
    await shop.act("refunds", {"payment_intent": intent, "amount": 60})
    await shop.catch_up()
    [payment] = await listed(shop)
    assert payment["amount_refunded"] == 60
    assert await shop.ledger("refunds_of_earned:EUR") == [-60]


@pytest.mark.parametrize("said", [{"gateway": "cheques", "reference": "77"}, {"reference": None}])
async def test_money_that_nobody_here_can_reach_is_not_promised_back(shop: Any, said: dict[str, Any]) -> None:
    await fates(shop, a_payment(**said))
    [payment] = await listed(shop)
    with pytest.raises((InvalidStateError, GatewayUnavailableError)):
        await shop.refund(payment)
    assert await shop.count("refund") + await shop.count("operation") == 0


async def captured_elsewhere(shop: Any) -> str:
    """Take money at the gateway for a payment that is not ours; return what the gateway calls it."""
    payment = await shop.opened()
    await shop.pay(payment)
    [told] = await shop.events("payment_intent.succeeded")
    for table in ("operation", "attempt", "payment_change", "payment_reference", "outbox_event", "payment"):
        await shop.owner.execute(f"DELETE FROM {table}")
    return str(told["data"]["object"]["id"])


async def test_money_of_such_a_payment_comes_into_the_books_with_its_line_and_is_no_income(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    back = PastRefund(amount=99, reference="re_old", created_at=clock.now() - timedelta(minutes=50))
    await fates(shop, a_payment(reference="pi_old", created_at=clock.now() - timedelta(hours=1), refunds=(back,)))
    old = replace(line, line_id="txn_old", object_id="pi_old", our_reference=None, payout_id="po_1")
    gone = replace(old, line_id="txn_back", object_id="re_old", kind=LineKind.REFUND, gross=-99, fee=0, net=-99)
    await tell(shop, line, old, gone)
    assert await found(shop) == []
    clearing, opening = await shop.ledger(CLEARING, "opening:EUR")
    assert (clearing, opening) == (line.net + old.net - 99, old.net - 99)


async def test_a_refund_that_was_taken_over_is_not_missed_at_the_gateway(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    at = clock.now() - timedelta(minutes=10)
    back = PastRefund(amount=99, reference="re_old", created_at=at)
    await fates(shop, a_payment(reference="pi_old", created_at=at, refunds=(back,)))
    late = clock.now() + timedelta(hours=3)
    await tell(shop, line, replace(line, line_id="txn_late", object_id="pi_late", our_reference=None, occurred_at=late))
    assert "missing_at_gateway" not in dict(await found(shop))
