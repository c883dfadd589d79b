"""Gateways' accounts are taken in line by line, each once, however often and however far they are told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from tests.flows.test_reconcile import found, only_line, tell

from tillkeeper.flows.import_settlement import import_account, import_file, import_settlement
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.gateway import GatewayUnavailableError, PlaceGoneError
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.kernel.sheets import FileUnreadableError


async def trade(shop: Any) -> None:
    """Sell, give back a part, and pay out."""
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()


async def kept(shop: Any) -> list[tuple[str, bool]]:
    rows = await shop.owner.fetch(
        "SELECT kind, payout_id IS NOT NULL AS paid_out FROM settlement_line ORDER BY occurred_at, kind"
    )
    return sorted((row["kind"], row["paid_out"]) for row in rows)


async def test_an_account_that_is_read_twice_is_kept_once(shop: Any) -> None:
    await trade(shop)
    till = shop.later(hours=1)
    assert await import_settlement(till) > 0
    assert await kept(shop) == [("capture", True), ("payout", False), ("refund", True)]
    assert await import_settlement(shop.later(hours=2)) == 0
    assert await kept(shop) == [("capture", True), ("payout", False), ("refund", True)]


async def test_the_file_of_the_dashboard_adds_nothing_to_what_the_api_told(shop: Any) -> None:
    await trade(shop)
    till = shop.later(hours=1)
    await import_settlement(till)
    taken = await import_file(till, "stripe", await downloaded(shop))
    assert (taken.new, taken.contradicting, taken.unread) == (0, 0, 0)
    assert taken.known + taken.changed == 3


async def downloaded(shop: Any) -> bytes:
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{shop.line.sandbox}/_control/stripe/settlement_file")
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


async def test_what_is_stored_of_a_line_cannot_be_read_without_the_key(shop: Any) -> None:
    await trade(shop)
    await import_settlement(shop.later(hours=1))
    raw = await shop.owner.fetchval("SELECT raw FROM settlement_line LIMIT 1")
    assert b"txn_" not in raw
    assert b"txn_" in shop.till.box.open(raw)


async def test_a_line_that_contradicts_an_earlier_one_is_kept_beside_it_for_a_person(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    await tell(shop, line)
    await tell(shop, replace(line, gross=line.gross + 1, net=line.net + 1))
    assert await shop.owner.fetchval("SELECT gross FROM settlement_line") == line.gross
    assert await found(shop) == [("unparsed_line", "open")]


async def test_a_payout_that_nobody_told_of_is_heard_of_by_its_line(shop: Any) -> None:
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.hear_news("charge.succeeded")
    await import_settlement(shop.later(hours=1))
    assert await shop.owner.fetchval("SELECT status FROM payout") == "created"
    on_its_way = await shop.ledger("gateway:stripe:payout_in_transit:EUR")
    assert on_its_way == [await shop.owner.fetchval("SELECT amount FROM payout")]


async def test_a_payout_by_hand_that_only_its_line_tells_of_is_not_compared_with_what_it_took_along(shop: Any) -> None:
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "membership": "not_applicable"})
    await import_settlement(shop.later(hours=1))
    assert await shop.owner.fetchval("SELECT automatic FROM payout") is False
    while await reconcile(shop.later(days=8)):
        pass
    assert await found(shop) == []


class Interrupted:
    """Tell an account in pages of one line, and break off before a page."""

    def __init__(self, gateway: Any, lines: tuple[Any, ...], breaks_at: int | None) -> None:
        self._gateway = gateway
        self._lines = lines
        self._breaks_at = breaks_at
        self.asked: list[tuple[Any, ...]] = []

    async def settlement(self, since: Any, until: Any, after: str | None) -> SettlementPage:
        place = int(after or 0)
        if place == self._breaks_at:
            raise GatewayUnavailableError
        self.asked.append((since, until, after))
        more = place + 1 < len(self._lines)
        return SettlementPage(lines=self._lines[place : place + 1], after=str(place + 1) if more else None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


async def test_an_account_that_breaks_off_is_read_on_from_there(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    told = tuple(replace(line, line_id=f"txn_{number}", object_id=f"pi_{number}") for number in range(3))
    await shop.owner.execute(
        "INSERT INTO settlement_cursor (gateway, seen_until) VALUES ('stripe', now() - interval '1 hour')"
    )
    broken = Interrupted(shop.till.gateways["stripe"], told, breaks_at=2)
    with pytest.raises(GatewayUnavailableError):
        await import_account(shop.later(hours=1), broken)
    whole = Interrupted(shop.till.gateways["stripe"], told, breaks_at=None)
    taken = await import_account(shop.later(hours=1), whole)
    assert taken.new == 1
    assert whole.asked[0] == (*broken.asked[0][:2], "2")


class Forgetful(Interrupted):
    """Forget a place in the account, once or for ever; whoever begins anew is told everything again."""

    def __init__(self, gateway: Any, lines: tuple[Any, ...], *, forgets: int) -> None:
        super().__init__(gateway, lines, breaks_at=None)
        self._forgets = forgets

    async def settlement(self, since: Any, until: Any, after: str | None) -> SettlementPage:
        if after is not None and self._forgets:
            self._forgets -= 1
            raise PlaceGoneError
        return await super().settlement(since, until, after)


async def test_an_account_whose_gateway_forgot_the_place_is_read_anew_from_the_beginning_of_the_window(
    shop: Any,
) -> None:
    await shop.paid()
    line = await only_line(shop)
    told = tuple(replace(line, line_id=f"txn_{number}", object_id=f"pi_{number}") for number in range(3))
    forgetful = Forgetful(shop.till.gateways["stripe"], told, forgets=1)
    taken = await import_account(shop.later(hours=1), forgetful)
    assert (taken.new, taken.known) == (3, 1)
    assert [after for _, _, after in forgetful.asked] == [None, None, "1", "2"]
    assert len({span[:2] for span in forgetful.asked}) == 1


async def test_a_gateway_that_forgets_every_place_is_not_asked_in_circles(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    told = tuple(replace(line, line_id=f"txn_{number}", object_id=f"pi_{number}") for number in range(3))
    forgetful = Forgetful(shop.till.gateways["stripe"], told, forgets=2)
    with pytest.raises(PlaceGoneError):
        await import_account(shop.later(hours=1), forgetful)
    assert len(forgetful.asked) == 2


async def test_a_late_webhook_finds_its_line_on_the_next_day_that_is_compared(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    line = await only_line(shop)
    yesterday = line.occurred_at - timedelta(days=1)
    await tell(shop, replace(line, occurred_at=yesterday))
    assert await found(shop) == [("status_mismatch", "open")]
    await shop.catch_up()
    await shop.owner.execute("UPDATE reconciliation_run SET status = 'due', asked = asked + 1")
    while await reconcile(shop.later(hours=30)):
        pass
    assert await found(shop) == [("status_mismatch", "explained")]


@pytest.mark.parametrize("year", [1, 9998])
async def test_a_line_of_a_day_that_cannot_be_is_kept_for_a_person_and_the_others_are_compared(
    shop: Any, year: int
) -> None:
    await shop.paid()
    line = await only_line(shop)
    undated = replace(line, line_id="txn_undated", occurred_at=line.occurred_at.replace(year=year, month=1, day=1))
    gateway = Interrupted(shop.till.gateways["stripe"], (line, undated), breaks_at=None)
    taken = await import_account(shop.later(hours=1), gateway)
    while await reconcile(shop.later(hours=30)):
        pass
    assert (taken.new, await shop.count("unread_line")) == (1, 1)
    assert await found(shop) == [("unparsed_line", "open")]
    assert await shop.count("reconciliation_run", "status <> 'done'") == 0


async def test_a_file_that_is_no_report_is_refused_and_leaves_nothing(shop: Any) -> None:
    with pytest.raises(FileUnreadableError):
        await import_file(shop.till, "stripe", b"a,b\n1,2\n")
    assert await shop.count("settlement_line") == 0


async def test_a_file_of_a_gateway_that_is_not_configured_is_refused(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await import_file(shop.till, "nobody", b"")


async def test_a_day_that_has_a_new_line_is_asked_for(shop: Any) -> None:
    await shop.paid()
    await import_settlement(shop.later(hours=1))
    row = await shop.owner.fetchrow("SELECT day, status FROM reconciliation_run")
    assert tuple(row) == (clock.now().date(), "due")
