"""Five events of a payment in every order, each of them twice and once more under another name: one end.

What is frozen for a dispute and then taken by a refund leaves other lines in the books than what is taken by the refund
first; so of goods, and of disputes that have ended, it is what accounts stand at that must be the same.
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
from tests.gateways.subject import Habit, Json, having
from tests.gateways.trial import Paid, Trial, new_key, notices

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows.read import read
from tillkeeper.gateway import Feature
from tillkeeper.kernel import clock, ids
from tillkeeper.reports import payment

patience_seconds = 20
ORDERS = list(permutations(range(5)))
NAMES = re.compile(r"\d{8}(?:-\d{4}){3}-\d{12}|(?!\d{4}-\d\d-\d\d)(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{8,}")
"""What may be a gateway's name of something; moments begin with a date, and a uuid may happen to be all digits."""


@dataclass(frozen=True)
class Life:
    """What a gateway told of one payment: five bodies, and the id of the event in each."""

    paid: Paid
    events: list[tuple[str, str]]

    @property
    def names(self) -> set[str]:
        return {name for _, body in self.events for name in NAMES.findall(body)}


async def a_life(trial: Trial, amount: int, part: int, rest: int, end: NoticeKind | None = None) -> Life:
    """Authorise, capture, refund twice in the dashboard and dispute one payment, and return what was told of it.

    With an end the bank decides the dispute, and that is told instead of the authorisation.
    """
    paid = await trial.paid(manual_capture=True, amount=amount, currency=trial.subject.currency)
    taken = notices(await trial.gateway.capture(paid.reference, amount, trial.subject.currency, new_key("capture")))
    money = taken[0].references[0]
    for given in (part, rest):
        await trial.subject.refund(trial.act, money, given, trial.subject.currency)
    dispute = await trial.subject.dispute(trial.act, money)
    if end:
        await trial.subject.decide(trial.act, dispute, won=end is NoticeKind.DISPUTE_WON)
    wanted = [
        *([] if end else [(NoticeKind.PAYMENT_AUTHORIZED, None)]),
        (NoticeKind.PAYMENT_CAPTURED, amount),
        (NoticeKind.REFUND_SUCCEEDED, part),
        (NoticeKind.REFUND_SUCCEEDED, rest),
        (NoticeKind.DISPUTE_OPENED, None),
        *([(end, None)] if end else []),
    ]
    names = {money, paid.reference, *paid.opened.references}
    await trial.hear({kind for kind, _ in wanted}, paid.order, names)
    await trial.post_is_empty()
    return Life(paid, [await _first(trial, paid, names, kind, told) for kind, told in wanted])


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


async def all_ends(counter: Counter, lives: list[list[tuple[str, str]]], payments: list[Json]) -> list[Json]:
    """Tell each payment its life in an order of its own, and lay open what came of it."""
    for place in range(5):
        await asyncio.gather(
            *(tell(counter, *events[order[place]]) for order, events in zip(ORDERS, lives, strict=True))
        )
        await counter.settle()
    return [await the_end(counter, payment) for payment in payments]


@having(Feature.MANUAL_CAPTURE, Habit.DISPUTES)
async def test_all_120_orders_of_five_events_with_duplicates_end_like_the_order_in_which_they_happened(
    trial: Trial, counter: Counter
) -> None:
    payments = await asyncio.gather(*(counter.open(number, by_hand=True) for number in range(len(ORDERS))))
    price = payments[0]["amount"]
    part, rest = -(-price // 4), price // 2  # each takes the same goods back, whichever comes first
    life, other = [await a_life(trial, price, part, rest) for _ in range(2)]
    lives = [retold(life, other, payment, number) for number, payment in enumerate(payments)]
    ends = await all_ends(counter, lives, payments)
    reference = ends[ORDERS.index((0, 1, 2, 3, 4))]
    assert reference["status"] == ("succeeded", price, part + rest, 0)
    assert [amount for _, amount, _ in reference["refunds"]] == [part, rest]
    assert reference["fulfilment"]["revoked"] == CREDITS * (part + rest) // price
    assert ("dispute.opened", "dispute") in reference["events"]
    assert {"payment.authorized", "payment.succeeded", "refund.created"} < reference["events under their own ids"]
    for order, end in zip(ORDERS, ends, strict=True):
        assert end == reference, order


@having(Feature.MANUAL_CAPTURE, Habit.DISPUTES)
@pytest.mark.parametrize("end", [NoticeKind.DISPUTE_WON, NoticeKind.DISPUTE_LOST])
async def test_all_120_orders_of_refunds_and_a_dispute_that_ends_leave_the_same_money_and_goods(
    trial: Trial, counter: Counter, end: NoticeKind
) -> None:
    payments = await asyncio.gather(*(counter.open(number, by_hand=True) for number in range(len(ORDERS))))
    price = payments[0]["amount"]
    part, rest = -(-price // 4), price // 2
    life, other = [await a_life(trial, price, part, rest, end) for _ in range(2)]
    lives = [retold(life, other, payment, number) for number, payment in enumerate(payments)]
    ends = await all_ends(counter, lives, payments)
    reference = ends[ORDERS.index((0, 1, 2, 3, 4))]
    lost = 0 if end is NoticeKind.DISPUTE_WON else price - part - rest
    assert reference["disputed"][0] == lost
    assert reference["fulfilment"]["revoked"] == CREDITS * (part + rest + lost) // price
    assert not any("dispute_receivable" in code or "frozen" in code for code in reference["balances"])
    assert {("dispute.opened", "dispute"), (str(end), "dispute")} < set(reference["events"])
    for order, found in zip(ORDERS, ends, strict=True):
        for what in reference.keys() - {"ledger"}:
            assert found[what] == reference[what], (order, what)
