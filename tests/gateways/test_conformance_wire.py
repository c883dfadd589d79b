"""What a bad line makes of a call, the same for every gateway: only what was certainly not done counts as refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.gateways.subject import Habit, having
from tests.gateways.trial import PAYING, VERBS, Paid, Trial, new_key
from tests.gateways.wire import FAULTS, Fault

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import Absent, Accepted, Feature, GatewayUnavailableError, RefundOrder, Refused, Unknown
from tillkeeper.kernel.db import Database

CAPTURED, CANCELED = NoticeKind.PAYMENT_CAPTURED, NoticeKind.PAYMENT_CANCELED
impatience_seconds = 1
ASKING = {"look_up", "look_up_refund"}
TELLING = {name: fault for name, fault in FAULTS.items() if name.startswith("cut") or name in {"500", "200 with HTML"}}
"""Enough to see that what was done is found afterwards, and what was not is not."""


def commands(trial: Trial) -> list[str]:
    """List the calls that change something, leaving out those that fetch a token."""
    return [call for call in trial.wire.calls if call[:3] != "GET" and not trial.wire.spares(call.split(" ")[1])]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", VERBS)
async def test_an_answer_that_proves_nothing_leaves_the_outcome_unknown_and_nothing_is_sent_twice(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, verb: str, fault: str
) -> None:
    trial.wire.fault = FAULTS[fault]
    if trial.wire.fault.silent:  # only then: a busy machine may need longer for everything else
        trial.subject.hurry(monkeypatch, impatience_seconds)
    if verb == "events":
        with pytest.raises(GatewayUnavailableError):
            await VERBS[verb](trial)
    else:
        outcome = await VERBS[verb](trial)
        assert type(outcome) is Unknown, outcome
        assert outcome.reason
        assert not outcome.final
    assert len(commands(trial)) <= 1
    assert len(trial.wire.calls) >= 1


@pytest.mark.parametrize("verb", VERBS)
async def test_a_gateway_that_refuses_connections_has_certainly_done_nothing(trial: Trial, verb: str) -> None:
    await trial.wire.close()
    if verb == "events":
        with pytest.raises(GatewayUnavailableError):
            await VERBS[verb](trial)
        return
    outcome = await VERBS[verb](trial)
    assert isinstance(outcome, Unknown | Refused if verb in ASKING else Refused), outcome


@pytest.mark.parametrize("verb", VERBS)
async def test_no_call_is_made_inside_a_transaction(trial: Trial, db: Database, verb: str) -> None:
    with pytest.raises(AssertionError, match="inside a database transaction"):
        async with db.transaction():
            await VERBS[verb](trial)
    assert trial.wire.calls == []


async def test_every_call_of_one_key_carries_that_key(trial: Trial) -> None:
    order = trial.order()
    trial.wire.fault = FAULTS["500"]
    await trial.gateway.create(order)
    trial.wire.fault = None
    opened = await trial.gateway.look_up(order)
    assert isinstance(opened, Accepted), "the first call was carried out, and is found by what it carried"


@dataclass(frozen=True)
class Doubt:
    """One call whose answer got lost, and how to find out what became of it."""

    tell: Callable[[], Awaitable[Any]]
    done: Callable[[], Awaitable[bool]]
    effect: Callable[[], Awaitable[int]]


async def creating(trial: Trial) -> Doubt:
    order = trial.order()

    async def done() -> bool:
        return not isinstance(await trial.gateway.look_up(order), Absent)

    async def effect() -> int:
        return (await trial.line(order)).charges

    return Doubt(lambda: trial.gateway.create(order), done, effect)


async def capturing(trial: Trial) -> Doubt:
    paid, key = await trial.paid(manual_capture=True), new_key("capture")

    async def done() -> bool:
        return await trial.kinds(paid.reference) == [CAPTURED]

    async def effect() -> int:
        return (await trial.line(paid.order)).captured - paid.order.amount

    return Doubt(
        lambda: trial.gateway.capture(paid.reference, paid.order.amount, paid.order.currency, key), done, effect
    )


async def voiding(trial: Trial) -> Doubt:
    paid, key = await trial.paid(manual_capture=True), new_key("cancel")
    return await _ending(trial, paid, paid.reference, key)


async def ending(trial: Trial) -> Doubt:
    order = trial.order()
    opened = await trial.opened(order)
    return await _ending(trial, Paid(order, opened, ""), opened.references[0], new_key("cancel"))


async def _ending(trial: Trial, paid: Paid, reference: str, key: str) -> Doubt:
    async def done() -> bool:
        return await trial.kinds(reference) == [CANCELED]

    async def effect() -> int:
        return (await trial.line(paid.order)).captured

    return Doubt(lambda: trial.gateway.cancel(reference, key), done, effect)


async def refunding(trial: Trial) -> Doubt:
    paid = await trial.paid()
    wanted: RefundOrder = trial.refund_order(paid, paid.order.amount // 5)

    async def done() -> bool:
        return not isinstance(await trial.gateway.look_up_refund(wanted), Absent)

    async def effect() -> int:
        return (await trial.line(paid.order)).refunded - wanted.amount

    return Doubt(lambda: trial.gateway.refund(wanted), done, effect)


async def lose(trial: Trial, doubt: Doubt, fault: Fault) -> None:
    """Make the call over a bad line, find out the truth by asking, and make it again with its key."""
    trial.wire.fault = fault
    assert isinstance(await doubt.tell(), Unknown)
    trial.wire.fault = None
    assert await doubt.done() == fault.executed
    again = await doubt.tell()
    assert isinstance(again, Accepted), again
    assert await doubt.done()
    assert await doubt.effect() == 0


@pytest.mark.parametrize("fault", TELLING)
@having(Habit.KEYED_CREATE)
async def test_a_lost_checkout_is_found_or_absent_as_it_really_is(trial: Trial, fault: str) -> None:
    await lose(trial, await creating(trial), TELLING[fault])


@pytest.mark.parametrize("fault", TELLING)
@having(Feature.MANUAL_CAPTURE)
async def test_a_lost_capture_is_found_as_it_really_is_and_takes_the_money_once(trial: Trial, fault: str) -> None:
    await lose(trial, await capturing(trial), TELLING[fault])


@pytest.mark.parametrize("fault", TELLING)
@having(Feature.MANUAL_CAPTURE, Habit.VOID)
async def test_a_lost_void_is_found_as_it_really_is(trial: Trial, fault: str) -> None:
    await lose(trial, await voiding(trial), TELLING[fault])


@pytest.mark.parametrize("fault", TELLING)
@having(Habit.END_CHECKOUT)
async def test_a_lost_ending_of_a_checkout_is_found_as_it_really_is(trial: Trial, fault: str) -> None:
    await lose(trial, await ending(trial), TELLING[fault])


@pytest.mark.parametrize("fault", TELLING)
async def test_a_lost_refund_is_found_as_it_really_is_and_gives_back_once(trial: Trial, fault: str) -> None:
    await lose(trial, await refunding(trial), TELLING[fault])


async def test_a_webhook_finds_a_payment_whose_checkout_got_no_answer(trial: Trial) -> None:
    order = trial.order()
    trial.wire.fault = FAULTS["cut after it was done"]
    assert isinstance(await trial.gateway.create(order), Unknown)
    trial.wire.fault = None
    found = await trial.gateway.look_up(order)
    assert isinstance(found, Accepted)
    await trial.subject.pay(trial.act, found)
    fact = await trial.money(order, found)
    assert fact.kind in PAYING
    assert fact.payment == order.payment
