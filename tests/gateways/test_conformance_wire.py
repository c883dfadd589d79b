"""What a bad line makes of a call, the same for every gateway: only what was certainly not done counts as refused."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from tests.gateways.subject import SUBJECTS, Habit, having
from tests.gateways.trial import PAYING, VERBS, Trial, new_key
from tests.gateways.wire import FAULTS, Fault

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import (
    Absent,
    Accepted,
    Declined,
    Feature,
    GatewayUnavailableError,
    RefundOrder,
    Refused,
    Unknown,
)
from tillkeeper.kernel import outside
from tillkeeper.kernel.db import Database

CAPTURED, CANCELED = NoticeKind.PAYMENT_CAPTURED, NoticeKind.PAYMENT_CANCELED
impatience_seconds = 1
ASKING = {"look_up", "look_up_refund"}
READING = {"events", "settlement"}
LISTING = {*ASKING, *READING}
TELLING = {name: fault for name, fault in FAULTS.items() if name.startswith("cut") or name in {"500", "200 with HTML"}}
"""Enough to see that what was done is found afterwards, and what was not is not."""


MADE = [
    (name, verb)
    for name, subject in SUBJECTS.items()
    for verb in VERBS
    if verb != "create_customer" or Feature.CUSTOMERS not in subject.lacks
]
NOTHING = "200 with an empty object"
DOUBTFUL = [
    (name, verb, fault)
    for name, verb in MADE
    for fault in FAULTS
    if not (fault == NOTHING and verb in LISTING and Habit.SAYS_LISTS in SUBJECTS[name].lacks)
]


def commands(trial: Trial) -> list[str]:
    """List the calls that change something, leaving out those that fetch a token."""
    return [call for call in trial.wire.calls if call[:3] != "GET" and not trial.wire.spares(call.split(" ")[1])]


@pytest.mark.parametrize(("subject", "verb", "fault"), DOUBTFUL, indirect=["subject"])
async def test_an_answer_that_proves_nothing_leaves_the_outcome_unknown_and_nothing_is_sent_twice(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, verb: str, fault: str
) -> None:
    trial.wire.fault = FAULTS[fault]
    if trial.wire.fault.silent:  # only then: a busy machine may need longer for everything else
        trial.subject.hurry(monkeypatch, impatience_seconds)
    if verb in READING:
        with pytest.raises(GatewayUnavailableError):
            await VERBS[verb](trial)
    else:
        outcome = await VERBS[verb](trial)
        assert type(outcome) is Unknown, outcome
        assert outcome.reason
        assert not outcome.final
    assert len(commands(trial)) <= 1
    assert len(trial.wire.calls) >= 1


@pytest.mark.parametrize(("subject", "verb"), MADE, indirect=["subject"])
async def test_a_gateway_that_refuses_connections_has_certainly_done_nothing(trial: Trial, verb: str) -> None:
    await trial.wire.close()
    if verb in READING:
        with pytest.raises(GatewayUnavailableError):
            await VERBS[verb](trial)
        return
    outcome = await VERBS[verb](trial)
    assert isinstance(outcome, Unknown | Refused if verb in ASKING else Refused), outcome


@pytest.mark.parametrize(("subject", "verb"), MADE, indirect=["subject"])
async def test_every_call_is_counted_also_one_that_nobody_takes(trial: Trial, verb: str) -> None:
    """A gateway's health is known from calls that were made, and from nothing else."""
    await trial.wire.close()
    with outside.counting() as tally, suppress(GatewayUnavailableError):
        await VERBS[verb](trial)
    assert tally.calls > 0


@pytest.mark.parametrize(("subject", "verb"), MADE, indirect=["subject"])
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
    """One call whose answer got lost, what the gateway says of it when asked, and what its books say."""

    tell: Callable[[], Awaitable[Any]]
    found: Callable[[], Awaitable[bool]]
    booked: Callable[[], Awaitable[int]]
    whole: int
    once: bool = False
    """Whether it happens once by its nature, so that telling it again may be declined."""


async def capturing(trial: Trial) -> Doubt:
    paid, key = await trial.paid(manual_capture=True), new_key("capture")

    async def found() -> bool:
        return await trial.kinds(paid.reference) == [CAPTURED]

    async def booked() -> int:
        return (await trial.line(paid.order)).captured

    amount, currency = paid.order.amount, paid.order.currency
    return Doubt(
        lambda: trial.gateway.capture(paid.reference, amount, currency, key), found, booked, whole=amount, once=True
    )


async def refunding(trial: Trial) -> Doubt:
    paid = await trial.paid()
    wanted: RefundOrder = trial.refund_order(paid, paid.order.amount // 5)

    async def found() -> bool:
        return not isinstance(await trial.gateway.look_up_refund(wanted), Absent)

    async def booked() -> int:
        return (await trial.line(paid.order)).refunded

    return Doubt(lambda: trial.gateway.refund(wanted), found, booked, whole=wanted.amount)


async def lose(trial: Trial, doubt: Doubt, fault: Fault) -> None:
    """Make the call over a bad line, find out the truth by asking, and make it again with its key."""
    trial.wire.fault = fault
    assert isinstance(await doubt.tell(), Unknown)
    trial.wire.fault = None
    assert await doubt.booked() in ({0, doubt.whole} if fault.executed else {0})
    assert await doubt.found() == bool(await doubt.booked())
    again = await doubt.tell()
    assert isinstance(again, Accepted) or (doubt.once and isinstance(again, Declined)), again
    assert await doubt.found()
    assert await doubt.booked() == doubt.whole


@pytest.mark.parametrize("fault", TELLING)
@having(Habit.KEYED_CREATE, Habit.FINDS_CHECKOUTS)
async def test_a_lost_checkout_is_found_or_absent_as_it_really_is(trial: Trial, fault: str) -> None:
    order = trial.order()
    trial.wire.fault = TELLING[fault]
    assert isinstance(await trial.gateway.create(order), Unknown)
    trial.wire.fault = None
    found = await trial.gateway.look_up(order)
    assert isinstance(found, Accepted if TELLING[fault].executed else Absent), found
    opened = await trial.opened(order)
    assert not isinstance(found, Accepted) or found.references == opened.references


@pytest.mark.parametrize("fault", TELLING)
@having(Feature.MANUAL_CAPTURE)
async def test_a_lost_capture_is_found_as_it_really_is_and_takes_the_money_once(trial: Trial, fault: str) -> None:
    await lose(trial, await capturing(trial), TELLING[fault])


@pytest.mark.parametrize("fault", TELLING)
async def test_a_lost_refund_is_found_as_it_really_is_and_gives_back_once(trial: Trial, fault: str) -> None:
    await lose(trial, await refunding(trial), TELLING[fault])


async def end_in_doubt(trial: Trial, reference: str, fault: Fault) -> None:
    """Ask for an end over a bad line, and then again over a good one: it has ended, and is seen to have."""
    trial.wire.fault, key = fault, new_key("cancel")
    assert isinstance(await trial.gateway.cancel(reference, key), Unknown)
    trial.wire.fault = None
    ended = await trial.kinds(reference) == [CANCELED]
    assert not ended or fault.executed
    again = await trial.gateway.cancel(reference, key)
    assert isinstance(again, Accepted) or (ended and isinstance(again, Declined)), again
    assert await trial.kinds(reference) == [CANCELED]


@pytest.mark.parametrize("fault", TELLING)
@having(Feature.MANUAL_CAPTURE, Habit.VOID)
async def test_a_lost_void_is_found_as_it_really_is(trial: Trial, fault: str) -> None:
    paid = await trial.paid(manual_capture=True)
    await end_in_doubt(trial, paid.reference, TELLING[fault])
    assert (await trial.line(paid.order)).captured == 0


@pytest.mark.parametrize("fault", TELLING)
@having(Habit.END_CHECKOUT)
async def test_a_lost_ending_of_a_checkout_is_found_as_it_really_is(trial: Trial, fault: str) -> None:
    opened = await trial.opened(trial.order())
    await end_in_doubt(trial, opened.references[0], TELLING[fault])


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
