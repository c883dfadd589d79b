"""The overview: figures of the books, what needs somebody, and nothing that is not so."""

from typing import Any

import pytest
from tests.dashboard.conftest import words

from tillkeeper.flows import subscribe
from tillkeeper.flows.check_in import check_in
from tillkeeper.flows.maintain import maintain
from tillkeeper.flows.seal import seal
from tillkeeper.flows.steer import steer
from tillkeeper.flows.sum_up import sum_up
from tillkeeper.kernel import ids
from tillkeeper.reports.overview import Totals
from tillkeeper.schedules import Kind, Worker
from tillkeeper.web.dashboard import charts
from tillkeeper.web.dashboard.pages.overview import change


async def test_an_empty_till_says_what_to_do_and_needs_nobody(desk_of: Any) -> None:
    said = await (await desk_of("viewer")).read("")
    assert "Nobody has paid yet" in said
    assert "Nothing was paid in the last 7 days" in said
    assert "Needs somebody" not in said


@pytest.mark.parametrize(("period", "summed"), [("24h", False), ("7d", True), ("30d", False), ("90d", True)])
async def test_figures_are_those_of_the_books_before_and_after_they_are_added_up(
    shop: Any, desk_of: Any, period: str, *, summed: bool
) -> None:
    payment = await shop.paid()
    await shop.paid(currency="USD")
    declined = await shop.opened()
    await shop.act(f"sessions/{declined['gateway_reference']}/decline")
    await shop.catch_up()
    await shop.refund(payment, 100)
    await shop.operate()
    await shop.catch_up()
    if summed:
        await seal(shop.till)
        await sum_up(shop.till)
    said = await (await desk_of("viewer")).read("", period=period)
    for told in (
        "Gross 1.99 EUR",
        "Refunds 1.00 EUR",
        "Success rate 66.6 %",
        "2 paid, 1 failed tries",
        "delivered within ≤ ",
        "Stripe 2 1 66.6 %",
        "Reason Tries Share Generic decline 1",
    ):
        assert told in said, (told, said)


async def test_filters_stand_in_the_address_and_narrow_the_figures_down(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("viewer")
    assert "Gross 1.99 EUR" in await desk.read("", currency="EUR", gateway="stripe", period="24h")
    assert "Gross –" in await desk.read("", currency="JPY")
    assert "Nothing was paid" in await desk.read("", gateway="paypal")
    shown = (await desk.get("", currency="EUR", period="24h")).text
    assert "/admin?currency=EUR&amp;period=30d" in shown


async def test_a_period_that_is_none_is_explained(desk_of: Any) -> None:
    answer = await (await desk_of("viewer")).get("", period="1y")
    assert (answer.status_code, "A period is one of" in answer.text) == (422, True)


async def test_a_hostile_filter_is_shown_as_text(desk_of: Any) -> None:
    hostile = "<script>alert(1)</script>"
    answer = await (await desk_of("viewer")).get("", currency=hostile, gateway=hostile)
    assert answer.status_code == 200
    assert hostile not in answer.text


async def test_what_needs_somebody_is_counted_and_leads_to_its_list(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await steer(shop.till, "stripe", switch="off")
    await shop.owner.execute("UPDATE inbox_message SET status = 'dead', reason = 'x' WHERE type LIKE 'checkout%'")
    dead = await shop.count("inbox_message", "status = 'dead'")
    await shop.owner.execute("INSERT INTO invariant_check VALUES ('I3', 'recent', now(), 1, '{x}', now())")
    answer = await (await desk_of("viewer")).get("")
    said = words(answer.text)
    assert "I3 is broken: What was paid is delivered once" in said
    assert f"{dead} webhook" in said
    assert "Stripe is switched off" in said
    await shop.owner.execute("UPDATE inbox_message SET status = 'processed'")


async def test_what_keeps_everybody_from_paying_or_being_told_is_said(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("viewer")
    await check_in(shop.till, Worker(id=ids.new(), kind=Kind.LOOP, host="here", pid=1))
    endpoint, _ = await subscribe.subscribe(shop.till, url="https://example.com/till", types=("*",), description=None)
    assert "Needs somebody" not in await desk.read("")
    await subscribe.change(shop.till, endpoint, enabled=False)
    await maintain(shop.till, active=True, reason="moving house")
    await shop.owner.execute("UPDATE worker SET beat_at = now() - interval '12 minutes'")
    said = await desk.read("")
    for told in (
        "No worker is at work (last sign of one: 12 min ago )",
        "New payments are kept waiting ( just now ): moving house",
        "1 endpoint of yours is switched off and told of nothing",
    ):
        assert told in said, (told, said)


async def test_more_than_a_hundred_of_something_are_not_counted(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await shop.owner.execute(
        """
        INSERT INTO inbox_message (id, gateway, event_id, content_sha, type, status, reason, finished_at)
        SELECT gen_random_uuid(), 'stripe', 'evt_many_' || n, decode(lpad(n::text, 8, '0'), 'hex'), 'x', 'dead',
               'x', now() FROM generate_series(1, 120) AS n
        """
    )
    assert "99+ webhooks were given up" in await (await desk_of("viewer")).read("")


async def test_the_chart_says_its_numbers_to_whoever_cannot_see_it(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    shown = (await (await desk_of("viewer")).get("", period="30d")).text
    assert "<title>" in shown
    assert "1 paid (Stripe 1)" in shown
    assert "The same as a table" in shown
    assert " style=" not in shown


def test_bars_of_one_column_meet_and_none_is_lost() -> None:
    chart = charts.stacked({"a": [1, 0, 1000], "b": [2, 0, 0]})
    first, empty, last = chart.columns
    upper, lower = first.bars[1], first.bars[0]
    assert upper.y + upper.height in range(lower.y, lower.y + 2)
    assert (list(empty.bars), chart.top, last.bars[0].height) == ([], 1000, charts.HEIGHT)
    assert all(bar.height > 0 for column in chart.columns for bar in column.bars)


def test_a_change_is_told_in_words_also_where_there_was_nothing() -> None:
    assert change(0, 0, "EUR") == "none"
    assert change(5, 0, "EUR") == "new; there was none in the"
    assert change(112, 100, "EUR") == "+12 % on the"
    assert change(50, 100, "EUR") == "\N{MINUS SIGN}50 % on the"
    assert change(100, 100, "EUR") == "as in the"


def test_a_change_from_little_or_from_below_zero_is_told_by_what_it_was() -> None:
    assert change(99_900, 10_000, "EUR") == "+899 % on the"
    assert change(100_000, 10_000, "EUR") == "up from €100.00 in the"
    assert change(500, -100, "EUR") == "up from \N{MINUS SIGN}€1.00 in the"
    assert change(-500, 100, "JPY") == "down from ¥100 in the"


def test_a_reason_that_gateways_write_in_different_case_is_one() -> None:
    totals = Totals()
    totals.add("EUR", "failed:insufficient_funds", 3, 0)
    totals.add("USD", "failed:INSUFFICIENT_FUNDS", 2, 0)
    assert (totals.failures, totals.failed) == ({"insufficient_funds": 5}, 5)
