"""The timeline of one payment: what everybody wrote down about it, in order of time."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from tillkeeper.kernel import ids
from tillkeeper.ops.chaos.disturbing import Happening
from tillkeeper.ops.chaos.journal import Json
from tillkeeper.ops.chaos.oracle.case import LINES, OURS, TITLES, Finding, plain
from tillkeeper.ops.chaos.oracle.evidence import Evidence
from tillkeeper.ops.chaos.stage import Stage

text_length_max = 400
the_end = 2**53
"""When what has no time of its own is told, in Unix milliseconds."""
QUERIES = {
    "payment": """
        SELECT at, format('%s: %s → %s (%s, %s)', step, status_before, status_after, reason, cause) AS told
        FROM payment_change WHERE payment_id = $1""",
    "attempt": """
        SELECT created_at AS at,
               format('attempt %s at %s with key %s: %s %s', ordinal, gateway, key, outcome, error_code) AS told
        FROM attempt WHERE payment_id = $1""",
    "operation": """
        SELECT coalesce(finished_at, created_at) AS at,
               format('%s at %s, asked %s, %s after %s tries and %s doubts, key %s: %s',
                      kind, gateway, created_at, state, tries, doubts, key, error) AS told
        FROM operation WHERE payment_id = $1""",
    "inbox": """
        SELECT received_at AS at,
               format('%s %s %s, finished %s: %s %s', gateway, type, event_id, finished_at, status, reason) AS told
        FROM inbox_message WHERE payment_id = $1""",
    "refund": """
        SELECT created_at AS at,
               format('refund %s of %s %s by %s: %s, settled %s, surplus %s',
                      id, amount, currency, origin, status, settled_at, surplus) AS told
        FROM refund WHERE payment_id = $1""",
    "goods": """
        SELECT created_at AS at, format('%s %s granted, %s revoked', granted, kind, revoked) AS told
        FROM entitlement WHERE payment_id = $1""",
    "wallet": """
        SELECT at, format('%s %s: %s → %s', kind, amount, balance_before, balance_after) AS told
        FROM wallet_entry WHERE source = $1""",
    "ledger": """
        SELECT recorded_at AS at,
               format('%s %s: %s %s from %s to %s',
                      source, kind, amount, posting.currency, credit.code, debit.code) AS told
        FROM journal JOIN posting ON journal_id = journal.id
        JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id
        WHERE source_id = $1::uuid::text OR source_id IN (SELECT id::text FROM refund WHERE payment_id = $1)""",
    "outbox": """
        SELECT outbox_event.created_at AS at,
               format('event %s %s number %s: %s after %s tries',
                      type, outbox_event.id, outbox_event.seq, webhook_delivery.status, tries) AS told
        FROM outbox_event LEFT JOIN webhook_delivery ON event_id = outbox_event.id WHERE payment_id = $1""",
}

Entry = tuple[int, str, str]


async def tell(stage: Stage, found: Evidence, findings: Sequence[Finding], happened: Sequence[Happening]) -> list[str]:
    """Write a page for each violation, as far as it is about one payment."""
    pages = []
    for finding in findings:
        try:
            pages.append(await _page(stage, found, finding, happened))
        except Exception as error:  # noqa: BLE001 (a finding is told, also where its timeline cannot be)
            pages.append(f"{_head(finding)}\n  no timeline: {error!r}")
    return pages


async def _page(stage: Stage, found: Evidence, finding: Finding, happened: Sequence[Happening]) -> str:
    if finding.payment is None:
        return _head(finding)
    named = ids.text("payment", UUID(finding.payment))
    entries = [*_clients(found.journal, finding.payment), *_disturbances(happened)]
    entries += [*await _database(stage.owner_url, finding.payment), *await _gateways(stage, named, found)]
    head = [_head(finding), f"  payment    {named} ({finding.payment})", ""]
    return "\n".join([*head, *(f"{_clock(at)}  {who:<11} {told}" for at, who, told in sorted(entries))])


def _head(finding: Finding) -> str:
    return (
        f"{finding.invariant}: {TITLES[finding.invariant]}\n  about      {finding.about}\n"
        f"  found      {finding.found}\n  should be  {finding.should_be}"
    )


def _clients(journal: Sequence[Json], payment: str) -> Iterator[Entry]:
    """List what the clients whose payment it is wrote down."""
    numbers = {line["n"] for line in journal if "n" in line and payment in map(plain, OURS.findall(json.dumps(line)))}
    for line in journal:
        if line.get("n") in numbers:
            said = {name: value for name, value in line.items() if name not in {"at", "n"}}
            yield line["at"], "client", json.dumps(said)[:text_length_max]


def _disturbances(happened: Sequence[Happening]) -> Iterator[Entry]:
    for each in happened:
        where = f", at {each.met}" if each.met else ""
        yield each.at, "DISTURBANCE", f"{each.disturbance}{where}, until {_clock(each.until)}"


async def _database(url: str, payment: str) -> list[Entry]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        found: list[Entry] = []
        for who, query in QUERIES.items():
            rows: list[Any] = await connection.fetch(query, UUID(payment))
            found += [(_ms(row["at"]), who, row["told"][:text_length_max]) for row in rows]
        return found
    finally:
        await connection.close()


async def _gateways(stage: Stage, named: str, found: Evidence) -> list[Entry]:
    """List the calls that gateways had, the webhooks that they sent, and what stands in their books in the end."""
    entries: list[Entry] = []
    things = {named}
    for gateway, book in found.books.items():
        for line in book[LINES[gateway]]:
            if named in json.dumps(line):
                entries.append((the_end, gateway, f"in its books: {json.dumps(line)}"))
                things |= {value for value in line.values() if isinstance(value, str) and len(value) > len("refunded")}
    with suppress(httpx2.HTTPError):
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            calls = (await client.get(f"{stage.sandbox}/_control/calls")).json()["data"]
        entries += [
            (call["at_ms"], call["gateway"], said[:text_length_max])
            for call in calls
            if any(thing in (said := json.dumps(call)) for thing in things)
        ]
    for each in found.webhooks:
        if each["object"] in things:
            entries.append((the_end, each["gateway"], f"webhook {json.dumps(each)}"))
    return entries


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _clock(at_ms: int) -> str:
    if not 0 < at_ms < the_end:
        return "at the end  "
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
