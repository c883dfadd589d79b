"""What everybody would say of one payment of 120 credits, of which half went back: sound, until a test spoils it."""

from typing import Any
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.ops.chaos.evidence import Evidence

PAYMENT, REFUND, MESSAGE = (str(UUID(int=(1 << 80) * 1_700_000_000_000 + number)) for number in (1, 2, 3))
SHOWN, REFUND_SHOWN = ids.text("payment", UUID(PAYMENT)), ids.text("refund", UUID(REFUND))
KEY = "purchase-1-0"
EVENTS = (("payment.created", PAYMENT), ("payment.succeeded", PAYMENT), ("refund.succeeded", REFUND))

Json = dict[str, Any]


def event(number: int) -> str:
    """Name an event by its place."""
    return str(UUID(int=(1 << 80) * 1_700_000_001_000 + number))


def taken(number: int) -> Json:
    """Write what the merchant says of an event that it was told once."""
    return {"message": ids.text("event", UUID(event(number))), "digest": f"of {number}", "times": 1}


def told() -> Evidence:
    """Gather it anew, so that a test may change all of it."""
    wish = {"package": "credits_120", "currency": "EUR", "quantity": 1, "metadata": {"purchase": KEY}}
    answer = {"id": SHOWN, "amount": 200, "currency": "EUR", "metadata": {"purchase": KEY}}
    back = {"id": REFUND_SHOWN, "amount": 100, "payment": SHOWN}
    journal: list[Json] = [
        {"at": 1, "n": 0, "begin": {"key": KEY}},
        {"at": 2, "n": 0, "ask": "create", "key": KEY, "body": wish},
        {"at": 3, "n": 0, "told": "create", "key": KEY, "status": 201, "body": answer},
        {"at": 4, "n": 0, "told": "pay", "payment": SHOWN, "status": 200, "body": {}},
        {"at": 5, "n": 0, "told": "refund", "key": "refund", "status": 201, "body": back},
        {"at": 6, "n": 0, "end": "succeeded", "payment": SHOWN},
    ]
    books: dict[str, Json] = {
        "stripe": {
            "payment_intents": [
                {"captured": 200, "refunded": 100, "disputed": 0, "captures": 1, "metadata": {"payment": SHOWN}}
            ]
        },
        "square": {"payments": []},
    }
    state = {"status": "succeeded", "amount": 200, "currency": "EUR", "amount_captured": 200, "amount_refunded": 100}
    webhook = {"gateway": "stripe", "event": "evt_1", "type": "paid", "object": "pi_1", "state": "delivered"}
    return Evidence(
        journal=journal,
        rows=rows(state),
        books=books,
        webhooks=[{**webhook, "spoil": None}],
        taken=[taken(number) for number in range(1, len(EVENTS) + 1)],
        shown={SHOWN: {"id": SHOWN, **state}},
        replayed={KEY: {"id": SHOWN}},
    )


def rows(state: Json) -> dict[str, list[Json]]:
    """Write what the database holds."""
    more = {"amount_refunding": 0, "amount_disputed": 0, "amount_lost": 0, "has_goods": True, "purchase": KEY}
    events = [
        {"id": event(number), "seq": number, "type": kind, "subject": subject, "payment": PAYMENT}
        for number, (kind, subject) in enumerate(EVENTS, start=1)
    ]
    refund = {"payment": PAYMENT, "amount": 100, "status": "succeeded", "origin": "us", "surplus": False}
    entries = [("grant", 120, 0, 120, PAYMENT), ("revoke", -60, 120, 60, REFUND)]
    return {
        "payments": [{"id": PAYMENT, "gateway": "stripe", **state, **more}],
        "refunds": [{"id": REFUND, "currency": "EUR", "gateway": "stripe", **refund}],
        "attempts": [{"payment": PAYMENT, "ordinal": 1, "gateway": "stripe", "outcome": "accepted"}],
        "changes": [{"payment": PAYMENT, "status_after": "succeeded", "step": "captured", "amount": 200}],
        "entitlements": [{"payment": PAYMENT, "granted": 120, "revoked": 60}],
        "undelivered": [],
        "wallets": [{"user": "ana", "balance": 60, "debt": 0, "frozen": 0}],
        "entries": [
            {
                "user": "ana",
                "kind": kind,
                "amount": by,
                "balance_before": before,
                "balance_after": after,
                "source": whose,
            }
            for kind, by, before, after, whose in entries
        ],
        "accounts": [
            {"code": "clearing", "currency": "EUR", "guarded": False, "debits": 200, "credits": 100, "held": 0},
            {"code": "owed", "currency": "EUR", "guarded": True, "debits": 100, "credits": 200, "held": 0},
        ],
        "journals": [
            {"id": "capture", "source": "payment", "source_id": PAYMENT, "kind": "capture"},
            {"id": "refund", "source": "refund", "source_id": REFUND, "kind": "refund"},
        ],
        "postings": [posting("capture", "clearing", "owed", 200), posting("refund", "owed", "clearing", 100)],
        "inbox": [
            {
                "id": MESSAGE,
                "gateway": "stripe",
                "event": "evt_1",
                "type": "paid",
                "status": "processed",
                "reason": None,
            }
        ],
        "operations": [],
        "outbox": events,
        "deliveries": [{"event": each["id"], "status": "succeeded", "taken": 1} for each in events],
    }


def posting(journal: str, debit: str, credit: str, amount: int) -> Json:
    """Write one line of a journal."""
    currencies = dict.fromkeys(("currency", "debit_currency", "credit_currency"), "EUR")
    return {"journal": journal, "debit": debit, "credit": credit, "amount": amount, **currencies}
