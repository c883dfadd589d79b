"""Events of a payment in every order, each of them twice and once more under another name: one end.

What is frozen for a dispute and then taken by a refund leaves other lines in the books than what is taken by the refund
first; so of goods, and of disputes that have ended, it is what accounts stand at that must be the same. And what had
failed before anybody heard of it changed nothing, so of that no merchant is told either.

All orders are tried, a fifth of them at a time. Each fifth has its turn in time (tests/slices.py); all of them with
TILL_TEST_FULL=1.
"""

import asyncio
import json
import re
from collections import Counter as Sums
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest
from tests.gateways.counter import CREDITS, Counter
from tests.gateways.subject import MONEY, Habit, Json, having
from tests.gateways.trial import Paid, Trial, in_payment, new_key, notices

from tillkeeper.facts import LineKind, Notice, NoticeKind
from tillkeeper.flows.read import read
from tillkeeper.gateway import Feature
from tillkeeper.kernel import clock, ids
from tillkeeper.reports import payment

patience_seconds = 20
Ends = list[tuple[tuple[int, ...], Json]]
fifths = 5
each_fifth = pytest.mark.parametrize("fifth", range(fifths), ids=lambda fifth: f"fifth{fifth}")
NAMES = re.compile(
    r"(?<![A-Za-z0-9_-])(?:\d{8}(?:-\d{4}){3}-\d{12}|(?!\d{4}-\d\d-\d\d)(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{8,})"
)
"""What may be a gateway's name of something; moments begin with a date, and a uuid may happen to be all digits."""


def orders(count: int, fifth: int | None) -> list[tuple[int, ...]]:
    """List a fifth of the orders of so many events, or all; the first is always the one in which they happened."""
    every = list(permutations(range(count)))
    chosen = every if fifth is None else every[fifth::fifths]
    return list(dict.fromkeys([every[0], *chosen]))


@dataclass(frozen=True)
class Life:
    """What a gateway told of one payment: a body for each event, and the id of the event in it."""

    paid: Paid
    events: list[tuple[str, str]]

    @property
    def names(self) -> set[str]:
        return {name for _, body in self.events for name in NAMES.findall(body)}


Wanted = list[tuple[NoticeKind, int | None]]


async def captured(trial: Trial, amount: int) -> tuple[Paid, str]:
    """Authorise a payment and capture it, and return what the gateway calls the money."""
    paid = await trial.paid(manual_capture=True, amount=amount, currency=trial.subject.currency)
    taken = notices(await trial.gateway.capture(paid.reference, amount, trial.subject.currency, new_key("capture")))
    return paid, taken[0].references[0]


async def heard(trial: Trial, paid: Paid, money: str, wanted: Wanted) -> Life:
    """Wait until a gateway has told what is wanted of a payment, and keep the first webhook of each."""
    names = {money, paid.reference, *paid.opened.references}
    await trial.hear({kind for kind, _ in wanted}, paid.order, names)
    await trial.post_is_empty()
    return Life(paid, [await _first(trial, paid, names, kind, told) for kind, told in wanted])


async def a_life(trial: Trial, amount: int, part: int, rest: int, end: NoticeKind | None = None) -> Life:
    """Authorise, capture, refund twice in the dashboard and dispute one payment, and return what was told of it.

    With an end the bank decides the dispute, and that is told instead of the authorisation.
    """
    paid, money = await captured(trial, amount)
    for given in (part, rest):
        await trial.subject.refund(trial.act, money, given, trial.subject.currency)
    dispute = await trial.subject.dispute(trial.act, money)
    if end:
        await trial.subject.decide(trial.act, dispute, won=end is NoticeKind.DISPUTE_WON)
    wanted: Wanted = [
        *([] if end else [(NoticeKind.PAYMENT_AUTHORIZED, None)]),
        (NoticeKind.PAYMENT_CAPTURED, amount),
        (NoticeKind.REFUND_SUCCEEDED, part),
        (NoticeKind.REFUND_SUCCEEDED, rest),
        (NoticeKind.DISPUTE_OPENED, None),
        *([(end, None)] if end else []),
    ]
    return await heard(trial, paid, money, wanted)


async def a_life_with_a_refund_that_fails(trial: Trial, amount: int, part: int, rest: int) -> Life:
    """Capture a payment, refund a part that comes back later, refund another one, and dispute the payment."""
    paid, money = await captured(trial, amount)
    make, fail = trial.subject.moves[LineKind.REFUND_FAILED]
    named = {name: money if value == MONEY else part for name, value in make[1].items()}
    failing = await trial.act(make[0], named)
    await trial.act(fail[0].format(id=failing["id"]))
    await trial.subject.refund(trial.act, money, rest, trial.subject.currency)
    await trial.subject.dispute(trial.act, money)
    about = await trial.hear([NoticeKind.REFUND_FAILED], paid.order, [money])
    went_through = any((fact.kind, fact.amount) == (NoticeKind.REFUND_SUCCEEDED, part) for fact in about)
    wanted: Wanted = [
        (NoticeKind.PAYMENT_CAPTURED, amount),
        (NoticeKind.REFUND_SUCCEEDED if went_through else NoticeKind.REFUND_CREATED, part),
        (NoticeKind.REFUND_FAILED, None),
        (NoticeKind.REFUND_SUCCEEDED, rest),
        (NoticeKind.DISPUTE_OPENED, None),
    ]
    return await heard(trial, paid, money, wanted)


async def a_life_that_is_let_go(trial: Trial, amount: int) -> Life:
    """Decline a card, authorise another one, and let its money go."""
    order = trial.order(manual_capture=True, amount=amount, currency=trial.subject.currency)
    opened = await trial.opened(order)
    wanted: Wanted = [(NoticeKind.PAYMENT_AUTHORIZED, None), (NoticeKind.PAYMENT_CANCELED, None)]
    if Habit.DECLINES_TOLD not in trial.subject.lacks:
        await trial.subject.decline(trial.act, opened)
        wanted.insert(0, (NoticeKind.PAYMENT_FAILED, None))
    brought = await trial.subject.pay(trial.act, opened)
    held = await trial.money(order, opened)
    if held.kind is NoticeKind.PAYMENT_APPROVED:
        [held] = in_payment(notices(await trial.gateway.confirm(order, opened.references[0], brought)))
    notices(await trial.gateway.cancel(held.references[0], new_key("cancellation")))
    return await heard(trial, Paid(order, opened, held.references[0]), held.references[0], wanted)


async def _first(trial: Trial, paid: Paid, names: set[str], kind: NoticeKind, amount: int | None) -> tuple[str, str]:
    """Wait for the first webhook that tells a fact of a payment, and read its event's id."""

    def tells(fact: Notice) -> bool:
        ours = fact.payment == paid.order.payment or bool(names & {*fact.references})
        return ours and fact.kind is kind and amount in {None, fact.amount}

    elapsed_ms, letter = clock.timer_ms(), None
    while letter is None and elapsed_ms() < patience_seconds * 1000:
        told = (each for each in trial.letters() if any(map(tells, trial.gateway.translate(each.body))))
        letter = next(told, None)
        await asyncio.sleep(0 if letter else 0.05)
    assert letter, f"nobody told of {kind} {amount} within {patience_seconds} s"
    envelope = await trial.gateway.verify(letter.headers, letter.body, clock.now())
    return envelope.event_id, letter.body.decode()


def retold(life: Life, other: Life, payment: Json, number: int) -> list[tuple[str, str]]:
    """Tell the same of another payment: every name that is this life's alone becomes one of the other payment's."""
    own: dict[str, str] = {name: f"{name}x{number}" for name in life.names - other.names}
    own |= {event: f"{event}x{number}" for event, _ in life.events}
    if life.paid.opened.references:
        own[life.paid.opened.references[0]] = payment["gateway_reference"]
    own[ids.text("payment", life.paid.order.payment)] = payment["id"]
    return [(own[event], NAMES.sub(lambda found: own.get(found[0], found[0]), body)) for event, body in life.events]


def test_a_moment_is_no_name_whichever_hour_it_is() -> None:
    assert NAMES.findall('{"at": "2026-11-23T18:59:59.000Z", "id": "pay_29QQoUBi66xm2f"}') == ["pay_29QQoUBi66xm2f"]


async def tell(counter: Counter, event: str, body: str) -> None:
    """Bring an event, bring it again, and bring its news once more under another name and in other bytes."""
    name = f"{event}again"
    anew = body.replace(event, name)
    async with counter.door:
        assert await counter.hear(event, body)
        assert not await counter.hear(event, body)
        if anew == body:  # the event is named in a header that nobody signs
            assert not await counter.hear(name, body)
        assert await counter.hear(name, json.dumps(json.loads(anew), indent=1))


async def the_end(counter: Counter, shown_first: Json) -> Json:
    """Lay open all that came of a payment, in words that are the same for every payment."""
    id_ = ids.parse("payment", shown_first["id"])
    shown: Any = await read(counter.till, lambda tx: payment.show(tx, id_))
    user = await counter.owner.fetchval("SELECT user_id FROM payment WHERE id = $1", id_)
    refunds = await counter.owner.fetch("SELECT * FROM refund WHERE payment_id = $1 ORDER BY amount", id_)
    disputes = await counter.owner.fetch("SELECT * FROM dispute WHERE payment_id = $1", id_)
    roles = {id_: "payment", user: "user"}
    roles |= {row["id"]: f"refund of {row['amount']}" for row in refunds}
    roles |= {row["id"]: "dispute" for row in disputes}
    lines = await counter.owner.fetch(
        """
        SELECT journal.source_id::uuid AS source, journal.kind, debit.code AS debit, credit.code AS credit, amount,
               posting.currency
        FROM journal JOIN posting ON posting.journal_id = journal.id
        JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id
        WHERE journal.source_id::uuid = ANY($1::uuid[])
        """,
        list(roles),
    )
    entries = await counter.owner.fetch("SELECT kind, amount, source FROM wallet_entry WHERE user_id = $1", user)
    events = await counter.owner.fetch("SELECT id, type, subject FROM outbox_event WHERE payment_id = $1", id_)
    return {
        "status": (shown["status"], shown["amount_captured"], shown["amount_refunded"], shown["amount_refunding"]),
        "disputed": (shown["amount_disputed"], [(row["status"], row["amount"]) for row in disputes]),
        "fulfilment": shown["fulfilment"],
        "refunds": [(row["status"], row["amount"], row["origin"]) for row in refunds],
        "ledger": sorted(
            (roles[row["source"]], row["kind"], row["debit"], row["credit"], row["amount"])
            for row in lines
            if row["currency"] == shown["currency"]
        ),
        "balances": _balances(lines, user),
        "wallet": sum(row["amount"] for row in entries),
        "events": sorted((row["type"], roles[row["subject"]]) for row in events),
        "events under their own ids": {
            row["type"] for row in events if row["id"] == ids.derive(row["subject"], row["type"], "")
        },
    }


def _balances(lines: Iterable[Any], user: Any) -> dict[str, int]:
    """Add up what each account stands at, leaving out those that stand at nothing."""
    sums: Sums[str] = Sums()
    for row in lines:
        sums[row["debit"].replace(str(user), "user")] += row["amount"]
        sums[row["credit"].replace(str(user), "user")] -= row["amount"]
    return {code: amount for code, amount in sorted(sums.items()) if amount}


async def all_ends(counter: Counter, tellings: list[tuple[int, ...]], payments: list[Json], lives: list[Life]) -> Ends:
    """Tell each payment the same life in an order of its own, and lay open what came of each."""
    letters = [retold(lives[0], lives[1], payment, number) for number, payment in enumerate(payments)]
    for place in range(len(tellings[0])):
        await asyncio.gather(
            *(tell(counter, *events[order[place]]) for order, events in zip(tellings, letters, strict=True))
        )
        await counter.settle()
    return [(order, await the_end(counter, each)) for order, each in zip(tellings, payments, strict=True)]


def differing(ends: Ends, *, but: Iterable[str] = ()) -> list[tuple[tuple[int, ...], str]]:
    """Name the orders whose end is not that of the order in which all happened, and in what."""
    reference = ends[0][1]
    what = reference.keys() - {*but}
    return [(order, each) for order, end in ends for each in sorted(what) if end[each] != reference[each]]


async def opened(
    counter: Counter, count: int, fifth: int | None = None
) -> tuple[list[tuple[int, ...]], list[Json], int]:
    """Open a payment for each order of so many events, and say what each of them costs."""
    tellings = orders(count, fifth)
    payments = await asyncio.gather(*(counter.open(number, by_hand=True) for number in range(len(tellings))))
    return tellings, payments, payments[0]["amount"]


def parts(price: int) -> tuple[int, int]:
    """Choose two refunds that each take the same goods back, whichever comes first."""
    return -(-price // 4), price // 2


@each_fifth
@having(Feature.MANUAL_CAPTURE, Habit.DISPUTES)
async def test_five_events_in_any_order_and_told_again_end_like_the_order_in_which_they_happened(
    trial: Trial, counter: Counter, fifth: int
) -> None:
    tellings, payments, price = await opened(counter, 5, fifth)
    part, rest = parts(price)
    ends = await all_ends(counter, tellings, payments, [await a_life(trial, price, part, rest) for _ in range(2)])
    reference = ends[0][1]
    assert reference["status"] == ("succeeded", price, part + rest, 0)
    assert [amount for _, amount, _ in reference["refunds"]] == [part, rest]
    assert reference["fulfilment"]["revoked"] == CREDITS * (part + rest) // price
    assert ("dispute.opened", "dispute") in reference["events"]
    assert {"payment.authorized", "payment.succeeded", "refund.created"} < reference["events under their own ids"]
    assert differing(ends) == []


@each_fifth
@having(Feature.MANUAL_CAPTURE, Habit.DISPUTES)
@pytest.mark.parametrize("end", [NoticeKind.DISPUTE_WON, NoticeKind.DISPUTE_LOST])
async def test_refunds_and_a_dispute_that_ends_leave_the_same_money_and_goods_in_any_order(
    trial: Trial, counter: Counter, end: NoticeKind, fifth: int
) -> None:
    tellings, payments, price = await opened(counter, 5, fifth)
    part, rest = parts(price)
    ends = await all_ends(counter, tellings, payments, [await a_life(trial, price, part, rest, end) for _ in range(2)])
    reference = ends[0][1]
    lost = 0 if end is NoticeKind.DISPUTE_WON else price - part - rest
    assert reference["disputed"][0] == lost
    assert reference["fulfilment"]["revoked"] == CREDITS * (part + rest + lost) // price
    assert not any("dispute_receivable" in code or "frozen" in code for code in reference["balances"])
    assert {("dispute.opened", "dispute"), (str(end), "dispute")} < set(reference["events"])
    assert differing(ends, but=["ledger"]) == []


@each_fifth
@having(Feature.MANUAL_CAPTURE, Habit.DISPUTES)
async def test_a_refund_that_comes_back_leaves_the_same_money_and_goods_in_any_order(
    trial: Trial, counter: Counter, fifth: int
) -> None:
    tellings, payments, price = await opened(counter, 5, fifth)
    part, rest = parts(price)
    lives = [await a_life_with_a_refund_that_fails(trial, price, part, rest) for _ in range(2)]
    ends = await all_ends(counter, tellings, payments, lives)
    reference = ends[0][1]
    assert reference["status"] == ("succeeded", price, rest, 0)
    assert [(status, amount) for status, amount, _ in reference["refunds"]] == [("failed", part), ("succeeded", rest)]
    assert reference["fulfilment"]["revoked"] == CREDITS * rest // price
    assert differing(ends, but=["ledger", "events", "events under their own ids"]) == []


@having(Feature.HOSTED_MANUAL_CAPTURE, Habit.VOID)
async def test_money_that_was_set_aside_and_let_go_leaves_nothing_in_any_order(trial: Trial, counter: Counter) -> None:
    lives = [await a_life_that_is_let_go(trial, trial.subject.amount) for _ in range(2)]
    tellings, payments, _ = await opened(counter, len(lives[0].events))
    ends = await all_ends(counter, tellings, payments, lives)
    reference = ends[0][1]
    assert reference["status"] == ("canceled", 0, 0, 0)
    assert (reference["ledger"], reference["wallet"], reference["refunds"]) == ([], 0, [])
    assert differing(ends, but=["events", "events under their own ids"]) == []
