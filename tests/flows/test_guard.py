"""People decide by which rules and lists payments are judged."""

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_assess import rule

from tillkeeper.flows.assess import limits_of
from tillkeeper.flows.guard import Listing, drop_rule, put_on_list, set_rule, set_rules, take_off_list
from tillkeeper.flows.read import read
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.reports import risk as report
from tillkeeper.risk import Fact, Operator, Rule, Side, Trait


def thief(**more: Any) -> Listing:
    return Listing(**{"side": Side.BLOCK, "trait": Trait.USER, "value": "ana", "note": "a thief"} | more)


async def test_new_rules_stand_in_the_place_of_all_others(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 5, 10)])
    shown: Any = await read(shop.till, report.rules)
    assert [each["id"] for each in shown["data"]] == ["amount"]


async def test_rules_that_mean_nothing_leave_those_before_in_force(shop: Any) -> None:
    before = await read(shop.till, report.rules)
    with pytest.raises(InvalidFieldError):
        await set_rules(shop.till, [rule(Fact.CURRENCY, 5, 10)])
    assert await read(shop.till, report.rules) == before


async def test_one_rule_is_set_beside_the_others_and_dropped_again(shop: Any) -> None:
    before: Any = await read(shop.till, report.rules)
    await set_rule(shop.till, rule(Fact.AMOUNT, 5, 10), new=True)
    await set_rule(shop.till, rule(Fact.AMOUNT, 5, 20), new=False)
    shown: Any = await read(shop.till, report.rules)
    [mine] = [each for each in shown["data"] if each not in before["data"]]
    assert (mine["id"], mine["score"], len(shown["data"])) == ("amount", 20, len(before["data"]) + 1)
    await drop_rule(shop.till, "amount")
    assert await read(shop.till, report.rules) == before


async def test_two_rules_that_are_set_at_once_are_both_in_force(shop: Any) -> None:
    facts = (Fact.AMOUNT, Fact.ACCOUNT_AGE_HOURS)
    await asyncio.gather(*(set_rule(shop.till, rule(fact, 5, 10), new=True) for fact in facts))
    shown: Any = await read(shop.till, report.rules)
    assert set(facts) <= {each["id"] for each in shown["data"]}


async def test_a_rule_is_new_once_and_gone_once(shop: Any) -> None:
    await set_rule(shop.till, rule(Fact.AMOUNT, 5, 10), new=True)
    with pytest.raises(InvalidStateError):
        await set_rule(shop.till, rule(Fact.AMOUNT, 5, 10), new=True)
    await drop_rule(shop.till, "amount")
    with pytest.raises(NotFoundError):
        await drop_rule(shop.till, "amount")
    with pytest.raises(NotFoundError):
        await set_rule(shop.till, rule(Fact.AMOUNT, 5, 10), new=False)


async def test_whoever_is_on_a_list_already_gets_the_new_note(shop: Any) -> None:
    first, again = await put_on_list(shop.till, thief()), await put_on_list(shop.till, thief(note="twice"))
    shown: Any = await read(shop.till, lambda tx: report.lists(tx, "block"))
    assert (first, [each["note"] for each in shown["data"]]) == (again, ["twice"])


async def test_whoever_is_taken_off_a_list_pays_again(shop: Any) -> None:
    entry = await put_on_list(shop.till, thief())
    assert (await shop.create()).status == 402
    await take_off_list(shop.till, entry)
    assert (await shop.create()).status == 201


async def test_an_entry_ends_when_its_time_is_over(shop: Any) -> None:
    await put_on_list(shop.till, thief(expires_at=clock.now() + timedelta(hours=1)))
    assert (await shop.create()).status == 402
    assert (await shop.create(till=shop.later(hours=2))).status == 201


async def test_nobody_is_taken_off_twice(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await take_off_list(shop.till, ids.new())


async def test_an_address_that_is_none_is_refused(shop: Any) -> None:
    with pytest.raises(InvalidFieldError):
        await put_on_list(shop.till, thief(trait=Trait.ADDRESS, value="example.com"))


async def test_a_rule_is_tried_on_payments_of_the_past_and_nothing_changes(shop: Any) -> None:
    for _ in range(3):
        await shop.paid()
    before = await read(shop.till, report.rules)
    wanted = rule(Fact.AMOUNT, 100, 40)
    shown: Any = await read(shop.till, lambda tx: report.try_rule(tx, wanted, days=30, limits=limits_of(shop.till)))
    assert (shown["payments"], shown["applies_to"], shown["complete"]) == (3, 3, True)
    assert shown["decisions"] == [{"before": "allow", "after": "review", "payments": 3}]
    assert (shown["stopped"]["payments"], shown["stopped"]["paid"]) == (3, 3)
    assert await read(shop.till, report.rules) == before


async def test_a_rule_that_takes_a_list_is_kept_as_it_was_written(shop: Any) -> None:
    several = Rule(
        id="currencies",
        fact=Fact.CURRENCY,
        operator=Operator.ONE_OF,
        value=("EUR", "USD"),
        score=70,
        reason="not sold for these",
    )
    await set_rules(shop.till, [several])
    shown: Any = await read(shop.till, report.rules)
    assert [each["value"] for each in shown["data"]] == [["EUR", "USD"]]
    assert (await shop.create()).status == 402


def told(entry: Any, side: str) -> Any:
    return json.loads(entry[side]) if entry[side] else None


async def test_the_audit_log_tells_who_was_put_on_a_list_and_taken_off_it(shop: Any) -> None:
    await shop.opened()
    entry = await put_on_list(shop.till, thief())
    await put_on_list(shop.till, thief(note="twice"))
    await take_off_list(shop.till, entry)
    await put_on_list(shop.till, thief(side=Side.ALLOW))
    rows = await shop.owner.fetch("SELECT * FROM audit_entry WHERE action LIKE 'risk.%listed' ORDER BY number")
    sides = [[told(row, "before"), told(row, "after")] for row in rows]
    user = ids.text("user", await shop.owner.fetchval("SELECT id FROM end_user WHERE name = 'ana'"))
    assert [[each and each["user"] for each in both] for both in sides] == [
        [None, user],
        [user, user],
        [user, None],
        [None, user],
    ]
    assert len({each["digest"] for both in sides for each in both if each}) == 1
    assert (sides[2][0]["side"], sides[3][1]["side"]) == ("block", "allow")
    assert '"ana"' not in str(sides)


class Watched:
    """Limits that note in which thread somebody judges by them."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    @property
    def block(self) -> int:
        self.threads.add(threading.get_ident())
        return 70

    review = 40


async def test_a_rule_is_tried_beside_the_event_loop_so_that_nobody_waits_for_it(shop: Any) -> None:
    await shop.opened()
    limits: Any = Watched()
    await read(shop.till, lambda tx: report.try_rule(tx, rule(Fact.AMOUNT, 100, 40), days=30, limits=limits))
    assert limits.threads
    assert threading.get_ident() not in limits.threads
