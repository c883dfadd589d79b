"""All SQL of routing."""

from collections.abc import Sequence

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.routing.values import Breaker, GatewayState, Maintenance, Switch


async def states(tx: Transaction, gateways: Sequence[str]) -> dict[str, GatewayState]:
    """Read what is known about gateways."""
    rows = await tx.fetch("SELECT * FROM gateway_state WHERE gateway = ANY($1::text[])", list(gateways))
    return {row["gateway"]: _state(row) for row in rows}


async def lock(tx: Transaction, gateway: str) -> None:
    """Lock what is known about a gateway, however little that is."""
    await tx.execute("INSERT INTO gateway_state (gateway) VALUES ($1) ON CONFLICT DO NOTHING", gateway)
    await tx.execute("SELECT FROM gateway_state WHERE gateway = $1 FOR UPDATE", gateway)


async def admit(tx: Transaction, gateway: str, patience_seconds: int) -> bool:
    """Take the one call that an open breaker lets through once its pause is over; false while it lasts."""
    row = await tx.fetchrow("SELECT breaker FROM gateway_state WHERE gateway = $1", gateway)
    if row is None or row["breaker"] == Breaker.CLOSED:
        return True
    return bool(
        await tx.execute(
            """
            UPDATE gateway_state
            SET breaker = 'half_open', retry_at = clock_timestamp() + $2 * interval '1 second'
            WHERE gateway = $1 AND breaker <> 'closed' AND retry_at <= clock_timestamp()
            """,
            gateway,
            patience_seconds,
        )
    )


async def close(tx: Transaction, gateway: str) -> bool:
    """Note that a gateway answers; true when that is news."""
    return bool(
        await tx.execute(
            """
            UPDATE gateway_state
            SET breaker = 'closed', failures = 0, retry_at = NULL, changed_at = clock_timestamp()
            WHERE gateway = $1 AND (failures > 0 OR breaker <> 'closed')
            """,
            gateway,
        )
    )


async def count_failure(tx: Transaction, gateway: str, failures_max: int, pause_seconds: int) -> Breaker:
    """Note that a gateway did not answer; after some failures in a row its breaker opens."""
    row = await tx.fetchrow(
        """
        INSERT INTO gateway_state AS known (gateway, failures) VALUES ($1, 1)
        ON CONFLICT (gateway) DO UPDATE
        SET failures = known.failures + 1, changed_at = clock_timestamp(),
            breaker = CASE WHEN known.breaker <> 'closed' OR known.failures + 1 >= $2 THEN 'open' ELSE 'closed' END,
            retry_at = CASE WHEN known.breaker <> 'closed' OR known.failures + 1 >= $2
                            THEN clock_timestamp() + $3 * interval '1 second' END
        RETURNING breaker
        """,
        gateway,
        failures_max,
        pause_seconds,
    )
    assert row, "an upsert returns its row"
    return Breaker(row["breaker"])


async def save(tx: Transaction, state: GatewayState) -> None:
    """Write how a gateway is to be used; how it does stays as it is."""
    await tx.execute(
        """
        INSERT INTO gateway_state (gateway, switch, priority, fee_percentage_bps, fee_fixed)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (gateway) DO UPDATE
        SET switch = excluded.switch, priority = excluded.priority, fee_percentage_bps = excluded.fee_percentage_bps,
            fee_fixed = excluded.fee_fixed, changed_at = clock_timestamp()
        """,
        state.gateway,
        state.switch,
        state.priority,
        state.fee_percentage_bps,
        state.fee_fixed,
    )


def _state(row: Record) -> GatewayState:
    return GatewayState(
        gateway=row["gateway"],
        switch=Switch(row["switch"]),
        priority=row["priority"],
        fee_percentage_bps=row["fee_percentage_bps"],
        fee_fixed=row["fee_fixed"],
        breaker=Breaker(row["breaker"]),
        failures=row["failures"],
        retry_at=row["retry_at"],
    )


async def maintenance(tx: Transaction) -> Maintenance:
    """Read whether new payments are kept waiting."""
    row = await tx.fetchrow("SELECT active, reason, changed_by, at FROM maintenance")
    return Maintenance(**dict(row)) if row else Maintenance()


async def set_maintenance(tx: Transaction, wanted: Maintenance) -> None:
    """Keep new payments waiting, or take them again."""
    await tx.execute(
        """
        INSERT INTO maintenance (id, active, reason, changed_by, at) VALUES (1, $1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE
        SET active = excluded.active, reason = excluded.reason, changed_by = excluded.changed_by, at = excluded.at
        """,
        wanted.active,
        wanted.reason,
        wanted.changed_by,
        wanted.at,
    )
