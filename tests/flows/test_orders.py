"""Five events of a payment in every order, each of them twice and once more under another name: one end."""

import json
import re
from itertools import permutations
from typing import Any

from tests.flows.conftest import uuid_of

from tillkeeper.kernel import ids

Json = dict[str, Any]
ORDERS = list(permutations(range(5)))
TYPES = (
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "refund.created",
    "refund.created",
    "charge.dispute.created",
)
NAMES = re.compile(r"\b(evt|pi|re|ch|du|dp|txn|py|pyr|cs_test|seti|pm|req)_[A-Za-z0-9]+")
PART, REST = 50, 99


async def a_life(shop: Any) -> tuple[Json, list[Json]]:
    """Authorise, capture, refund twice in the dashboard and dispute one payment, and return what was told of it."""
    payment = await shop.opened(capture_method="manual", user="model")
    await shop.pay(payment)
    await shop.catch_up()
    await shop.capture(payment)
    intent = (await shop.show(payment))["gateway_reference"]
    for amount in (PART, REST):
        await shop.act("refunds", {"payment_intent": intent, "amount": amount})
    await shop.act("disputes", {"payment_intent": intent})
    await shop.catch_up()
    told = [await shop.events(type_) for type_ in TYPES]
    return payment, [told[0][0], told[1][0], told[2][0], told[3][1], told[4][0]]


def about(events: list[Json], model: Json, payment: Json, number: int) -> list[Json]:
    """Tell the same of another payment: every name in the events becomes one of its own."""
    text = NAMES.sub(lambda found: f"{found[0]}x{number}", json.dumps(events))
    told: list[Json] = json.loads(text.replace(model["id"], payment["id"]))
    return told


async def the_end(shop: Any, payment: Json) -> Json:
    """Lay open all that came of a payment, in words that are the same for every payment."""
    id_ = uuid_of(payment)
    shown = await shop.show(payment)
    user = await shop.owner.fetchval("SELECT user_id FROM payment WHERE id = $1", id_)
    refunds = await shop.owner.fetch("SELECT * FROM refund WHERE payment_id = $1 ORDER BY amount", id_)
    disputes = await shop.owner.fetch("SELECT * FROM dispute WHERE payment_id = $1", id_)
    roles = {id_: "payment", user: "user"}
    roles |= {row["id"]: f"refund of {row['amount']}" for row in refunds}
    roles |= {row["id"]: "dispute" for row in disputes}
    lines = await shop.owner.fetch(
        """
        SELECT journal.source_id::uuid AS source, journal.kind, debit.code AS debit, credit.code AS credit, amount
        FROM journal JOIN posting ON posting.journal_id = journal.id
        JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id
        WHERE journal.source_id::uuid = ANY($1::uuid[])
        """,
        list(roles),
    )
    entries = await shop.owner.fetch("SELECT kind, amount, source FROM wallet_entry WHERE user_id = $1", user)
    events = await shop.owner.fetch("SELECT id, type, subject FROM outbox_event WHERE payment_id = $1", id_)
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


async def test_all_120_orders_of_five_events_with_duplicates_end_like_the_order_in_which_they_happened(
    shop: Any,
) -> None:
    model, life = await a_life(shop)
    payments = [await shop.opened(capture_method="manual", user=f"user {number}") for number, _ in enumerate(ORDERS)]
    lives = [about(life, model, payment, number) for number, payment in enumerate(payments)]
    for place in range(5):
        for order, events in zip(ORDERS, lives, strict=True):
            event = events[order[place]]
            await shop.hear(event)
            await shop.hear(event)
            await shop.hear(event | {"id": f"{event['id']}again"})
        await shop.settle()
    await shop.catch_up()
    ends = [await the_end(shop, payment) for payment in payments]
    reference = ends[ORDERS.index((0, 1, 2, 3, 4))]
    assert reference["status"] == ("succeeded", 199, PART + REST, 0)
    assert reference["disputed"] == (50, [("needs_response", 50)])
    assert reference["fulfilment"]["revoked"] == 120 * (PART + REST) // 199
    assert ("dispute.opened", "dispute") in reference["events"]
    assert {"payment.authorized", "payment.succeeded", "refund.created"} < reference["events under their own ids"]
    for order, end in zip(ORDERS, ends, strict=True):
        assert end == reference, order
