"""Whatever somebody holds in their hands: ids of ours, of gateways, of requests, people and cards, each by an index."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError

hits_max = 20
number_max = 2**63 - 1
ID = re.compile(r"([a-z_]{1,40})_[0-9a-hjkmnp-tv-z]{26}")
SERIAL = re.compile(r"(?P<title>.*?)\s*#?\s*(?P<number>[0-9]{1,19})(?:\s+of\s+[0-9]+)?")
OURS = {
    "payment": "SELECT id, id AS payment FROM payment WHERE id = $1",
    "refund": "SELECT id, payment_id AS payment FROM refund WHERE id = $1",
    "refund_request": "SELECT id, payment_id AS payment FROM refund_request WHERE id = $1",
    "dispute": "SELECT id, payment_id AS payment FROM dispute WHERE id = $1",
    "customer": "SELECT id, NULL::uuid AS payment FROM customer WHERE id = $1",
    "user": "SELECT id, NULL::uuid AS payment FROM end_user WHERE id = $1",
    "card": "SELECT id, payment_id AS payment FROM card WHERE id = $1",
    "event": "SELECT id, payment_id AS payment FROM outbox_event WHERE id = $1",
    "message": "SELECT id, payment_id AS payment FROM inbox_message WHERE id = $1",
    "delivery": """SELECT webhook_delivery.id, outbox_event.payment_id AS payment FROM webhook_delivery
        JOIN outbox_event ON outbox_event.id = event_id WHERE webhook_delivery.id = $1""",
    "endpoint": "SELECT id, NULL::uuid AS payment FROM webhook_endpoint WHERE id = $1",
    "attempt": "SELECT id, payment_id AS payment FROM attempt WHERE id = $1",
    "response": "SELECT id, payment_id AS payment FROM dispute_response WHERE id = $1",
    "adjustment": "SELECT id, NULL::uuid AS payment FROM wallet_adjustment WHERE id = $1",
    "discrepancy": "SELECT id, payment_id AS payment FROM discrepancy WHERE id = $1",
    "payout": "SELECT id, NULL::uuid AS payment FROM payout WHERE id = $1",
    "journal": """SELECT journal.id, CASE source WHEN 'payment' THEN source_id::uuid
            WHEN 'refund' THEN (SELECT payment_id FROM refund WHERE refund.id = source_id::uuid)
            WHEN 'dispute' THEN (SELECT payment_id FROM dispute WHERE dispute.id = source_id::uuid) END AS payment
        FROM journal WHERE id = $1""",
    "audit": "SELECT id, NULL::uuid AS payment FROM audit_entry WHERE id = $1",
}
"""What has an id of its own, with the payment that it belongs to."""
THEIRS = """
SELECT 'payment' AS kind, payment_id AS id, payment_id AS payment, gateway AS note
    FROM payment_reference WHERE gateway = ANY ($1::text[]) AND reference = $2
UNION ALL SELECT 'refund', id, payment_id, gateway FROM refund
    WHERE gateway = ANY ($1::text[]) AND gateway_reference = $2
UNION ALL SELECT 'dispute', id, payment_id, gateway FROM dispute
    WHERE gateway = ANY ($1::text[]) AND gateway_reference = $2
UNION ALL SELECT 'payout', id, NULL, gateway FROM payout
    WHERE gateway = ANY ($1::text[]) AND gateway_reference = $2
UNION ALL SELECT 'message', id, payment_id, gateway FROM inbox_message
    WHERE gateway = ANY ($1::text[]) AND event_id = $2
UNION ALL SELECT 'customer', customer_id, NULL, gateway FROM customer_link WHERE reference = $2
LIMIT $3
"""
PEOPLE = """
SELECT 'user' AS kind, id, NULL::uuid AS payment, name AS note FROM end_user WHERE name = $1
UNION ALL SELECT 'customer', id, NULL, coalesce(email, external_id) FROM customer
    WHERE (lower(email) = lower($1) OR external_id = $1)
      AND NOT EXISTS (SELECT FROM end_user WHERE end_user.name = customer.external_id AND end_user.name = $1)
LIMIT $2
"""
KEYED = """
SELECT scope, body ->> 'id' AS made, body ->> 'payment' AS payment, resource_id FROM idempotency_key
WHERE key = $1 ORDER BY created_at DESC LIMIT $2
"""
REQUESTED = """
SELECT id, subject, after ->> 'payment' AS payment FROM audit_entry
WHERE request = $1 ORDER BY number LIMIT $2
"""
CARDS = """
SELECT card.id, card.payment_id AS payment, card_design.title FROM card_design
JOIN card ON card.design_id = card_design.id AND card.number = $2
WHERE $1 = '' OR lower(card_design.title) = lower($1) OR card_design.id = $1 ORDER BY card.id LIMIT $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Hold something that was found: what it is, its id as it is shown, and the payment that it belongs to."""

    kind: str
    id: str
    payment: str | None = None
    note: str | None = None
    """What tells it from others: the gateway, the name, or what was done."""


async def find(tx: Transaction, words: str, *, gateways: Sequence[str]) -> list[Hit]:
    """Find what is called so, the surest first, at most so many."""
    found = await _ours(tx, words)
    found += await _theirs(tx, words, gateways)
    found += await _people(tx, words)
    found += await _keyed(tx, words)
    found += await _requested(tx, words)
    found += await _cards(tx, words)
    return list({(hit.kind, hit.id): hit for hit in reversed(found)}.values())[::-1][:hits_max]


async def _ours(tx: Transaction, words: str) -> list[Hit]:
    """Read an id, also one whose letters somebody wrote large."""
    written = words.lower()
    prefix = found[1] if (found := ID.fullmatch(written)) else ""
    if prefix not in OURS:
        return []
    try:
        row = await tx.fetchrow(OURS[prefix], ids.parse(prefix, written))
    except NotFoundError:
        return []
    return [_hit(prefix, row)] if row else []


async def _theirs(tx: Transaction, words: str, gateways: Sequence[str]) -> list[Hit]:
    rows = await tx.fetch(THEIRS, list(gateways), words, hits_max)
    return [_hit(row["kind"], row, row["note"]) for row in rows]


async def _people(tx: Transaction, words: str) -> list[Hit]:
    rows = await tx.fetch(PEOPLE, words, hits_max)
    return [_hit(row["kind"], row, row["note"]) for row in rows]


async def _keyed(tx: Transaction, words: str) -> list[Hit]:
    """Find what was made under an idempotency key; what is still being made is known by its id alone."""
    found = []
    for row in await tx.fetch(KEYED, words, hits_max):
        made = row["made"] or await _made(tx, row["resource_id"])
        if made:
            kind = made.rpartition("_")[0]
            payment = row["payment"] if kind != "payment" else made
            found.append(Hit(kind=kind, id=made, payment=payment, note="idempotency key"))
    return found


async def _made(tx: Transaction, resource: UUID | None) -> str | None:
    for kind in ("payment", "refund", "refund_request"):
        if resource and await tx.fetchrow(OURS[kind], resource):
            return ids.text(kind, resource)
    return None


async def _requested(tx: Transaction, words: str) -> list[Hit]:
    """Find what was done in a request of the API or of a page."""
    rows = await tx.fetch(REQUESTED, words, hits_max)
    return [
        Hit(
            kind=row["subject"].rpartition("_")[0] if ID.fullmatch(row["subject"]) else "audit",
            id=row["subject"] if ID.fullmatch(row["subject"]) else ids.text("audit", row["id"]),
            payment=row["payment"],
            note="request",
        )
        for row in rows
    ]


async def _cards(tx: Transaction, words: str) -> list[Hit]:
    """Find cards by serial, with the title or the design before it where that is known."""
    found = SERIAL.fullmatch(words)
    if not found or int(found["number"]) > number_max:
        return []
    rows = await tx.fetch(CARDS, found["title"].rstrip(" ,/"), int(found["number"]), hits_max)
    return [_hit("card", row, row["title"]) for row in rows]


def _hit(kind: str, row: Record, note: str | None = None) -> Hit:
    payment = row["payment"]
    return Hit(
        kind=kind,
        id=ids.text(kind, row["id"]),
        payment=ids.text("payment", payment) if payment else None,
        note=note,
    )
