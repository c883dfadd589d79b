"""A person closes a disagreement: what that posts, and what becomes of it when the truth comes later."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tests.flows.test_reconcile import CLEARING, SUSPENSE, compare, found, only_line, tell

from tillkeeper.flows.clear_up import clear_up, preview
from tillkeeper.flows.reconcile import plan, reconcile
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.settlement.runs import Action

OTHER = "revenue:other:EUR"


async def the_discrepancy(shop: Any) -> UUID:
    found: UUID = await shop.owner.fetchval("SELECT id FROM discrepancy WHERE status = 'open'")
    return found


async def strange_money(shop: Any) -> int:
    """Let the gateway account for money that we know nothing of; return how much."""
    await shop.pay(await shop.opened())
    line = await only_line(shop)
    await tell(shop, replace(line, object_id="pi_stranger", our_reference=None))
    return line.net


async def test_accepting_posts_the_difference_out_of_suspense_and_names_who(shop: Any) -> None:
    amount = await strange_money(shop)
    discrepancy = await the_discrepancy(shop)
    [journal] = await preview(shop.till, discrepancy)
    assert [(each.debit.code, each.credit.code, each.amount) for each in journal.postings] == [
        (SUSPENSE, OTHER, amount)
    ]
    await clear_up(shop.till, discrepancy, action=Action.ACCEPT, reason="a gift", by="ana")
    assert await shop.ledger(CLEARING, SUSPENSE, OTHER) == [amount, 0, amount]
    row = await shop.owner.fetchrow("SELECT status, closed_by, reason, action FROM discrepancy")
    assert tuple(row) == ("closed", "ana", "a gift", "accept")


async def test_ignoring_posts_nothing(shop: Any) -> None:
    amount = await strange_money(shop)
    await clear_up(shop.till, await the_discrepancy(shop), action=Action.IGNORE, reason="known", by="ana")
    assert await shop.ledger(SUSPENSE, OTHER) == [amount, 0]
    assert await found(shop) == [("missing_internal", "closed")]


async def test_of_many_people_at_once_one_closes_it_and_it_is_posted_once(shop: Any) -> None:
    amount = await strange_money(shop)
    discrepancy = await the_discrepancy(shop)
    ended = await asyncio.gather(
        *(
            clear_up(shop.till, discrepancy, action=Action.ACCEPT, reason="mine", by=f"person {number}")
            for number in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, InvalidStateError) for each in ended) == 4
    assert await shop.ledger(OTHER) == [amount]


async def test_what_a_person_closed_stays_closed_when_it_is_seen_again(shop: Any) -> None:
    await strange_money(shop)
    await clear_up(shop.till, await the_discrepancy(shop), action=Action.ACCEPT, reason="a gift", by="ana")
    await shop.owner.execute("UPDATE reconciliation_run SET status = 'due', asked = asked + 1")
    assert await compare(shop, hours=40) == [("missing_internal", "closed")]


async def test_what_was_accepted_and_is_explained_after_all_is_taken_back(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await compare(shop)
    discrepancy = await the_discrepancy(shop)
    await clear_up(shop.till, discrepancy, action=Action.ACCEPT, reason="nobody knows", by="ana")
    booked = (await shop.ledger(OTHER))[0]
    assert booked > 0
    await shop.catch_up()
    assert await compare(shop) == [("status_mismatch", "explained")]
    assert await shop.ledger(CLEARING, SUSPENSE, OTHER) == [booked, 0, 0]
    by = await shop.owner.fetchval("SELECT closed_by FROM discrepancy")
    assert by == "ana"


async def test_what_was_ignored_and_is_explained_after_all_leaves_nothing_in_suspense(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await compare(shop)
    aside = (await shop.ledger(SUSPENSE))[0]
    assert aside > 0
    await clear_up(shop.till, await the_discrepancy(shop), action=Action.IGNORE, reason="later", by="ana")
    await shop.catch_up()
    assert await compare(shop) == [("status_mismatch", "explained")]
    assert await shop.ledger(CLEARING, SUSPENSE) == [aside, 0]


async def test_the_day_of_what_was_ignored_is_looked_at_again_every_day(shop: Any) -> None:
    await strange_money(shop)
    await clear_up(shop.till, await the_discrepancy(shop), action=Action.IGNORE, reason="later", by="ana")
    await plan(shop.later(days=4))
    while await reconcile(shop.later(days=4)):
        pass
    assert await plan(shop.later(days=5)) == 1


async def test_a_loss_that_was_accepted_comes_back_with_its_line(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    await tell(shop, replace(line, line_id="txn_other", object_id="pi_other", our_reference=None))
    lost = await shop.owner.fetchval("SELECT id FROM discrepancy WHERE kind = 'missing_at_gateway'")
    [journal] = await clear_up(shop.till, lost, action=Action.ACCEPT, reason="gone", by="ana")
    assert await shop.ledger("chargeback_loss:EUR") == [journal.postings[0].amount]
    await tell(shop, line)
    assert await shop.ledger("chargeback_loss:EUR") == [0]
    assert ("missing_at_gateway", "explained") in await found(shop)


async def test_a_discrepancy_that_does_not_exist_is_not_found(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await clear_up(shop.till, ids.new(), action=Action.IGNORE, reason="why", by="ana")
