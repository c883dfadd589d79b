"""What everybody would say of one payment of 120 credits, of which half went back: sound, until a test spoils it."""

import base64
import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.ops.chaos.oracle.evidence import Evidence

PAYMENT, REFUND, MESSAGE = (str(UUID(int=(1 << 80) * 1_700_000_000_000 + number)) for number in (1, 2, 3))
SHOWN, REFUND_SHOWN = ids.text("payment", UUID(PAYMENT)), ids.text("refund", UUID(REFUND))
KEY, PRICE, BACK = "purchase-1-0", 398, 199
EVENTS = (
    ("payment.created", PAYMENT, {"amount": PRICE, "currency": "EUR"}),
    ("payment.succeeded", PAYMENT, {"amount": PRICE, "currency": "EUR"}),
    ("fulfilment.delivered", PAYMENT, {"granted": 240}),
    ("refund.created", REFUND, {"amount": BACK, "currency": "EUR"}),
    ("fulfilment.revoked", PAYMENT, {"revoked": 120}),
    ("refund.succeeded", REFUND, {"amount": BACK, "currency": "EUR"}),
)
SECRET = "whsec_" + base64.b64encode(b"only the merchant knows").decode()

Json = dict[str, Any]


def event(number: int) -> str:
    """Name an event by its place."""
    return str(UUID(int=(1 << 80) * 1_700_000_001_000 + number))


def taken(number: int, kind: str = "", data: Json | None = None, key: str = SECRET) -> Json:
    """Write what the merchant says of an event that it was told once."""
    if not kind:
        kind, _, data = EVENTS[number - 1]
    message, body = ids.text("event", UUID(event(number))), json.dumps({"type": kind, "timestamp": "…", "data": data})
    signed = f"{message}.1795255200.{body}".encode()
    right = base64.b64encode(hmac.digest(base64.b64decode(key.removeprefix("whsec_")), signed, "sha256")).decode()
    return {
        "message": message,
        "digest": f"of {number}",
        "times": 1,
        "timestamp": "1795255200",
        "signature": f"v1,{right}",
        "body": body,
    }


@dataclass(slots=True, kw_only=True)
class Deposition(Evidence):
    """Hold evidence that a test may change."""

    journal: list[Json]
    rows: dict[str, list[Json]]
    taken: list[Json]


def told() -> Deposition:
    """Gather it anew, so that a test may change all of it."""
    wish = {
        "package": "credits_120",
        "currency": "EUR",
        "quantity": 2,
        "user": "ana",
        "metadata": {"purchase": KEY},
    }
    answer = {"id": SHOWN, "amount": PRICE, "currency": "EUR", "metadata": {"purchase": KEY}}
    back = {"id": REFUND_SHOWN, "amount": BACK, "payment": SHOWN}
    journal: list[Json] = [
        {"at": 1, "n": 0, "begin": {"key": KEY}},
        {"at": 2, "n": 0, "ask": "create", "key": KEY, "body": wish},
        {"at": 3, "n": 0, "told": "create", "key": KEY, "status": 201, "body": answer},
        {"at": 4, "n": 0, "told": "pay", "payment": SHOWN, "status": 200, "body": {}},
        {"at": 5, "n": 0, "told": "refund", "key": "refund", "status": 201, "body": back},
        {"at": 6, "n": 0, "end": "succeeded", "payment": SHOWN},
    ]
    line = {"captured": PRICE, "refunded": BACK, "disputed": 0, "captures": 1, "currency": "eur"}
    books: dict[str, Json] = {
        "stripe": {"payment_intents": [{**line, "metadata": {"payment": SHOWN}}]},
        "square": {"payments": []},
    }
    state = {"status": "succeeded", "amount": PRICE, "currency": "EUR"}
    state |= {"amount_captured": PRICE, "amount_refunded": BACK}
    webhook = {"gateway": "stripe", "event": "evt_1", "type": "paid", "object": "pi_1", "state": "delivered"}
    return Deposition(
        journal=journal,
        rows=rows(state),
        books=books,
        webhooks=[{**webhook, "spoil": None}],
        taken=[taken(number) for number in range(1, len(EVENTS) + 1)],
        secret=SECRET,
        shown={SHOWN: {"id": SHOWN, **state}},
        replayed={KEY: {"id": SHOWN, "http_status": 201}},
    )


def rows(state: Json) -> dict[str, list[Json]]:
    """Write what the database holds."""
    more = {"amount_refunding": 0, "amount_disputed": 0, "amount_lost": 0, "user": "u", "package": "credits_120"}
    events = [
        {"id": event(number), "seq": number, "type": kind, "subject": subject, "payment": PAYMENT}
        | {"data": json.dumps(data)}
        for number, (kind, subject, data) in enumerate(EVENTS, start=1)
    ]
    refund = {"payment": PAYMENT, "amount": BACK, "status": "succeeded", "origin": "us", "surplus": False}
    entries = [("grant", 240, 0, 240, PAYMENT), ("revoke", -120, 240, 120, REFUND)]
    message = {"id": MESSAGE, "gateway": "stripe", "event": "evt_1", "type": "paid", "status": "processed"}
    found: dict[str, list[Json]] = {
        "users": [{"id": "u", "name": "ana"}],
        "payments": [{"id": PAYMENT, "gateway": "stripe", "purchase": KEY, **state, **more}],
        "refunds": [{"id": REFUND, "currency": "EUR", "gateway": "stripe", **refund}],
        "disputes": [],
        "attempts": [{"payment": PAYMENT, "ordinal": 1, "gateway": "stripe", "outcome": "accepted"}],
        "changes": [{"payment": PAYMENT, "status_after": "succeeded", "step": "captured", "amount": PRICE}],
        "entitlements": [{"payment": PAYMENT, "user": "u", "granted": 240, "revoked": 120}],
        "undelivered": [],
        "wallets": [{"user": "u", "balance": 120, "debt": 0, "frozen": 0}],
        "entries": [
            {"user": "u", "kind": kind, "amount": by, "balance_before": before, "balance_after": after, "source": of}
            for kind, by, before, after, of in entries
        ],
        "journals": [
            journal("capture", "payment", PAYMENT, "capture"),
            journal("grant", "payment", PAYMENT, "grant"),
            journal("requested", "refund", REFUND, "requested"),
            journal("succeeded", "refund", REFUND, "succeeded"),
        ],
        "postings": [
            posting(1, "capture", CLEARING, "deferred:EUR", PRICE),
            posting(2, "grant", "credits:issuer", "wallet:u", 240, "CREDITS"),
            posting(3, "requested", "deferred:EUR", "refund_payable:EUR", BACK),
            posting(4, "requested", "wallet:u", "credits:issuer", 120, "CREDITS"),
            posting(5, "succeeded", "refund_payable:EUR", CLEARING, BACK),
        ],
        "inbox": [{**message, "reason": None}],
        "operations": [],
        "outbox": events,
        "deliveries": [{"event": each["id"], "status": "succeeded", "tries": 1, "taken": 1} for each in events],
        "unsealed": [],
    }
    summed_up(found)
    seal(found)
    return found


CLEARING = "gateway:stripe:clearing:EUR"


def journal(id_: str, source: str, source_id: str, kind: str) -> Json:
    """Write the head of a journal."""
    times = {"effective_us": 1, "recorded_us": 2}
    return {"id": id_, "source": source, "source_id": source_id, "kind": kind, "sha": "ab", "correlation": None} | times


def posting(id_: int, of: str, debit: str, credit: str, amount: int, currency: str = "EUR") -> Json:
    """Write one line of a journal."""
    currencies = dict.fromkeys(("currency", "debit_currency", "credit_currency"), currency)
    return {"id": id_, "journal": of, "debit": debit, "credit": credit, "amount": amount, **currencies}


def summed_up(found: dict[str, list[Json]]) -> None:
    """Let accounts say what was posted to them."""
    accounts: dict[str, Json] = {}
    for each in found["postings"]:
        for side in ("debit", "credit"):
            code = each[side]
            guarded = code.startswith(("wallet:", "wallet_frozen:"))
            blank = {"code": code, "currency": each["currency"], "guarded": guarded}
            account = accounts.setdefault(code, {**blank, "debits": 0, "credits": 0, "held": 0})
            account[f"{side}s"] += each["amount"]
    found["accounts"] = list(accounts.values())


def seal(found: dict[str, list[Json]]) -> None:
    """Seal every journal, and write the log of what people did."""
    digests = []
    for each in found["journals"]:
        moved = [
            [one["id"], one["debit"], one["credit"], one["currency"], one["amount"]]
            for one in found["postings"]
            if one["journal"] == each["id"]
        ]
        digests.append(hashed([*list(each.values())[:5], each["effective_us"], each["recorded_us"], None, moved]))
    first = hashed([0, "", 1, []])
    names = [each["id"] for each in found["journals"]]
    second = hashed([1, first, 2, [list(pair) for pair in zip(names, digests, strict=True)]])
    found["seals"] = [
        {"number": 0, "previous": "", "hash": first, "journals": [], "digests": [], "sealed_us": 1},
        {"number": 1, "previous": first, "hash": second, "journals": names, "digests": digests, "sealed_us": 2},
    ]
    one, two = ('[1, "ana", "key.issued"]', '[2, "ana", "key.ended"]')
    before = sha256(one.encode()).digest()
    found["audit"] = [
        {"number": 1, "said": one, "digest": before},
        {"number": 2, "said": two, "digest": sha256(before + two.encode()).digest()},
    ]


def hashed(what: object) -> str:
    """Hash something as PostgreSQL writes it in JSON."""
    return sha256(json.dumps(what, ensure_ascii=False).encode()).hexdigest()
