"""All SQL of the inbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.inbox.values import Arrival, Batch, Ending, Message, Selection
from tillkeeper.kernel.db import Record, Transaction


async def insert(tx: Transaction, arrivals: Sequence[Arrival], *, count: bool) -> tuple[set[UUID], set[UUID]]:
    """Store what is new and ring for the worker; return it, and what is a copy of something that was not to be found.

    What is known by its id or by its content is left alone, and `count`ed beside it, so that nobody waits for its
    lock. A statement sees nothing of what another process is just storing.
    """
    row = await tx.fetchrow(
        """
        WITH came AS (
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bytea[])
                AS came (id, gateway, event_id, content_sha, type, sealed)
        ), new AS (
            INSERT INTO inbox_message (id, gateway, event_id, content_sha, type)
            SELECT id, gateway, event_id, content_sha, type FROM came
            ON CONFLICT DO NOTHING
            RETURNING id, gateway, event_id, content_sha
        ), body AS (
            INSERT INTO inbox_body (message_id, sealed) SELECT id, sealed FROM came JOIN new USING (id)
        ), copy AS MATERIALIZED (
            SELECT id, coalesce(
                (SELECT id FROM inbox_message AS there
                 WHERE there.gateway = came.gateway AND there.event_id = came.event_id),
                (SELECT id FROM inbox_message AS there
                 WHERE there.gateway = came.gateway AND there.content_sha = came.content_sha),
                (SELECT id FROM new AS first
                 WHERE first.gateway = came.gateway
                   AND (first.event_id = came.event_id OR first.content_sha = came.content_sha) LIMIT 1)
            ) AS message_id
            FROM came WHERE id NOT IN (SELECT id FROM new)
        ), counted AS (
            INSERT INTO inbox_duplicate (message_id) SELECT message_id FROM copy WHERE message_id IS NOT NULL AND $7
        )
        SELECT (SELECT array_agg(id) FROM new) AS new,
               (SELECT array_agg(id) FROM copy WHERE message_id IS NULL) AS unseen,
               (SELECT pg_notify('till_work', '') WHERE EXISTS (SELECT FROM new))
        """,
        [arrival.id for arrival in arrivals],
        [arrival.gateway for arrival in arrivals],
        [arrival.event_id for arrival in arrivals],
        [arrival.content_sha for arrival in arrivals],
        [arrival.type for arrival in arrivals],
        [arrival.body for arrival in arrivals],
        count,
    )
    assert row, "a row without a table is always there"
    return set(row["new"] or ()), set(row["unseen"] or ())


async def insert_duplicates(tx: Transaction, arrivals: Sequence[Arrival]) -> None:
    """Count arrivals of what is there by now."""
    await tx.execute(
        """
        INSERT INTO inbox_duplicate (message_id)
        SELECT id FROM (
            SELECT coalesce(
                (SELECT id FROM inbox_message AS there
                 WHERE there.gateway = came.gateway AND there.event_id = came.event_id),
                (SELECT id FROM inbox_message AS there
                 WHERE there.gateway = came.gateway AND there.content_sha = came.content_sha)
            ) AS id
            FROM unnest($1::text[], $2::text[], $3::bytea[]) AS came (gateway, event_id, content_sha)
        ) AS known
        WHERE id IS NOT NULL
        """,
        [arrival.gateway for arrival in arrivals],
        [arrival.event_id for arrival in arrivals],
        [arrival.content_sha for arrival in arrivals],
    )


async def see_versions(tx: Transaction, seen: Sequence[tuple[str, str]], at: datetime) -> None:
    """Write when versions of gateways' APIs were seen."""
    await tx.execute(
        """
        INSERT INTO gateway_version AS known (gateway, version, first_seen_at, last_seen_at)
        SELECT gateway, version, $3, $3 FROM unnest($1::text[], $2::text[]) AS seen (gateway, version)
        ON CONFLICT (gateway, version) DO UPDATE
        SET last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
        """,
        [gateway for gateway, _ in seen],
        [version for _, version in seen],
        at,
    )


async def lock_due(tx: Transaction, limit: int) -> list[UUID]:
    """Lock the oldest due messages that nobody else is looking at."""
    rows = await tx.fetch(
        """
        SELECT id FROM inbox_message
        WHERE status IN ('received', 'parked') AND due_at <= clock_timestamp()
          AND NOT EXISTS (SELECT FROM inbox_batch WHERE inbox_message.id = ANY (messages))
        ORDER BY due_at, id
        LIMIT $1
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        limit,
    )
    return [row["id"] for row in rows]


async def open_batch(tx: Transaction, batch: UUID, due: Sequence[UUID], lease_seconds: int) -> Batch | None:
    """Write down which locked messages are about to be touched.

    A batch that was committed while we locked is seen only by this second statement; its messages are left to it.
    """
    row = await tx.fetchrow(
        """
        INSERT INTO inbox_batch (id, messages, lease_until)
        SELECT $1, array_agg(due.id ORDER BY due.place), clock_timestamp() + $3 * interval '1 second'
        FROM unnest($2::uuid[]) WITH ORDINALITY AS due (id, place)
        WHERE NOT EXISTS (SELECT FROM inbox_batch WHERE due.id = ANY (messages))
        HAVING count(*) > 0
        RETURNING id, messages
        """,
        batch,
        due,
        lease_seconds,
    )
    return Batch(id=row["id"], messages=tuple(row["messages"])) if row else None


async def any_lost(tx: Transaction) -> bool:
    """Tell whether a batch is there whose worker has died."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM inbox_batch WHERE lease_until <= clock_timestamp())"))


async def take_lost_batch(tx: Transaction) -> Batch | None:
    """Take over a batch whose worker has died, unless a message that was in one is being tried on its own."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('inbox trial', 0))")
    row = await tx.fetchrow(
        """
        DELETE FROM inbox_batch WHERE id = (
            SELECT id FROM inbox_batch
            WHERE lease_until <= clock_timestamp()
              AND NOT EXISTS (SELECT FROM inbox_batch WHERE id = ANY (messages) AND lease_until > clock_timestamp())
            ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, messages
        """
    )
    return Batch(id=row["id"], messages=tuple(row["messages"])) if row else None


async def lay_apart(tx: Transaction, messages: Sequence[UUID]) -> None:
    """Write down each message as a batch of its own whose worker has died."""
    await tx.execute(
        """
        INSERT INTO inbox_batch (id, messages, lease_until)
        SELECT id, ARRAY[id], clock_timestamp() FROM unnest($1::uuid[]) AS message (id)
        ON CONFLICT DO NOTHING
        """,
        list(messages),
    )


async def suspect(tx: Transaction, message: UUID, deaths_max: int, lease_seconds: int) -> bool:
    """Count a try at a message before it is made, in a batch of its own; false when it has had enough of them."""
    counted = await tx.fetchrow(
        """
        UPDATE inbox_message
        SET deaths = deaths + 1,
            status = CASE WHEN deaths >= $2 THEN 'dead' ELSE status END,
            reason = CASE WHEN deaths >= $2 THEN 'it ended every worker that touched it' ELSE reason END,
            finished_at = CASE WHEN deaths >= $2 THEN clock_timestamp() END
        WHERE id = $1 AND status IN ('received', 'parked')
        RETURNING status
        """,
        message,
        deaths_max,
    )
    if counted is None or counted["status"] == "dead":
        return False
    await tx.execute(
        "INSERT INTO inbox_batch (id, messages, lease_until) "
        "VALUES ($1::uuid, ARRAY[$1::uuid], clock_timestamp() + $2 * interval '1 second')",
        message,
        lease_seconds,
    )
    return True


async def absolve(tx: Transaction, message: UUID) -> None:
    """Count a try less, and let the batch of a single message be taken over at once."""
    await tx.execute("UPDATE inbox_message SET deaths = deaths - 1 WHERE id = $1 AND deaths > 0", message)
    await tx.execute("UPDATE inbox_batch SET lease_until = clock_timestamp() WHERE id = $1", message)


async def close_batch(tx: Transaction, batch: UUID) -> None:
    """Forget a batch that was worked on."""
    await tx.execute("DELETE FROM inbox_batch WHERE id = $1", batch)


async def claim(tx: Transaction, messages: Sequence[UUID]) -> list[Message]:
    """Lock messages that are still to be done, oldest first, skipping those that another worker holds."""
    rows = await tx.fetch(
        """
        SELECT id, gateway, type, coalesce(sealed, '') AS body, attempts
        FROM inbox_message LEFT JOIN inbox_body ON message_id = id
        WHERE id = ANY($1::uuid[]) AND status IN ('received', 'parked')
        ORDER BY due_at, id
        FOR NO KEY UPDATE OF inbox_message SKIP LOCKED
        """,
        list(messages),
    )
    return [_message(row) for row in rows]


async def dead(tx: Transaction, message: UUID) -> dict[str, str] | None:
    """Read what is known of a message that was given up."""
    row = await tx.fetchrow(
        "SELECT gateway, type, reason FROM inbox_message WHERE id = $1 AND status = 'dead'", message
    )
    return dict(row) if row else None


async def requeue(tx: Transaction, selection: Selection, limit: int) -> list[UUID]:
    """Make messages due again, with all their attempts before them."""
    rows = await tx.fetch(
        """
        UPDATE inbox_message
        SET status = 'received', attempts = 0, deaths = 0, due_at = clock_timestamp(), finished_at = NULL
        WHERE id IN (
            SELECT id FROM inbox_message
            WHERE EXISTS (SELECT FROM inbox_body WHERE message_id = inbox_message.id)
              AND status = ANY($1::text[]) AND ($2::text IS NULL OR gateway = $2) AND ($3::text IS NULL OR type = $3)
              AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($5::timestamptz IS NULL OR received_at < $5)
            ORDER BY received_at LIMIT $6
            FOR NO KEY UPDATE
        )
        RETURNING id
        """,
        list(selection.statuses),
        selection.gateway,
        selection.type,
        selection.since,
        selection.until,
        limit,
    )
    return [row["id"] for row in rows]


async def set_status(tx: Transaction, message: UUID, status: str, reason: str) -> bool:
    """Move one message by hand; false when there is none."""
    return bool(
        await tx.execute(
            """
            UPDATE inbox_message
            SET status = $2, reason = $3, attempts = 0, deaths = 0, due_at = clock_timestamp(), waits_for = NULL,
                finished_at = CASE WHEN $2 = 'received' THEN NULL ELSE clock_timestamp() END
            WHERE id = $1
            """,
            message,
            status,
            reason,
        )
    )


async def seen_until(tx: Transaction, gateway: str) -> datetime | None:
    """Read up to when a gateway's own list of events was gone through."""
    found: datetime | None = await tx.fetchval("SELECT seen_until FROM catch_up WHERE gateway = $1", gateway)
    return found


async def save_seen_until(tx: Transaction, gateway: str, moment: datetime) -> None:
    """Write up to when a gateway's own list of events was gone through."""
    await tx.execute(
        """
        INSERT INTO catch_up (gateway, seen_until, ran_at) VALUES ($1, $2, clock_timestamp())
        ON CONFLICT (gateway) DO UPDATE
        SET seen_until = greatest(catch_up.seen_until, excluded.seen_until), ran_at = excluded.ran_at
        """,
        gateway,
        moment,
    )


async def finish(tx: Transaction, endings: Sequence[Ending]) -> None:
    """Write how each message ended, or when it is to be tried again."""
    await tx.execute(
        """
        UPDATE inbox_message AS message
        SET status = ending.status, reason = ending.reason,
            payment_id = coalesce(ending.payment_id, message.payment_id), waits_for = ending.waits_for,
            attempts = message.attempts + ending.counted,
            due_at = CASE WHEN ending.delay_ms IS NULL THEN message.due_at
                          ELSE clock_timestamp() + ending.delay_ms * interval '1 millisecond' END,
            finished_at = CASE WHEN ending.status IN ('received', 'parked') THEN NULL ELSE clock_timestamp() END
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::int[])
             AS ending (id, status, reason, payment_id, waits_for, delay_ms, counted)
        WHERE message.id = ending.id
        """,
        [ending.message for ending in endings],
        [ending.status for ending in endings],
        [ending.reason for ending in endings],
        [ending.payment for ending in endings],
        [ending.waits_for for ending in endings],
        [ending.delay_ms for ending in endings],
        [int(ending.delay_ms is not None) for ending in endings],
    )


async def release(tx: Transaction, waited_for: Sequence[str]) -> None:
    """Make parked messages due, now that what they waited for is known; one that is being worked on sees it itself."""
    await tx.execute(
        """
        UPDATE inbox_message
        SET status = 'received', due_at = clock_timestamp(), waits_for = NULL, attempts = 0
        WHERE id IN (
            SELECT id FROM inbox_message WHERE status = 'parked' AND waits_for = ANY($1::text[])
            FOR NO KEY UPDATE SKIP LOCKED
        )
        """,
        list(waited_for),
    )


def _message(row: Record) -> Message:
    return Message(id=row["id"], gateway=row["gateway"], type=row["type"], body=row["body"], attempts=row["attempts"])


async def is_emptied(tx: Transaction, message: UUID) -> bool:
    """Tell whether a message is there, and what it said is not."""
    empty = "SELECT NOT EXISTS (SELECT FROM inbox_body WHERE message_id = $1) FROM inbox_message WHERE id = $1"
    return bool(await tx.fetchval(empty, message))


untied_seconds_max = 120
"""A page may be sought among years of messages."""


async def untied(tx: Transaction, since: datetime, after: UUID | None, limit: int) -> list[tuple[UUID, bytes]]:
    """List finished messages without a payment, by their ids, which sort by age."""
    rows = await tx.fetch_long(
        """
        SELECT id, sealed FROM inbox_message JOIN inbox_body ON message_id = id
        WHERE payment_id IS NULL AND finished_at IS NOT NULL AND received_at >= $1
          AND ($2::uuid IS NULL OR id > $2)
        ORDER BY id LIMIT $3
        """,
        since,
        after,
        limit,
        seconds_max=untied_seconds_max,
    )
    return [(row["id"], row["sealed"]) for row in rows]


async def about(tx: Transaction, payments: Sequence[UUID]) -> list[UUID]:
    """List the messages about payments."""
    rows = await tx.fetch("SELECT id FROM inbox_message WHERE payment_id = ANY ($1::uuid[])", list(payments))
    return [row["id"] for row in rows]


async def erase(tx: Transaction, payments: Sequence[UUID], others: Sequence[UUID]) -> int:
    """Empty finished messages."""
    return await tx.execute(
        """
        WITH emptied AS (
            DELETE FROM inbox_body USING inbox_message AS message
            WHERE message.id = message_id AND message.finished_at IS NOT NULL
              AND (message.payment_id = ANY ($1::uuid[]) OR message.id = ANY ($2::uuid[]))
            RETURNING message_id
        )
        UPDATE inbox_message SET reason = CASE WHEN reason IS NULL THEN NULL ELSE 'erased' END
        WHERE id IN (SELECT message_id FROM emptied)
        """,
        list(payments),
        list(others),
    )


async def forget_bodies(tx: Transaction, before: UUID, limit: int) -> int:
    """Forget what old messages said that were applied or had no effect; ids sort by age, so the oldest are first."""
    return await tx.execute(
        """
        DELETE FROM inbox_body WHERE message_id IN (
            SELECT message_id FROM inbox_body JOIN inbox_message ON id = message_id
            WHERE message_id < $1 AND status IN ('processed', 'ignored')
            ORDER BY message_id LIMIT $2
        )
        """,
        before,
        limit,
    )
