"""Evidence: what the clients, the database, the API and the gateways say, each read by itself.

Like the oracle, this imports nothing of the program: it reads files, SQL and HTTP as a stranger would.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

Json = dict[str, Any]
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
looked_at_max, asked_again_max = 500, 60
at_once = 8
tries_max = 20
WITH_KEYS = ("create", "refund", "capture")
"""What clients ask with a key, so that it may be asked again."""

QUERIES = {
    "users": "SELECT id::text, name FROM end_user",
    "payments": """
        SELECT id::text, status, gateway, currency, amount, amount_captured, amount_refunded, amount_refunding,
               amount_disputed, amount_lost, user_id::text AS user, sale ->> 'package' AS package,
               metadata ->> 'purchase' AS purchase
        FROM payment""",
    "refunds": """
        SELECT id::text, payment_id::text AS payment, amount, currency, status, origin, surplus, gateway FROM refund""",
    "disputes": """
        SELECT id::text, payment_id::text AS payment, gateway, gateway_reference AS reference, status, amount, currency
        FROM dispute""",
    "attempts": "SELECT payment_id::text AS payment, ordinal, gateway, outcome FROM attempt",
    "changes": "SELECT payment_id::text AS payment, status_after, step, amount FROM payment_change",
    "entitlements": "SELECT payment_id::text AS payment, user_id::text AS user, granted, revoked FROM entitlement",
    "undelivered": "SELECT payment_id::text AS payment, reason FROM undelivered",
    "wallets": "SELECT user_id::text AS user, balance, debt, frozen FROM wallet",
    "entries": """
        SELECT user_id::text AS user, kind, amount, balance_before, balance_after, source::text
        FROM wallet_entry ORDER BY id""",
    "accounts": """
        SELECT account.code, account.currency, account.guarded, coalesce(balance.debits, 0) + delta.debits AS debits,
               coalesce(balance.credits, 0) + delta.credits AS credits, coalesce(balance.held, 0) AS held
        FROM account LEFT JOIN balance ON balance.account_id = account.id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(debits), 0)::bigint AS debits, coalesce(sum(credits), 0)::bigint AS credits
            FROM balance_delta WHERE account_id = account.id
        ) AS delta""",
    "journals": """
        SELECT id::text, source, source_id, kind, encode(payload_sha, 'hex') AS sha, correlation_id AS correlation,
               (extract(epoch FROM effective_at) * 1000000)::bigint AS effective_us,
               (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_us
        FROM journal""",
    "postings": """
        SELECT posting.id, journal_id::text AS journal, debit.code AS debit, credit.code AS credit,
               debit.currency AS debit_currency, credit.currency AS credit_currency, posting.currency, amount
        FROM posting JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id""",
    "seals": """
        SELECT number, encode(previous, 'hex') AS previous, encode(hash, 'hex') AS hash, journals::text[],
               (extract(epoch FROM sealed_at) * 1000000)::bigint AS sealed_us,
               ARRAY(SELECT encode(digest, 'hex') FROM unnest(digests) WITH ORDINALITY AS each (digest, n) ORDER BY n)
                   AS digests
        FROM seal ORDER BY number""",
    "unsealed": "SELECT unnest(journals)::text AS journal FROM unsealed",
    "audit": """
        SELECT number, digest, jsonb_build_array(
            number, id, extract(epoch FROM at), actor, actor_name, action, subject, before, after, reason, request
        )::text AS said
        FROM audit_entry ORDER BY number""",
    "inbox": "SELECT id::text, gateway, event_id AS event, type, status, reason FROM inbox_message",
    "operations": """
        SELECT id::text, kind, payment_id::text AS payment, gateway, state, error
        FROM operation WHERE state <> 'done'""",
    "outbox": """
        SELECT id::text, seq, type, subject::text, payment_id::text AS payment, data::text FROM outbox_event""",
    "deliveries": """
        SELECT event_id::text AS event, delivery.status, counted.tries, counted.taken
        FROM webhook_delivery AS delivery CROSS JOIN LATERAL (
            SELECT count(*) AS tries, count(*) FILTER (WHERE try.status BETWEEN 200 AND 299) AS taken
            FROM webhook_try AS try WHERE try.delivery_id = delivery.id
        ) AS counted""",
}
PENDING = """
SELECT (SELECT count(*) FROM inbox_message WHERE status IN ('received', 'parked')) AS messages,
       (SELECT count(*) FROM operation WHERE state = 'asked') AS calls,
       (SELECT count(*) FROM refund WHERE status = 'pending') AS refunds,
       (SELECT count(*) FROM dispute WHERE status NOT IN ('won', 'lost', 'prevented')) AS disputes,
       (SELECT count(*) FROM payment WHERE status IN ('outcome_unknown', 'processing')) AS unknown,
       (SELECT count(*) FROM outbox_event WHERE seq IS NULL) AS unnumbered,
       (SELECT count(*) FROM webhook_endpoint
        WHERE enabled AND deleted_at IS NULL AND cursor < (SELECT coalesce(max(seq), 0) FROM outbox_event)) AS unsent,
       (SELECT count(*) FROM webhook_delivery WHERE status = 'pending') AS deliveries,
       (SELECT count(*) FROM late_delivery WHERE status = 'pending') AS goods,
       (SELECT count(*) FROM late_revocation WHERE finished_at IS NULL) AS revocations
"""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Hold what everybody says; `shown` and `replayed` are what the API answers about payments and to used keys."""

    journal: Sequence[Json]
    rows: Rows
    books: Mapping[str, Json]
    webhooks: Sequence[Json]
    taken: Sequence[Json]
    """What the merchant's program says it took: each message as it came, and how often."""
    secret: str
    """With what the merchant verifies."""
    interruptions: int = 0
    """How often somebody may have been kept from writing down what was sent, so that it came once more."""
    shown: Mapping[str, Json] = field(default_factory=dict)
    replayed: Mapping[str, Json] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    """What was still unfinished when nobody waited any longer."""


def read_journal(path: Path) -> list[Json]:
    """Read the clients' journal; a last line that was cut off by a death is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


async def pending(database: str, sandbox: str) -> dict[str, int]:
    """Count what is not finished yet, in the database and at the gateways; raises OSError and the like in an outage."""
    connection = await asyncpg.connect(database, timeout=5, command_timeout=20)
    try:
        counts = dict(await connection.fetchrow(PENDING) or {})
    finally:
        connection.terminate()
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        owed = (await client.get(f"{sandbox}/_control/webhooks")).json()["data"]
    return counts | {"webhooks": sum(each["state"] in {"due", "held"} for each in owed)}


async def collect(database: str, sandbox: str, api: str, *, key: str, secret: str, journal: Sequence[Json]) -> Evidence:
    """Ask everybody; nothing may be moving any more."""
    connection = await asyncpg.connect(database, timeout=10, command_timeout=120)
    try:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        rows = {name: [dict(row) for row in await connection.fetch(query)] for name, query in QUERIES.items()}
    finally:
        await connection.close()
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        names = (await client.get(f"{sandbox}/health")).json()["gateways"]
        books = {name: (await client.get(f"{sandbox}/_control/books/{name}")).json() for name in names}
        webhooks = (await client.get(f"{sandbox}/_control/webhooks")).json()["data"]
        taken = (await client.get(f"{sandbox}/_control/taken")).json()["data"]
        shown, replayed = await _ask_api(client, api, key, journal)
    return Evidence(
        journal=journal,
        rows=rows,
        books=books,
        webhooks=webhooks,
        taken=taken,
        secret=secret,
        shown=shown,
        replayed=replayed,
    )


async def _ask_api(
    client: httpx2.AsyncClient, api: str, key: str, journal: Sequence[Json]
) -> tuple[dict[str, Json], dict[str, Json]]:
    made = {
        line["key"]: line["body"]["id"]
        for line in journal
        if line.get("told") in WITH_KEYS and str(line.get("status", "")).startswith("2") and _has_id(line["body"])
    }
    asked = {line["key"]: line for line in journal if line.get("ask") in WITH_KEYS}
    doors, bearer = asyncio.Semaphore(at_once), {"Authorization": f"Bearer {key}"}
    shown: dict[str, Json] = {}
    replayed: dict[str, Json] = {}

    async def look(payment: str) -> None:
        async with doors:
            shown[payment] = await _ask(client, "GET", f"{api}/api/v1/payments/{payment}", bearer)

    async def repeat(used: str) -> None:
        async with doors:
            headers, line = bearer | {"Idempotency-Key": used}, asked[used]
            replayed[used] = await _ask(client, "POST", f"{api}/api/v1/{line['path']}", headers, line["body"])

    payments = sorted({id_ for key, id_ in made.items() if asked[key]["ask"] == "create"})
    async with asyncio.TaskGroup() as tasks:
        for payment in payments[:: len(payments) // looked_at_max + 1]:
            tasks.create_task(look(payment))
        for what in WITH_KEYS:
            keys = sorted(key for key in made if asked[key]["ask"] == what)
            for used in keys[:: len(keys) // asked_again_max + 1]:
                tasks.create_task(repeat(used))
    return shown, replayed


def _has_id(body: object) -> bool:
    return isinstance(body, dict) and "id" in body


async def _ask(
    client: httpx2.AsyncClient, method: str, url: str, headers: Mapping[str, str], body: Json | None = None
) -> Json:
    """Ask until there is an answer that is none of an outage."""
    for _ in range(tries_max):
        with suppress(httpx2.TransportError):
            answer = await client.request(method, url, headers=headers, json=body)
            if answer.status_code not in {409, 429, 502, 503}:
                return {"http_status": answer.status_code, **_read(answer)}
        await asyncio.sleep(1)
    return {"http_status": 0}


def _read(answer: httpx2.Response) -> Json:
    """Read an answer; what is no object of JSON is handed on as it came."""
    with suppress(ValueError):
        told = answer.json()
        if isinstance(told, dict):
            return told
    return {"text": answer.text}
