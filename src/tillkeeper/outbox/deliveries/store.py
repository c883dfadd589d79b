"""All SQL of the deliveries."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.egress import Reply
from tillkeeper.outbox.deliveries.values import Delivery, Verdict
from tillkeeper.outbox.endpoints import Span
from tillkeeper.outbox.values import Numbered


async def wanted(tx: Transaction, spans: Sequence[Span]) -> list[tuple[UUID, UUID, int]]:
    """List what endpoints want of their stretches: endpoint, event and its number."""
    rows = await tx.fetch(
        """
        SELECT endpoint.id AS endpoint, event.id AS event, event.seq
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS span (endpoint, after, until)
        JOIN webhook_endpoint AS endpoint ON endpoint.id = span.endpoint
        JOIN outbox_event AS event ON event.seq > span.after AND event.seq <= span.until
        WHERE '*' = ANY (types) OR event.type = ANY (types)
        ORDER BY endpoint.id, event.seq
        """,
        [span.endpoint for span in spans],
        [span.after for span in spans],
        [span.until for span in spans],
    )
    return [(row["endpoint"], row["event"], row["seq"]) for row in rows]


async def insert(tx: Transaction, owed: Sequence[tuple[UUID, UUID, UUID, int]]) -> None:
    """Add deliveries; one that was not taken yet begins anew, and keeps its lease when it is on its way."""
    await tx.execute(
        """
        INSERT INTO webhook_delivery AS known (id, endpoint_id, event_id, seq)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
        ON CONFLICT (endpoint_id, event_id) DO UPDATE
        SET status = 'pending', failures = 0, due_at = now(), finished_at = NULL
        WHERE known.status IN ('dead', 'pending')
        """,
        *([each[place] for each in owed] for place in range(4)),
    )


async def queue_up(tx: Transaction) -> None:
    """Let one worker at a time count what is under way; before the count, which else would not see what others took."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('webhook deliveries', 0))")


async def claim(
    tx: Transaction, token: UUID, limit: int, *, shared: int, endpoint_max: int, lease_seconds: int
) -> list[Delivery]:
    """Lease deliveries that are due and that nobody holds, for each endpoint its share and at most `endpoint_max`."""
    rows = await tx.fetch(
        """
        WITH share AS MATERIALIZED (
            SELECT least($5, $3 / greatest(count(*), 1)) AS places FROM webhook_endpoint WHERE enabled
        ), due AS MATERIALIZED (
            SELECT next.id
            FROM webhook_endpoint AS endpoint CROSS JOIN LATERAL (
                SELECT id, due_at, seq FROM webhook_delivery
                WHERE endpoint_id = endpoint.id AND status = 'pending' AND due_at <= (SELECT clock_timestamp())
                  AND (lease_until IS NULL OR lease_until <= clock_timestamp())
                ORDER BY due_at, seq
                LIMIT greatest(0, (SELECT places FROM share) - (SELECT count(*) FROM webhook_delivery AS held
                                        WHERE held.endpoint_id = endpoint.id AND held.lease_until IS NOT NULL
                                          AND held.lease_until > clock_timestamp()))
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS next
            WHERE endpoint.enabled
            ORDER BY next.due_at, next.seq LIMIT $2
        )
        UPDATE webhook_delivery AS delivery
        SET lease_token = $1, lease_until = clock_timestamp() + $4 * interval '1 second'
        FROM due, webhook_endpoint AS endpoint, outbox_event AS event
        WHERE delivery.id = due.id AND endpoint.id = delivery.endpoint_id AND event.id = delivery.event_id
        RETURNING delivery.id, lease_token, endpoint_id, url, secret, event_id, event.seq, type, data,
                  event.created_at, CASE WHEN previous_until > clock_timestamp() THEN previous_secret END AS previous
        """,
        token,
        limit,
        shared,
        lease_seconds,
        endpoint_max,
    )
    return sorted(map(_delivery, rows), key=lambda delivery: delivery.event.seq)


async def hold(tx: Transaction, delivery: Delivery) -> tuple[int, bool] | None:
    """Lock a delivery under its lease; tell its failures by now, and whether it was sent to an address of the past.

    None when somebody else has taken the lease over, or when nothing is owed any more.
    """
    row = await tx.fetchrow(
        """
        SELECT failures, url <> $3 AS moved
        FROM webhook_delivery AS delivery JOIN webhook_endpoint AS endpoint ON endpoint.id = endpoint_id
        WHERE delivery.id = $1 AND lease_token = $2 AND status = 'pending'
        FOR NO KEY UPDATE OF delivery
        """,
        delivery.id,
        delivery.token,
        delivery.url,
    )
    return (row["failures"], row["moved"]) if row else None


async def record(tx: Transaction, delivery: Delivery, reply: Reply, verdict: Verdict) -> None:
    """Give the lease of a locked delivery back, and write the try down."""
    await tx.execute(
        """
        WITH done AS (
            UPDATE webhook_delivery
            SET status = $2, tries = tries + 1, failures = failures + 1, lease_token = NULL, lease_until = NULL,
                due_at = clock_timestamp() + $3 * interval '1 millisecond',
                finished_at = CASE WHEN $2 <> 'pending' THEN clock_timestamp() END
            WHERE id = $1
            RETURNING id, tries
        )
        INSERT INTO webhook_try (delivery_id, number, status, latency_ms, error, body)
        SELECT id, tries, $4, $5, $6, $7 FROM done
        """,
        delivery.id,
        verdict.status,
        verdict.delay_ms,
        reply.status,
        reply.latency_ms,
        reply.error,
        reply.body,
    )


async def endpoint_of(tx: Transaction, delivery: UUID) -> bool | None:
    """Lock a delivery, and tell whether its endpoint is on; None when there is no such delivery."""
    found: bool | None = await tx.fetchval(
        """
        SELECT enabled FROM webhook_delivery AS delivery JOIN webhook_endpoint AS endpoint ON endpoint.id = endpoint_id
        WHERE delivery.id = $1 FOR NO KEY UPDATE OF delivery
        """,
        delivery,
    )
    return found


async def resend(tx: Transaction, delivery: UUID) -> None:
    """Make a delivery due now, with the whole schedule before it; one that is on its way keeps its lease."""
    await tx.execute(
        """
        UPDATE webhook_delivery SET status = 'pending', failures = 0, due_at = clock_timestamp(), finished_at = NULL
        WHERE id = $1
        """,
        delivery,
    )


async def cancel(tx: Transaction, endpoint: UUID) -> None:
    """End what is pending; whoever is sending it loses the lease."""
    await tx.execute(
        """
        UPDATE webhook_delivery
        SET status = 'canceled', finished_at = clock_timestamp(), lease_token = NULL, lease_until = NULL
        WHERE endpoint_id = $1 AND status = 'pending'
        """,
        endpoint,
    )


def _delivery(row: Record) -> Delivery:
    return Delivery(
        id=row["id"],
        token=row["lease_token"],
        endpoint=row["endpoint_id"],
        url=row["url"],
        secrets=tuple(secret for secret in (row["secret"], row["previous"]) if secret),
        event=Numbered(
            id=row["event_id"], seq=row["seq"], type=row["type"], data=row["data"], created_at=row["created_at"]
        ),
    )
