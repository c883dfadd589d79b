"""The gateway's account and ours, day by day, until both agree."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from tests.flows.test_claim import disputed, ended

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.flows import reconcile as flow
from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.reconcile import ask, check_gateway, plan, reconcile, reconcile_day
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.till import Till

Json = dict[str, Any]
SUSPENSE, CLEARING = "suspense:stripe:EUR", "gateway:stripe:clearing:EUR"


async def compare(shop: Any, **later: int) -> list[tuple[str, str]]:
    """Read the account, compare today and all that is due, and list what was found so far."""
    till = shop.later(**later or {"hours": 2})
    await import_settlement(till)
    await ask(till, "stripe", clock.now().date())
    while await reconcile(till):
        pass
    return await found(shop)


async def found(shop: Any) -> list[tuple[str, str]]:
    rows = await shop.owner.fetch("SELECT kind, status FROM discrepancy ORDER BY first_seen_at, kind")
    return [(row["kind"], row["status"]) for row in rows]


async def told(shop: Any) -> int:
    return int(await shop.count("outbox_event", "type = 'reconciliation.discrepancy'"))


async def test_a_life_that_both_sides_know_leaves_nothing_open(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    assert await compare(shop) == []
    assert await shop.count("settlement_link") == 3
    run = await shop.owner.fetchrow("SELECT status, lines, found FROM reconciliation_run")
    assert tuple(run) == ("done", 3, 0)
    assert await shop.ledger(CLEARING, SUSPENSE) == [0, 0]


async def test_a_capture_that_we_never_heard_of_is_put_aside_until_we_do(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    assert await compare(shop) == [("status_mismatch", "open")]
    aside = (await shop.ledger(SUSPENSE))[0]
    assert aside > 0
    assert await shop.ledger(CLEARING) == [aside]
    await shop.catch_up()
    assert await compare(shop) == [("status_mismatch", "explained")]
    assert await shop.ledger(CLEARING, SUSPENSE) == [aside, 0]
    assert await told(shop) == 1


async def test_money_that_belongs_to_nothing_of_ours_is_missing_here(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.owner.execute("DELETE FROM payment_reference")
    line = await only_line(shop)
    stranger = replace(line, object_id="pi_stranger", our_reference=None)
    await tell(shop, stranger)
    assert await found(shop) == [("missing_internal", "open")]
    assert await shop.ledger(SUSPENSE) == [line.net]


async def test_a_capture_without_a_line_is_in_transit_and_then_missing(shop: Any) -> None:
    await shop.paid()
    await shop.owner.execute("UPDATE payment SET gateway_reference = 'pi_lost'")
    await shop.owner.execute("DELETE FROM payment_reference")
    till = shop.later(minutes=50)
    await ask(till, "stripe", clock.now().date())
    await reconcile_day(till, "stripe", clock.now().date())
    assert await found(shop) == [("in_transit", "open")]
    assert await told(shop) == 0
    line = replace(await only_line(shop), object_id="pi_other", our_reference=None, line_id="txn_other")
    late = replace(line, occurred_at=clock.now() + timedelta(seconds=1))
    await tell(shop, late)
    assert ("missing_at_gateway", "open") in await found(shop)
    assert ("in_transit", "explained") in await found(shop)


async def test_a_line_that_comes_after_all_ends_the_wait_for_it_whatever_its_day(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    await tell(shop, replace(line, line_id="txn_other", object_id="pi_other", our_reference=None))
    assert ("missing_at_gateway", "open") in await found(shop)
    await tell(shop, replace(line, occurred_at=line.occurred_at + timedelta(days=1)), compared=False)
    assert ("missing_at_gateway", "explained") in await found(shop)


async def test_the_same_disagreement_is_told_once_however_often_it_is_seen(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await compare(shop)
    await compare(shop)
    assert await compare(shop, hours=30) == [("status_mismatch", "open")]
    assert await told(shop) == 1
    assert await shop.count("journal", "source = 'discrepancy'") == 1


async def test_what_was_explained_and_comes_back_is_opened_and_told_anew(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await compare(shop)
    await shop.catch_up()
    await compare(shop)
    amount = await shop.owner.fetchval("SELECT amount_captured FROM payment")
    await shop.owner.execute("UPDATE payment SET amount_captured = 0, status = 'expired'")
    again = [each for each in await compare(shop) if each[0] == "status_mismatch"]
    assert again == [("status_mismatch", "explained"), ("status_mismatch", "open")]
    assert await told(shop) == 3  # the goods that are out for it are told of as well
    await shop.owner.execute("UPDATE payment SET amount_captured = $1, status = 'succeeded'", amount)
    assert {status for _, status in await compare(shop)} == {"explained"}
    assert await shop.ledger(SUSPENSE) == [0]


async def test_workers_that_compare_one_day_together_come_to_one_answer(shop: Any) -> None:
    for _ in range(3):
        await shop.pay(await shop.opened())
    till = shop.later(hours=2)
    await import_settlement(till)
    await asyncio.gather(*(reconcile_day(till, "stripe", clock.now().date()) for _ in range(4)))
    assert await found(shop) == [("status_mismatch", "open")] * 3
    assert await told(shop) == 3


async def test_a_day_is_planned_once_when_it_is_over_and_again_while_something_is_open(shop: Any) -> None:
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def at(**passed: int) -> Till:
        till: Till = shop.till
        return replace(till, now=lambda: midnight + timedelta(**passed))

    await plan(at(minutes=59))
    assert await shop.count("reconciliation_run", f"day = '{clock.now().date()}'") == 0
    await asyncio.gather(*(plan(at(minutes=61)) for _ in range(3)))
    assert await shop.count("reconciliation_run", f"day = '{clock.now().date()}'") == 1
    await shop.pay(await shop.opened())
    await import_settlement(at(minutes=61))
    while await reconcile(at(minutes=61)):
        pass
    assert await found(shop) == [("status_mismatch", "open")]
    assert await shop.count("reconciliation_run", "status = 'due'") == 0
    await plan(at(minutes=62))
    assert await shop.count("reconciliation_run", "status = 'due'") == 0
    assert [await plan(at(days=1, hours=2)), await plan(at(days=1, hours=3))] == [1, 0]


async def test_days_on_which_no_worker_was_there_are_planned_as_well(shop: Any) -> None:
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    await plan(replace(shop.till, now=lambda: midnight + timedelta(days=5, hours=2)))
    planned = await shop.owner.fetch("SELECT day FROM reconciliation_run ORDER BY day")
    today = clock.now().date()
    assert [row["day"] for row in planned if row["day"] >= today] == [today + timedelta(days=ago) for ago in range(5)]


async def test_a_day_that_fits_is_compared_in_one_go_and_a_larger_one_in_parts(shop: Any, monkeypatch: Any) -> None:
    await shop.paid()
    till = shop.later(hours=2)
    await import_settlement(till)
    today = clock.now().date()
    await ask(till, "stripe", today)
    assert [await reconcile(till) for _ in range(3)] == [1, 0, 0]
    monkeypatch.setattr(flow, "part_max", 1)
    await ask(till, "stripe", today)
    parts = 0
    while await reconcile(till):
        parts += 1
    assert parts > 1
    run = await shop.owner.fetchrow("SELECT status, lines, ours, found FROM reconciliation_run")
    assert tuple(run) == ("done", 1, 1, 0)


async def test_a_run_that_fails_rests_and_says_why_and_keeps_nobody_waiting(shop: Any) -> None:
    await shop.pay(await shop.opened())
    till = shop.later(hours=2)
    await import_settlement(till)
    await ask(till, "stripe", clock.now().date() - timedelta(days=1))
    await shop.owner.execute("ALTER TABLE discrepancy RENAME TO discrepancy_gone")
    assert await reconcile(till) == 1
    while await reconcile(till):
        pass
    await shop.owner.execute("ALTER TABLE discrepancy_gone RENAME TO discrepancy")
    runs = await shop.owner.fetch("SELECT status, error FROM reconciliation_run ORDER BY day")
    assert "UndefinedTableError" in runs[0]["error"]
    assert runs[0]["status"] != "done"


async def test_goods_that_were_paid_for_and_never_handed_over_are_found(shop: Any) -> None:
    await shop.paid()
    await shop.owner.execute("CREATE TABLE kept AS TABLE entitlement; DELETE FROM entitlement")
    assert await compare(shop) == [("grant_missing", "open")]
    await shop.owner.execute("INSERT INTO entitlement TABLE kept")
    assert await compare(shop) == [("grant_missing", "explained")]


async def test_goods_that_nobody_paid_for_are_found(shop: Any) -> None:
    await shop.paid()
    await shop.opened()
    await shop.owner.execute("CREATE TABLE kept AS TABLE entitlement")
    await shop.owner.execute(
        "UPDATE entitlement SET payment_id = $1",
        await shop.owner.fetchval("SELECT id FROM payment WHERE captured_at IS NULL"),
    )
    assert dict(await compare(shop)).keys() == {"grant_missing", "grant_without_payment"}
    await shop.owner.execute("DELETE FROM entitlement; INSERT INTO entitlement TABLE kept")


async def test_a_payout_that_is_not_the_sum_of_its_lines_is_found(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    assert await compare(shop) == []
    await shop.owner.execute("UPDATE settlement_line SET payout_id = NULL WHERE kind = 'refund'")
    await reconcile_day(shop.later(hours=2), "stripe", clock.now().date())
    assert await found(shop) == [("payout_sum_mismatch", "open")]


async def test_a_second_capture_that_we_did_not_hear_of_is_a_duplicate_there(shop: Any) -> None:
    payment = await shop.paid()
    line = await only_line(shop)
    again = replace(line, line_id="txn_again", object_id="pi_again")
    await tell(shop, line, again)
    assert await found(shop) == [("duplicate_at_gateway", "open")]
    assert payment["status"] == "succeeded"


async def test_a_gateway_that_is_not_configured_is_named(shop: Any) -> None:
    with pytest.raises(NotFoundError, match="No gateway “nobody”"):
        check_gateway(shop.till, "nobody")


@pytest.mark.parametrize("day", [date.min, date(1989, 12, 31), date.max, clock.now().date() + timedelta(days=2)])
async def test_only_days_that_were_can_be_compared(shop: Any, day: date) -> None:
    with pytest.raises(InvalidFieldError, match="can be compared"):
        await ask(shop.till, "stripe", day)
    assert await shop.count("reconciliation_run") == 0


async def only_line(shop: Any) -> SettlementLine:
    """Read the one capture that the sandbox accounts for."""
    now = clock.now()
    page: SettlementPage = await shop.till.gateways["stripe"].settlement(
        now - timedelta(hours=1), now + timedelta(hours=1), None
    )
    [line] = [line for line in page.lines if line.kind is LineKind.CAPTURE]
    return line


class Told:
    """Stand for the gateway's account: it says these lines, and everything else is the gateway's own."""

    def __init__(self, gateway: Any, lines: tuple[SettlementLine, ...]) -> None:
        self._gateway = gateway
        self._lines = lines

    async def settlement(self, since: datetime, until: datetime, after: str | None) -> SettlementPage:
        lines = tuple(line for line in self._lines if since <= line.occurred_at < until)
        return SettlementPage(lines=lines) if after is None else SettlementPage()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


async def tell(shop: Any, *lines: SettlementLine, compared: bool = True) -> None:
    """Let the gateway account for these lines, and compare what is due."""
    later = shop.later(hours=30)
    till = replace(later, gateways={"stripe": Told(later.gateways["stripe"], lines)})
    await shop.owner.execute("UPDATE settlement_cursor SET seen_until = now() - interval '2 days'")
    await import_settlement(till)
    while compared and await reconcile(till):
        pass


async def the_balance(shop: Any, currency: str = "EUR") -> int:
    """Read what the gateway itself says that it owes us: the sum of its account."""
    now = clock.now()
    page = await shop.till.gateways["stripe"].settlement(now - timedelta(hours=1), now + timedelta(hours=1), None)
    return sum(line.net for line in page.lines if line.settle_currency == currency)


async def test_a_dispute_that_both_sides_know_agrees_while_it_is_open_and_when_it_is_won(shop: Any) -> None:
    payment = await shop.paid()
    line = await only_line(shop)
    opened = await shop.act("disputes", {"payment_intent": line.object_id})
    await shop.catch_up()
    assert await compare(shop) == []
    await shop.act(f"disputes/{opened['id']}/win")
    await shop.catch_up()
    assert await compare(shop) == []
    assert await shop.ledger(CLEARING, SUSPENSE) == [await the_balance(shop), 0]
    assert payment["status"] == "succeeded"


async def test_a_dispute_of_which_we_heard_nothing_is_put_aside(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    await shop.act("disputes", {"payment_intent": line.object_id})
    assert await compare(shop) == [("dispute_unlinked", "open")]
    assert await shop.ledger(CLEARING) == [await the_balance(shop)]
    await shop.catch_up()
    assert await compare(shop) == [("dispute_unlinked", "explained")]
    assert await shop.ledger(CLEARING, SUSPENSE) == [await the_balance(shop), 0]


async def test_a_refund_that_failed_later_agrees_by_both_of_its_lines(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    reference = await shop.owner.fetchval("SELECT gateway_reference FROM refund")
    await shop.act(f"refunds/{reference}/fail")
    await shop.catch_up()
    assert await compare(shop) == []
    assert await shop.count("settlement_link", "side IN ('refund', 'refund_failed')") == 2
    assert await shop.ledger(CLEARING, SUSPENSE) == [await the_balance(shop), 0]


@pytest.mark.parametrize("kind", ["stripe_fee", "tax_fee", "reserve"])
async def test_what_the_gateway_moves_by_itself_is_booked_from_its_line_once(shop: Any, kind: str) -> None:
    await shop.paid()
    await shop.act("movements", {"kind": kind, "currency": "eur", "amount": -250})
    assert await compare(shop) == []
    assert await compare(shop) == []
    assert await shop.ledger(CLEARING, SUSPENSE) == [await the_balance(shop), 0]


async def test_money_that_is_settled_in_another_currency_leaves_nothing_in_its_own(shop: Any) -> None:
    await shop.act("conversions", {"from": "eur", "to": "usd", "rate": "1.0873"})
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    await shop.catch_up()
    assert {status for _, status in await compare(shop)} <= {"closed"}
    dollars = "gateway:stripe:clearing:USD"
    assert await shop.ledger(CLEARING, dollars) == [0, await the_balance(shop, "USD")]


@pytest.mark.parametrize("end", ["win", "lose"])
async def test_a_dispute_that_is_settled_in_another_currency_leaves_nothing_in_its_own(shop: Any, end: str) -> None:
    await shop.act("conversions", {"from": "eur", "to": "usd", "rate": "1.0873"})
    payment = await shop.paid()
    dispute = await disputed(shop, payment)
    assert {status for _, status in await compare(shop)} <= {"closed"}
    await ended(shop, dispute, end)
    assert {status for _, status in await compare(shop)} <= {"closed"}
    dollars = "gateway:stripe:clearing:USD"
    assert await shop.ledger(CLEARING, dollars, SUSPENSE) == [0, await the_balance(shop, "USD"), 0]
    assert await shop.ledger("fees:stripe:dispute:USD", "fees:stripe:dispute:EUR") == [1_500, 0]
