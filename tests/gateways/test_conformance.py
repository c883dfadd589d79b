"""The life of a payment by adapter, the same for every gateway."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.gateways.subject import SUBJECTS, Habit, having
from tests.gateways.trial import PAYING, Paid, Trial, clock_second, in_payment, is_of, kinds, new_key, notices

from tillkeeper import gateways
from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import Absent, Accepted, Declined, Feature
from tillkeeper.kernel import clock
from tillkeeper.kernel.money import CurrencyNotSupportedError

AUTHORIZED, CAPTURED = NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_CAPTURED
CANCELED, FAILED = NoticeKind.PAYMENT_CANCELED, NoticeKind.PAYMENT_FAILED
GIVEN_BACK = {NoticeKind.REFUND_CREATED, NoticeKind.REFUND_SUCCEEDED}
PRICES = [(name, *price) for name, subject in SUBJECTS.items() for price in subject.exact]
LASTING = {CAPTURED, CANCELED, NoticeKind.REFUND_SUCCEEDED}
"""Facts that a list of things shows afterwards as well; what was only on its way is over by then."""
ODD_PRICES = [(name, *price) for name, subject in SUBJECTS.items() for price in subject.inexact]


@pytest.mark.parametrize("name", [connector.name for connector in gateways.connectors()])
def test_every_gateway_is_on_trial(name: str) -> None:
    assert name in SUBJECTS, f"write tests/gateways/{name}/subject.py, after the one of stripe"


async def test_a_gateway_can_do_what_its_subject_says(trial: Trial) -> None:
    assert trial.gateway.features == frozenset(Feature) - trial.subject.lacks


async def test_a_hosted_checkout_leads_the_customer_somewhere_and_is_no_money_yet(trial: Trial) -> None:
    order = trial.order()
    opened = await trial.opened(order)
    assert opened.references
    assert opened.next_action
    assert opened.next_action["type"] == "redirect"
    assert opened.next_action["url"].startswith(f"{trial.house.url}/")
    assert CAPTURED not in await trial.kinds(opened.references[0])
    assert (await trial.line(order)).charges == 0


@having(Feature.EMBEDDED)
async def test_an_embedded_checkout_gives_a_page_what_it_needs_and_can_be_paid(trial: Trial) -> None:
    paid = await trial.paid(embedded=True)
    assert paid.opened.next_action
    assert paid.opened.next_action["type"] == "client"
    assert (await trial.line(paid.order)).captured == paid.order.amount


async def test_a_paid_checkout_is_captured_in_full_and_carries_our_id(trial: Trial) -> None:
    paid = await trial.paid()
    for reference in (paid.reference, paid.opened.references[0]):
        [notice] = await trial.told(reference)
        assert (notice.kind, notice.gateway, notice.live) == (CAPTURED, trial.subject.name, False)
        assert (notice.amount, notice.currency) == (trial.subject.amount, trial.subject.currency)
        assert is_of(notice, paid)
        assert notice.references[0] == paid.reference
    line = await trial.line(paid.order)
    assert (line.captured, line.refunded, line.disputed, line.charges) == (trial.subject.amount, 0, 0, 1)


async def test_a_customer_who_closes_the_tab_has_paid_nothing_and_can_come_back(trial: Trial) -> None:
    order = trial.order()
    opened = await trial.opened(order)
    await trial.subject.abandon(trial.act, opened)
    assert not {CAPTURED, CANCELED} & {*await trial.kinds(opened.references[0])}
    await trial.subject.pay(trial.act, opened)
    assert (await trial.money(order, opened)).kind in PAYING


async def test_a_declined_card_ends_an_attempt_and_another_card_may_follow(trial: Trial) -> None:
    order = trial.order()
    opened = await trial.opened(order)
    await trial.subject.decline(trial.act, opened)
    assert not {CAPTURED, CANCELED} & {*await trial.kinds(opened.references[0])}
    assert (await trial.line(order)).captured == 0
    await trial.subject.pay(trial.act, opened)
    assert (await trial.money(order, opened)).kind in PAYING


async def test_an_attempt_that_failed_has_one_name_however_often_the_gateway_is_asked(trial: Trial) -> None:
    opened = await trial.opened(trial.order())
    await trial.subject.decline(trial.act, opened)
    asked = [[fact.attempt for fact in await trial.told(opened.references[0]) if fact.kind is FAILED] for _ in range(2)]
    assert asked[0] == asked[1]
    assert None not in asked[0]


async def test_a_customer_whose_bank_asked_to_see_them_has_paid(trial: Trial) -> None:
    order = trial.order()
    opened = await trial.opened(order)
    await trial.subject.authenticate(trial.act, opened)
    assert (await trial.money(order, opened)).kind in PAYING


async def authorized(trial: Trial) -> Paid:
    """Let money be set aside, and make sure that none was taken."""
    paid = await trial.paid(manual_capture=True)
    assert await trial.kinds(paid.reference) == [AUTHORIZED]
    assert (await trial.line(paid.order)).captured == 0
    return paid


async def capture(trial: Trial, paid: Paid, amount: int, key: str = "") -> Any:
    return await trial.gateway.capture(paid.reference, amount, paid.order.currency, key or new_key("capture"))


@having(Feature.MANUAL_CAPTURE)
async def test_money_that_was_set_aside_is_taken_once(trial: Trial) -> None:
    paid = await authorized(trial)
    [notice] = in_payment(notices(await capture(trial, paid, paid.order.amount)))
    assert (notice.kind, notice.amount) == (CAPTURED, paid.order.amount)
    again = await capture(trial, paid, paid.order.amount)
    assert isinstance(again, Declined) or kinds(again) == [CAPTURED]
    line = await trial.line(paid.order)
    assert (line.captured, line.charges) == (paid.order.amount, 1)


@having(Feature.MANUAL_CAPTURE)
async def test_money_that_was_set_aside_is_taken_in_part_or_that_is_refused_in_clear_words(trial: Trial) -> None:
    paid = await authorized(trial)
    assert isinstance(await capture(trial, paid, paid.order.amount + 10), Declined)
    part = paid.order.amount // 2
    if Feature.PARTIAL_CAPTURE in trial.gateway.features:
        [notice] = in_payment(notices(await capture(trial, paid, part)))
        assert (notice.kind, notice.amount) == (CAPTURED, part)
        assert (await trial.line(paid.order)).captured == part
        return
    outcome = await capture(trial, paid, part)
    assert isinstance(outcome, Declined)
    assert outcome.message
    assert (await trial.line(paid.order)).captured == 0


@having(Habit.VOID)
async def test_money_that_was_set_aside_is_let_go_and_cannot_be_taken_any_more(trial: Trial) -> None:
    paid = await authorized(trial)
    assert kinds(await trial.gateway.cancel(paid.reference, new_key("cancel"))) == [CANCELED]
    assert await trial.kinds(paid.reference) == [CANCELED]
    assert isinstance(await capture(trial, paid, paid.order.amount), Declined)
    assert (await trial.line(paid.order)).captured == 0


@having(Habit.END_CHECKOUT)
async def test_an_open_checkout_is_ended_once_however_often_it_is_asked(trial: Trial) -> None:
    opened = await trial.opened(trial.order())
    key = new_key("cancel")
    assert kinds(await trial.gateway.cancel(opened.references[0], key)) == [CANCELED]
    for again in (key, new_key("cancel")):
        outcome = await trial.gateway.cancel(opened.references[0], again)
        assert isinstance(outcome, Declined) or kinds(outcome) == [CANCELED]
    assert await trial.kinds(opened.references[0]) == [CANCELED]


async def test_what_was_paid_cannot_be_canceled(trial: Trial) -> None:
    paid = await trial.paid()
    for reference in (paid.opened.references[0], paid.reference):
        outcome = await trial.gateway.cancel(reference, new_key("cancel"))
        assert isinstance(outcome, Declined) or kinds(outcome) == [CAPTURED]
    assert await trial.kinds(paid.reference) == [CAPTURED]
    assert (await trial.line(paid.order)).captured == paid.order.amount


async def test_a_refund_gives_all_of_the_money_back_and_carries_our_ids(trial: Trial) -> None:
    paid = await trial.paid()
    wanted = trial.refund_order(paid, paid.order.amount)
    [notice] = notices(await trial.gateway.refund(wanted))
    assert notice.kind in GIVEN_BACK
    assert (notice.amount, notice.currency) == (paid.order.amount, paid.order.currency)
    assert (notice.payment, notice.refund) == (paid.order.payment, wanted.refund)
    assert notice.refund_reference
    assert (await trial.line(paid.order)).refunded == paid.order.amount


async def test_refunds_in_parts_add_up_and_stop_at_what_was_paid(trial: Trial) -> None:
    paid = await trial.paid()
    part = paid.order.amount // 5
    for _ in range(2):
        assert {*kinds(await trial.gateway.refund(trial.refund_order(paid, part)))} <= GIVEN_BACK
    rest = paid.order.amount - 2 * part
    assert isinstance(await trial.gateway.refund(trial.refund_order(paid, rest + part)), Declined)
    assert (await trial.line(paid.order)).refunded == 2 * part
    await trial.gateway.refund(trial.refund_order(paid, rest))
    assert (await trial.line(paid.order)).refunded == paid.order.amount
    assert isinstance(await trial.gateway.refund(trial.refund_order(paid, part)), Declined)


@having(Habit.FINDS_CHECKOUTS)
async def test_a_checkout_that_was_never_opened_is_absent(trial: Trial) -> None:
    await trial.opened(trial.order())  # somebody else's
    assert isinstance(await trial.gateway.look_up(trial.order()), Absent)


async def test_a_checkout_is_looked_up_by_our_own_id(trial: Trial) -> None:
    order = trial.order()
    opened = await trial.opened(order)
    found = await trial.gateway.look_up(order)
    assert isinstance(found, Accepted)
    assert (found.references, found.next_action) == (opened.references, opened.next_action)


async def test_a_refund_is_looked_up_by_our_own_id_and_not_taken_for_another(trial: Trial) -> None:
    paid = await trial.paid()
    first, second = (trial.refund_order(paid, paid.order.amount // 5) for _ in range(2))
    await trial.gateway.refund(first)
    assert isinstance(await trial.gateway.look_up_refund(second), Absent)
    [notice] = notices(await trial.gateway.look_up_refund(first))
    assert notice.kind in GIVEN_BACK
    assert (notice.refund, notice.payment, notice.amount) == (first.refund, paid.order.payment, first.amount)


async def test_what_does_not_exist_is_declined(trial: Trial) -> None:
    opened = await trial.opened(trial.order())
    absent = opened.references[0][:-6] + "Absent"
    assert isinstance(await trial.gateway.retrieve(absent), Declined)
    ended = await trial.gateway.cancel(absent, new_key("cancel"))
    assert isinstance(ended, Declined) or kinds(ended) == [CANCELED], "what is not there takes no money any more"
    missing = replace(trial.refund_order(Paid(trial.order(), opened, absent), 100), reference=absent)
    assert isinstance(await trial.gateway.refund(missing), Declined)


@having(Habit.KEYED_CREATE)
async def test_the_same_key_opens_the_same_checkout(trial: Trial) -> None:
    order = trial.order()
    first, again = await trial.opened(order), await trial.opened(order)
    assert (again.references, again.next_action) == (first.references, first.next_action)


async def test_the_same_key_refunds_once(trial: Trial) -> None:
    paid = await trial.paid()
    wanted = trial.refund_order(paid, paid.order.amount // 5)
    [first], [again] = [notices(await trial.gateway.refund(wanted)) for _ in range(2)]
    assert again.refund_reference == first.refund_reference
    assert (await trial.line(paid.order)).refunded == wanted.amount


@having(Feature.MANUAL_CAPTURE)
async def test_the_same_key_captures_once(trial: Trial) -> None:
    paid, key = await authorized(trial), new_key("capture")
    assert kinds(await capture(trial, paid, paid.order.amount, key)) == [CAPTURED]
    again = await capture(trial, paid, paid.order.amount, key)
    assert isinstance(again, Declined) or kinds(again) == [CAPTURED]
    assert (await trial.line(paid.order)).captured == paid.order.amount


@pytest.mark.parametrize(("subject", "amount", "currency"), PRICES, indirect=["subject"])
async def test_an_amount_reaches_the_gateway_and_comes_back_exactly(trial: Trial, amount: int, currency: str) -> None:
    trial.gateway.check_amount(amount, currency)
    paid = await trial.paid(amount=amount, currency=currency)
    [notice] = await trial.told(paid.reference)
    assert (notice.amount, notice.currency) == (amount, currency)
    assert (await trial.line(paid.order)).captured == amount
    part = amount // 20 * 10 or 1
    [given] = notices(await trial.gateway.refund(trial.refund_order(paid, part)))
    assert (given.amount, given.currency) == (part, currency)
    assert (await trial.line(paid.order)).refunded == part
    [fact] = [each for each in await trial.hear([CAPTURED], paid.order, [paid.reference]) if each.kind is CAPTURED][:1]
    assert (fact.amount, fact.currency) == (amount, currency)


@pytest.mark.parametrize(("subject", "amount", "currency"), ODD_PRICES, indirect=["subject"])
async def test_an_amount_that_would_not_be_exact_is_refused_before_anything_is_sent(
    trial: Trial, amount: int, currency: str
) -> None:
    with pytest.raises(CurrencyNotSupportedError):
        trial.gateway.check_amount(amount, currency)
    with pytest.raises(CurrencyNotSupportedError):
        await trial.gateway.create(trial.order(amount=amount, currency=currency))
    assert trial.wire.calls == []


@having(Feature.FEES)
async def test_the_fee_of_a_captured_payment_is_what_the_gateway_kept(trial: Trial) -> None:
    paid = await trial.paid()
    [notice] = notices(await trial.gateway.fetch_fee(paid.reference))
    assert notice.kind is NoticeKind.PAYMENT_FEE
    assert notice.amount == (await trial.line(paid.order)).fee
    assert notice.amount


@having(Feature.CUSTOMERS)
async def test_a_customer_is_made_known_once_per_key_and_can_pay(trial: Trial) -> None:
    wanted = trial.customer_order()
    first, again = [await trial.gateway.create_customer(wanted) for _ in range(2)]
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert first.references == again.references
    paid = await trial.paid(customer=first.references[0])
    assert (await trial.line(paid.order)).captured == paid.order.amount


async def test_going_on_with_what_was_paid_already_takes_nothing_more(trial: Trial) -> None:
    paid = await trial.paid()
    for _ in range(2):
        outcome = await trial.gateway.confirm(paid.order, paid.opened.references[0], {})
        assert isinstance(outcome, Accepted | Declined)
    line = await trial.line(paid.order)
    assert (line.captured, line.charges) == (paid.order.amount, 1)


async def test_the_predicted_fee_is_never_negative_and_never_more_than_the_amount(trial: Trial) -> None:
    for amount in (1, 30, 31, trial.subject.amount, 10_000_000):
        assert 0 <= trial.gateway.predict_fee(amount, trial.subject.currency) <= amount


async def test_the_list_of_events_tells_what_the_webhooks_told(trial: Trial) -> None:
    paid = await trial.paid()
    await trial.gateway.refund(trial.refund_order(paid, paid.order.amount // 5))
    heard = await trial.hear([CAPTURED, NoticeKind.REFUND_SUCCEEDED], paid.order, [paid.reference])
    listed = await trial.gateway.events(trial.began - clock_second, clock.now() + clock_second)
    told = [notice for each in listed for notice in trial.gateway.translate(each.body)]
    about = {(each.kind, each.amount) for each in told if is_of(each, paid)}
    assert {(CAPTURED, paid.order.amount), (NoticeKind.REFUND_SUCCEEDED, paid.order.amount // 5)} <= about
    assert {(each.kind, each.amount) for each in heard if each.kind in LASTING} <= about
    assert len({each.envelope.event_id for each in listed}) == len(listed)


@having(Habit.NAMES_EVENTS)
async def test_an_event_that_came_as_a_webhook_too_has_the_same_id_in_the_list(trial: Trial) -> None:
    paid = await trial.paid()
    await trial.hear([CAPTURED], paid.order, [paid.reference])
    heard = {
        (await trial.gateway.verify(letter.headers, letter.body, clock.now())).event_id for letter in trial.letters()
    }
    listed = await trial.gateway.events(trial.began - clock_second, clock.now() + clock_second)
    assert {each.envelope.event_id for each in listed} & heard


async def test_nothing_is_listed_of_a_time_in_which_nothing_happened(trial: Trial) -> None:
    await trial.paid()
    long_ago = trial.began - timedelta(hours=3)
    assert await trial.gateway.events(long_ago, long_ago + timedelta(hours=1)) == []
