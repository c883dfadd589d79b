"""All SQL of schedules."""

from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.schedules.values import Turn, Worker


async def clock(tx: Transaction) -> datetime:
    """Read the clock that all processes share."""
    moment: datetime = await tx.fetchval("SELECT clock_timestamp()")
    return moment


async def take(tx: Transaction, turn: Turn, following: datetime, lease_seconds: int) -> int | None:
    """Take a slot that nobody has, or whose worker is gone; return the how manieth try it is.

    The clock of one worker may be behind that of another: a slot is not begun after a later one.
    """
    tries: int | None = await tx.fetchval(
        """
        INSERT INTO schedule_run AS run (job, slot, next_slot, token, lease_until)
        SELECT $1, $2, $3, $4, clock_timestamp() + $5 * interval '1 second'
        WHERE NOT EXISTS (SELECT FROM schedule_run WHERE job = $1 AND slot > $2)
        ON CONFLICT (job, slot) DO UPDATE
        SET status = 'running', tries = run.tries + 1, token = excluded.token, lease_until = excluded.lease_until,
            due_at = NULL, started_at = clock_timestamp()
        WHERE run.status = 'running' AND run.lease_until < clock_timestamp()
           OR run.status = 'waiting' AND run.due_at <= clock_timestamp()
        RETURNING tries
        """,
        turn.job,
        turn.slot,
        following,
        turn.token,
        lease_seconds,
    )
    return tries


async def supersede(tx: Transaction, job: str, slot: datetime) -> None:
    """End the older slots of a job that nobody is at: the one that was taken does their work."""
    await tx.execute(
        """
        UPDATE schedule_run
        SET status = 'superseded', token = NULL, lease_until = NULL, due_at = NULL, finished_at = clock_timestamp()
        WHERE job = $1 AND slot < $2
          AND (status = 'waiting' OR status = 'running' AND lease_until < clock_timestamp())
        """,
        job,
        slot,
    )


async def renew(tx: Transaction, turn: Turn, lease_seconds: int) -> bool:
    """Hold a slot for as long again, if it is still held."""
    return bool(
        await tx.execute(
            """
            UPDATE schedule_run SET lease_until = clock_timestamp() + $4 * interval '1 second'
            WHERE job = $1 AND slot = $2 AND token = $3 AND status = 'running'
            """,
            turn.job,
            turn.slot,
            turn.token,
            lease_seconds,
        )
    )


async def close(tx: Transaction, turn: Turn, status: str, error: str | None) -> bool:
    """End a slot, if it is still held."""
    return bool(
        await tx.execute(
            """
            UPDATE schedule_run
            SET status = $4, error = $5, token = NULL, lease_until = NULL, finished_at = clock_timestamp()
            WHERE job = $1 AND slot = $2 AND token = $3 AND status = 'running'
            """,
            turn.job,
            turn.slot,
            turn.token,
            status,
            error,
        )
    )


async def put_off(tx: Transaction, turn: Turn, error: str, seconds: int) -> None:
    """Let a slot wait for its next try, if it is still held."""
    await tx.execute(
        """
        UPDATE schedule_run
        SET status = 'waiting', error = $4, token = NULL, lease_until = NULL,
            due_at = clock_timestamp() + $5 * interval '1 second'
        WHERE job = $1 AND slot = $2 AND token = $3 AND status = 'running'
        """,
        turn.job,
        turn.slot,
        turn.token,
        error,
        seconds,
    )


async def beat(tx: Transaction, worker: Worker) -> None:
    """Note the moment at which a worker was seen."""
    await tx.execute(
        """
        INSERT INTO worker (id, kind, host, pid) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET beat_at = clock_timestamp(), ended_at = NULL
        """,
        worker.id,
        worker.kind,
        worker.host,
        worker.pid,
    )


async def end(tx: Transaction, worker: Worker) -> None:
    """Note the moment at which a worker ended."""
    await tx.execute("UPDATE worker SET ended_at = clock_timestamp() WHERE id = $1", worker.id)


async def forget(tx: Transaction, runs_days: int, workers_days: int) -> int:
    """Delete old runs, and workers of which nothing was heard for long, but never the last sign of one."""
    runs = await tx.execute(
        """
        DELETE FROM schedule_run AS run
        WHERE slot < clock_timestamp() - $1 * interval '1 day'
          AND EXISTS (SELECT FROM schedule_run AS later WHERE later.job = run.job AND later.slot > run.slot)
        """,
        runs_days,
    )
    workers = await tx.execute(
        """
        DELETE FROM worker
        WHERE beat_at < clock_timestamp() - $1 * interval '1 day' AND beat_at < (SELECT max(beat_at) FROM worker)
        """,
        workers_days,
    )
    return runs + workers
