"""What comes after a death: leases end, the worker works, and what there is at last can be compared."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from tests.laundry import Laundry

from tillkeeper.flows.deliver import deliver
from tillkeeper.flows.operate import operate
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.till import Till
from tillkeeper.worker import schedule

rounds = 3
"""So often everybody goes on after a death; each round may leave work for the next."""
LEASED = ("idempotency_key", "operation", "inbox_batch", "mail_letter", "webhook_delivery", "schedule_run")
WORK = [job for job in schedule.DRAINS if job.name not in {"catch_up", "examine", "reconcile", "seal", "expire"}]
"""What a worker does about what was left lying; the rest comes at its own time and asks others."""
WALLET = "regexp_replace({}, ':[0-9a-f]{{8}}-[0-9a-f-]+', '')"
MOMENT = "regexp_replace({}, ':[0-9]{{4}}-.*', '')"
SHAPE = {
    "books": f"""
        SELECT journal.source, {MOMENT.format("kind")}, posting.currency, amount, {WALLET.format("debit.code")},
               {WALLET.format("credit.code")}
        FROM journal JOIN posting ON journal_id = journal.id
        JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id""",
    "payments": """
        SELECT status, amount, currency, amount_captured, amount_refunded, amount_refunding, amount_disputed
        FROM payment""",
    "refunds": "SELECT status, amount FROM refund",
    "disputes": "SELECT status, amount FROM dispute",
    "answers": "SELECT kind FROM dispute_response",
    "goods": "SELECT granted, revoked FROM entitlement",
    "wallets": "SELECT kind, amount FROM wallet_entry",
    "cards": "SELECT ordinal, status FROM card",
    "told": "SELECT type FROM outbox_event",
    "untold": "SELECT 1 FROM outbox_event WHERE seq IS NULL",
    "waiting": "SELECT status FROM inbox_message WHERE status NOT IN ('processed', 'ignored')",
    "owed": "SELECT kind, state FROM operation WHERE state = 'asked'",
    "delivered": "SELECT status FROM webhook_delivery",
}


@contextmanager
def lent(laundry: Laundry, databases: Databases, name: str) -> Iterator[tuple[str, str]]:
    """Lend a database that looks new, by the addresses at which the program and its owner find it."""
    taken, uses = laundry.take(name)
    try:
        yield databases.app_url(taken), databases.owner_url(taken)
    finally:
        laundry.give_back(taken, uses)


async def end_leases(owner: asyncpg.Connection) -> None:
    """Let so much time pass that whoever died is taken for dead."""
    for table in LEASED:
        await owner.execute(f"UPDATE {table} SET lease_until = now() WHERE lease_until IS NOT NULL")


async def let_work(till: Till, owner: asyncpg.Connection) -> None:
    """Let the worker do all that is left, also what it would leave for later."""
    await owner.execute("UPDATE inbox_message SET due_at = now() WHERE status IN ('received', 'parked')")
    for job in WORK:
        while await job.run(till):
            pass
    await let_call(till, owner)
    await owner.execute("UPDATE webhook_delivery SET due_at = now() WHERE status = 'pending'")
    while await deliver(till):
        pass


async def let_call(till: Till, owner: asyncpg.Connection) -> None:
    """Let the worker make every call that is owed, at gateways that have had their rest."""
    await owner.execute("UPDATE gateway_state SET breaker = 'closed', failures = 0, retry_at = NULL")
    await owner.execute("UPDATE operation SET due_at = now(), lease_until = now() WHERE state = 'asked'")
    for gateway in till.gateways:
        await operate(till, gateway)


async def left_behind(owner: asyncpg.Connection) -> dict[str, Counter[Any]]:
    """Write down what there is, without the ids and moments that differ from one time to the next."""
    return {name: Counter(tuple(row) for row in await owner.fetch(sql)) for name, sql in SHAPE.items()}
