"""Webhooks, the same for every gateway: whose they are, and what they say in our words."""

import json
from datetime import timedelta

import pytest
from tests.gateways.subject import Habit, having
from tests.gateways.trial import Trial, clock_second, connect, is_of, new_key, until

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import Feature, PayloadUnreadableError, SignatureInvalidError
from tillkeeper.kernel import clock

AUTHORIZED, CAPTURED = NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_CAPTURED
CANCELED, FAILED, LET_GO = NoticeKind.PAYMENT_CANCELED, NoticeKind.PAYMENT_FAILED, NoticeKind.PAYMENT_LET_GO
REFUNDED = NoticeKind.REFUND_SUCCEEDED
nesting_deep = 100_000
header_length = 100_000
tolerance_seconds = 300
NO_EVENTS = {
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"5",
    "an empty object": b"{}",
    "half an object": b"{",
    "bad UTF-8": b'{"id": "\xff\xfe", "type": "x"}',
    "deep nesting": b"[" * nesting_deep + b"]" * nesting_deep,
    "a NUL": b'{"id": "evt_\\u0000", "event_id": "evt_\\u0000", "type": "x", "event_type": "x", "event": "x\\u0000"}',
}
MALFORMED = {
    "absent": None,
    "empty": "",
    "a comma": ",",
    "letters": "x",
    "not ASCII": "é" * 64,
    "a NUL": "a\x00b",
    "other digits": "٣" * 64,
    "zeros": "0" * 64,
    "very long": "x" * header_length,
    "many parts": "a=b," * (header_length // 4),
}


async def refuse(trial: Trial, headers: dict[str, str], body: bytes) -> None:
    """See a webhook refused for its signature."""
    with pytest.raises(SignatureInvalidError):
        await trial.gateway.verify(headers, body, clock.now())


async def test_what_the_gateway_sent_verifies_and_names_each_event(trial: Trial) -> None:
    paid = await trial.paid()
    await trial.hear([CAPTURED], paid.order, [paid.reference])
    envelopes = [await trial.gateway.verify(letter.headers, letter.body, clock.now()) for letter in trial.letters()]
    assert all(envelope.event_id and envelope.type for envelope in envelopes)
    assert len({envelope.event_id for envelope in envelopes}) == len(envelopes)
    letter = trial.letters()[0]
    assert await trial.gateway.verify(letter.headers, letter.body, clock.now()) == envelopes[0]


async def test_a_body_that_was_changed_anywhere_does_not_verify(trial: Trial) -> None:
    letter = await trial.a_letter()
    for place in (0, 1, len(letter.body) // 3, len(letter.body) // 2, len(letter.body) - 1):
        changed = bytearray(letter.body)
        changed[place] ^= 1
        await refuse(trial, letter.headers, bytes(changed))
    for other in (b"", letter.body + b" ", letter.body[:-1], b"\xef\xbb\xbf" + letter.body):
        await refuse(trial, letter.headers, other)


async def test_the_signature_is_of_the_raw_bytes_and_not_of_what_they_mean(trial: Trial) -> None:
    letter = await trial.a_letter()
    meaning = json.loads(letter.body)
    other = json.dumps(meaning, indent=3).encode()
    assert other != letter.body
    await refuse(trial, letter.headers, other)

    odd = b" " + other + b"\r\n"
    assert (await trial.gateway.verify(letter.headers | trial.sign(odd), odd, clock.now())).event_id
    facts = [(each.kind, each.references) for each in trial.gateway.translate(letter.body)]
    assert [(each.kind, each.references) for each in trial.gateway.translate(odd)] == facts


@pytest.mark.parametrize("malformed", MALFORMED)
async def test_a_malformed_signature_is_a_bad_signature_and_no_accident(trial: Trial, malformed: str) -> None:
    letter = await trial.a_letter()
    for name in trial.subject.signature_headers:
        headers = {other: value for other, value in letter.headers.items() if other != name}
        value = MALFORMED[malformed]
        await refuse(trial, headers if value is None else headers | {name: value}, letter.body)


async def test_a_good_signature_that_was_tampered_with_is_a_bad_one(trial: Trial) -> None:
    letter = await trial.a_letter()
    name = trial.subject.signature_headers[-1]
    good = letter.headers[name]
    last = "0" if good[-1] != "0" else "1"
    for bad in (good[:-1] + last, good[:-1], good + "0", good.swapcase(), good[:20]):
        await refuse(trial, letter.headers | {name: bad}, letter.body)


@having(Habit.SHARED_SECRET)
async def test_a_webhook_signed_with_another_secret_is_refused(trial: Trial) -> None:
    letter, name = await trial.a_letter(), trial.subject.secret_name
    right = trial.house.secrets[name]
    for wrong in ("whsec_of_somebody_else", right[:-1], right.swapcase(), " ", ""):
        await refuse(trial, letter.headers | trial.sign(letter.body, clock.now(), **{name: wrong}), letter.body)


@having(Habit.SHARED_SECRET)
async def test_the_previous_secret_verifies_until_its_time_is_over(trial: Trial) -> None:
    letter, now, name = await trial.a_letter(), clock.now(), trial.subject.secret_name
    over = (now + timedelta(hours=1)).replace(microsecond=0)
    old, new = trial.house.secrets[name], "whsec_that_is_new"
    rotation = {name: new, f"{name}_PREVIOUS": old, f"{name}_PREVIOUS_UNTIL": over.isoformat()}
    rotated = connect(trial.subject, trial.house.environment(trial.subject.name, trial.wire.base) | rotation)
    for moment in (now, over - timedelta(seconds=1)):
        for secret in (old, new):
            headers = letter.headers | trial.sign(letter.body, moment, **{name: secret})
            assert (await rotated.verify(headers, letter.body, moment)).event_id
    with pytest.raises(SignatureInvalidError):
        await rotated.verify(letter.headers | trial.sign(letter.body, over), letter.body, over)
    await rotated.close()


@having(Habit.SIGNED_TIME)
@pytest.mark.parametrize("seconds", [-86_400, -tolerance_seconds - 1, tolerance_seconds + 1, 86_400])
async def test_a_webhook_signed_long_ago_or_far_ahead_is_refused(trial: Trial, seconds: int) -> None:
    letter, now = await trial.a_letter(), clock.now()
    headers = letter.headers | trial.sign(letter.body, now + timedelta(seconds=seconds))
    with pytest.raises(SignatureInvalidError):
        await trial.gateway.verify(headers, letter.body, now)


@having(Habit.SIGNED_TIME)
@pytest.mark.parametrize("seconds", [-tolerance_seconds, 0, tolerance_seconds])
async def test_a_webhook_signed_within_five_minutes_both_ways_is_taken(trial: Trial, seconds: int) -> None:
    letter, now = await trial.a_letter(), clock.now()
    headers = letter.headers | trial.sign(letter.body, now + timedelta(seconds=seconds))
    assert (await trial.gateway.verify(headers, letter.body, now)).event_id


@pytest.mark.parametrize("body", NO_EVENTS)
async def test_a_signed_body_that_is_no_event_is_unreadable_and_nothing_worse(trial: Trial, body: str) -> None:
    letter = await trial.a_letter()
    with pytest.raises(PayloadUnreadableError):
        await trial.gateway.verify(letter.headers | trial.sign(NO_EVENTS[body]), NO_EVENTS[body], clock.now())


async def test_webhooks_tell_that_money_came_and_went(trial: Trial) -> None:
    paid = await trial.paid()
    wanted = trial.refund_order(paid, paid.order.amount // 5)
    await trial.gateway.refund(wanted)
    facts = await trial.hear([CAPTURED, REFUNDED], paid.order, [paid.reference])
    captures = [fact for fact in facts if fact.kind is CAPTURED]
    assert {(fact.amount, fact.currency) for fact in captures} == {(paid.order.amount, paid.order.currency)}
    assert all(is_of(fact, paid) for fact in captures)
    assert paid.reference in captures[0].references
    refunds = [fact for fact in facts if fact.kind is REFUNDED]
    assert {(fact.refund, fact.amount) for fact in refunds} == {(wanted.refund, wanted.amount)}
    assert not any(fact.live for fact in facts)


async def test_webhooks_tell_of_a_refund_in_the_dashboard_and_that_it_is_not_ours(trial: Trial) -> None:
    paid = await trial.paid()
    amount = paid.order.amount // 5
    await trial.subject.refund(trial.act, paid.reference, amount, paid.order.currency)
    facts = await trial.hear([REFUNDED], paid.order, [paid.reference])
    [refund] = [fact for fact in facts if fact.kind is REFUNDED][:1]
    assert (refund.refund, refund.amount, refund.currency) == (None, amount, paid.order.currency)
    assert refund.refund_reference
    assert paid.reference in refund.references or refund.payment == paid.order.payment


async def test_webhooks_and_lists_tell_when_money_came_and_went(trial: Trial) -> None:
    began, _ = trial.span()
    paid = await trial.paid()
    await trial.gateway.refund(trial.refund_order(paid, paid.order.amount // 5))
    await trial.subject.refund(trial.act, paid.reference, paid.order.amount // 5, paid.order.currency)
    wanted = {CAPTURED, REFUNDED}
    if Habit.DISPUTES not in trial.subject.lacks:
        await trial.subject.dispute(trial.act, paid.reference)
        wanted.add(NoticeKind.DISPUTE_OPENED)
    heard = await trial.hear(wanted, paid.order, [paid.reference])
    listed = [fact for told in await trial.gateway.events(*trial.span()) for fact in trial.gateway.translate(told.body)]
    moved = [fact for fact in [*heard, *listed] if fact.kind in wanted | {NoticeKind.PAYMENT_FEE}]
    assert moved
    for fact in moved:
        assert fact.occurred_at, fact.kind
        assert began <= fact.occurred_at <= clock.now() + clock_second, fact.kind


@having(Habit.PAYOUTS)
async def test_webhooks_tell_when_money_went_to_the_bank(trial: Trial) -> None:
    began, _ = trial.span()
    await trial.paid(amount=100 * trial.subject.amount)
    await trial.subject.pay_out(trial.act)
    await until(lambda: any(fact.kind is NoticeKind.PAYOUT_PAID for fact in trial.facts()))
    [paid_out, *_] = [fact for fact in trial.facts() if fact.kind is NoticeKind.PAYOUT_PAID]
    assert paid_out.occurred_at
    assert began <= paid_out.occurred_at <= clock.now() + clock_second


@having(Habit.DECLINES_TOLD)
async def test_webhooks_tell_of_a_declined_card_and_why(trial: Trial) -> None:
    order = trial.order()
    opened = await trial.opened(order)
    await trial.subject.decline(trial.act, opened)
    [failed, *_] = [fact for fact in await trial.hear([FAILED], order, opened.references) if fact.kind is FAILED]
    assert failed.code
    assert failed.payment == order.payment or {*opened.references} & {*failed.references}


@having(Feature.MANUAL_CAPTURE, Habit.VOID)
async def test_webhooks_tell_that_money_was_set_aside_and_let_go(trial: Trial) -> None:
    paid = await trial.paid(manual_capture=True)
    await trial.gateway.cancel(paid.reference, new_key("cancel"))
    await trial.hear([AUTHORIZED], paid.order, [paid.reference])
    await trial.post_is_empty()
    facts = trial.about(paid.order, [paid.reference])
    kinds = {fact.kind for fact in facts}
    assert CAPTURED not in kinds
    assert kinds & {CANCELED, LET_GO}  # the end of the payment, or of one card where another may pay
    [authorized, *_] = [fact for fact in facts if fact.kind is AUTHORIZED]
    assert (authorized.amount, authorized.currency) == (paid.order.amount, paid.order.currency)


@having(Habit.END_CHECKOUT)
async def test_webhooks_tell_that_a_checkout_ended(trial: Trial) -> None:
    order = trial.order()
    opened = await trial.opened(order)
    await trial.gateway.cancel(opened.references[0], new_key("cancel"))
    facts = await trial.hear([CANCELED], order, opened.references)
    assert {fact.kind for fact in facts} == {CANCELED}


@having(Habit.DISPUTES)
async def test_webhooks_tell_that_a_customers_bank_took_the_money_back(trial: Trial) -> None:
    paid = await trial.paid()
    await trial.subject.dispute(trial.act, paid.reference)
    facts = await trial.hear([NoticeKind.DISPUTE_OPENED], paid.order, [paid.reference])
    [opened, *_] = [fact for fact in facts if fact.kind is NoticeKind.DISPUTE_OPENED]
    assert opened.dispute
    assert opened.dispute.id
    assert (opened.amount, opened.currency) == (paid.order.amount, paid.order.currency)
    withdrawn = max(fact.dispute.withdrawn or 0 for fact in trial.about(paid.order, [paid.reference]) if fact.dispute)
    assert (await trial.line(paid.order)).disputed == withdrawn


@having(Habit.PAYOUTS)
async def test_webhooks_tell_that_money_went_to_the_bank(trial: Trial) -> None:
    await trial.paid(amount=100 * trial.subject.amount)  # more than what tests before this one made the merchant owe
    await trial.subject.pay_out(trial.act)
    await until(lambda: any(fact.kind is NoticeKind.PAYOUT_PAID for fact in trial.facts()))
    paid_out = [fact for fact in trial.facts() if fact.kind is NoticeKind.PAYOUT_PAID]
    assert all(fact.payout and fact.payout.id and fact.amount and fact.currency for fact in paid_out)


async def test_every_webhook_of_a_long_life_is_read_without_an_error(trial: Trial) -> None:
    """Everything that a customer, a merchant and a bank can do, and whatever the gateway says about it."""
    declined = await trial.opened(trial.order())
    await trial.subject.decline(trial.act, declined)
    await trial.subject.authenticate(trial.act, await trial.opened(trial.order()))
    await trial.subject.abandon(trial.act, await trial.opened(trial.order()))
    refunded, disputed = await trial.paid(), await trial.paid()
    await trial.gateway.refund(trial.refund_order(refunded, refunded.order.amount // 5))
    await trial.subject.refund(trial.act, refunded.reference, refunded.order.amount // 5, refunded.order.currency)
    if Habit.DISPUTES not in trial.subject.lacks:
        await trial.subject.dispute(trial.act, disputed.reference)
    if Habit.PAYOUTS not in trial.subject.lacks:
        await trial.subject.pay_out(trial.act)
    await trial.hear([CAPTURED, REFUNDED], refunded.order, [refunded.reference])

    await trial.post_is_empty()
    for letter in trial.letters():
        envelope = await trial.gateway.verify(letter.headers, letter.body, clock.now())
        for fact in trial.gateway.translate(letter.body):
            assert fact.gateway == trial.subject.name
            assert fact.references or fact.payment or fact.payout, f"{envelope.type} speaks of nothing"
            assert fact.amount is None or fact.currency, envelope.type
