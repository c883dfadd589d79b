"""Five events of a payment in every order, each of them twice and once more under another name: one end."""

import asyncio
import json
import re
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from tests.gateways.counter import CREDITS, Counter
from tests.gateways.subject import Habit, Json, having
from tests.gateways.trial import Paid, Trial, new_key, notices

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows.read import read
from tillkeeper.gateway import Feature
from tillkeeper.kernel import clock, ids
from tillkeeper.reports import payment

ORDERS = list(permutations(range(5)))
NAMES = re.compile(r"(?!\d{4}-\d\d-\d\d)(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{8,}")
"""What may be a gateway's name of something; moments begin with a date."""


@dataclass(frozen=True)
class Life:
    """What a gateway told of one payment: five bodies, and the id of the event in each."""

    paid: Paid
    events: list[tuple[str, str]]

    @property
    def names(self) -> set[str]:
        return {name for _, body in self.events for name in NAMES.findall(body)}


async def a_life(trial: Trial, amount: int, part: int, rest: int) -> Life:
    """Authorise, capture, refund twice in the dashboard and dispute one payment, and return what was told of it."""
    paid = await trial.paid(manual_capture=True, amount=amount, currency=trial.subject.currency)
    taken = notices(await trial.gateway.capture(paid.reference, amount, trial.subject.currency, new_key("capture")))
    money = taken[0].references[0]
    for given in (part, rest):
        await trial.subject.refund(trial.act, money, given, trial.subject.currency)
    await trial.subject.dispute(trial.act, money)
    wanted = [
        (NoticeKind.PAYMENT_AUTHORIZED, None),
        (NoticeKind.PAYMENT_CAPTURED, amount),
        (NoticeKind.REFUND_SUCCEEDED, part),
        (NoticeKind.REFUND_SUCCEEDED, rest),
        (NoticeKind.DISPUTE_OPENED, None),
    ]
    names = {money, paid.reference, *paid.opened.references}
    await trial.hear({kind for kind, _ in wanted}, paid.order, names)
    await trial.post_is_empty()
    return Life(paid, [await _first(trial, paid, names, kind, told) for kind, told in wanted])


async def _first(trial: Trial, paid: Paid, names: set[str], kind: NoticeKind, amount: int | None) -> tuple[str, str]:
    """Find the first webhook that told a fact of a payment, and read its event's id."""

    def tells(fact: Notice) -> bool:
        ours = fact.payment == paid.order.payment or bool(names & {*fact.references})
        return ours and fact.kind is kind and amount in {None, fact.amount}

    letter = next(each for each in trial.letters() if any(map(tells, trial.gateway.translate(each.body))))
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
        SELECT journal.source_id::uuid AS source, journal.kind, debit.code AS debit, credit.code AS credit, amount
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
            (roles[row["source"]], row["kind"], _named(row["debit"], user), _named(row["credit"], user), row["amount"])
            for row in lines
        ),
        "wallet": sorted((row["kind"], row["amount"], roles[row["source"]]) for row in entries),
        "events": sorted((row["type"], roles[row["subject"]]) for row in events),
        "events under their own ids": {
            row["type"] for row in events if row["id"] == ids.derive(row["subject"], row["type"], "")
        },
    }


def _named(code: str, user: Any) -> str:
    return code.replace(str(user), "user")


@having(Feature.MANUAL_CAPTURE, Habit.DISPUTES)
async def test_all_120_orders_of_five_events_with_duplicates_end_like_the_order_in_which_they_happened(
    trial: Trial, counter: Counter
) -> None:
    payments = await asyncio.gather(*(counter.open(number, by_hand=True) for number in range(len(ORDERS))))
    price = payments[0]["amount"]
    part, rest = -(-price // 4), price // 2  # each takes the same goods back, whichever comes first
    life, other = [await a_life(trial, price, part, rest) for _ in range(2)]
    lives = [retold(life, other, payment, number) for number, payment in enumerate(payments)]
    for place in range(5):
        await asyncio.gather(
            *(tell(counter, *events[order[place]]) for order, events in zip(ORDERS, lives, strict=True))
        )
        await counter.settle()
    ends = [await the_end(counter, payment) for payment in payments]
    reference = ends[ORDERS.index((0, 1, 2, 3, 4))]
    assert reference["status"] == ("succeeded", price, part + rest, 0)
    assert [amount for _, amount, _ in reference["refunds"]] == [part, rest]
    assert reference["fulfilment"]["revoked"] == CREDITS * (part + rest) // price
    assert ("dispute.opened", "dispute") in reference["events"]
    assert {"payment.authorized", "payment.succeeded", "refund.created"} < reference["events under their own ids"]
    for order, end in zip(ORDERS, ends, strict=True):
        assert end == reference, order
