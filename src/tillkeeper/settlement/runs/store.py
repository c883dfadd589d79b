"""All SQL of runs and discrepancies."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.settlement.runs.values import Discrepancy, Finding, Home, Kind, Place, Run, Status, Step

RUN = """
    SELECT id, gateway, day, status, asked, turn, step, place_at, place_id, lines, ours, found
    FROM reconciliation_run
"""

LIVING = "(status = 'open' OR (status = 'closed' AND (action = 'accept' OR (action = 'ignore' AND suspended))))"
"""What later evidence ends: what is open, and what a person has closed that stands in the books all the same."""


async def insert(tx: Transaction, runs: Sequence[tuple[UUID, str, date]], today: date) -> None:
    """Let days be compared that never were."""
    await tx.execute(
        """
        INSERT INTO reconciliation_run (id, gateway, day, status, asked_on)
        SELECT id, gateway, day, 'due', $4 FROM unnest($1::uuid[], $2::text[], $3::date[]) AS asked (id, gateway, day)
        ON CONFLICT (gateway, day) DO NOTHING
        """,
        [id_ for id_, _, _ in runs],
        [gateway for _, gateway, _ in runs],
        [day for _, _, day in runs],
        today,
    )


async def plan(tx: Transaction, runs: Sequence[tuple[UUID, str, date]], today: date) -> None:
    """Ask for days that are over, each once: one that was compared while it lasted begins anew."""
    await tx.execute(
        """
        INSERT INTO reconciliation_run AS run (id, gateway, day, status, asked_on, planned)
        SELECT id, gateway, day, 'due', $4, true
        FROM unnest($1::uuid[], $2::text[], $3::date[]) AS over (id, gateway, day)
        ON CONFLICT (gateway, day) DO UPDATE
        SET asked = run.asked + (run.status <> 'due')::int, planned = true, asked_on = excluded.asked_on,
            status = CASE WHEN run.status = 'done' THEN 'due' ELSE run.status END,
            due_at = clock_timestamp(), error = NULL
        WHERE NOT run.planned
        """,
        [id_ for id_, _, _ in runs],
        [gateway for _, gateway, _ in runs],
        [day for _, _, day in runs],
        today,
    )


async def ask_again(tx: Transaction, gateway: str, days: Sequence[date], today: date) -> None:
    """Ask for days that were planned before; one that is at work begins anew when it ends."""
    await tx.execute(
        """
        UPDATE reconciliation_run AS run
        SET asked = asked + (status <> 'due')::int, status = CASE WHEN status = 'done' THEN 'due' ELSE status END,
            asked_on = $3, due_at = clock_timestamp(), error = NULL
        FROM (SELECT id FROM reconciliation_run WHERE gateway = $1 AND day = ANY($2::date[]) ORDER BY id
              FOR NO KEY UPDATE) AS named
        WHERE run.id = named.id
        """,
        gateway,
        list(days),
        today,
    )


async def ask_unfinished(tx: Transaction, gateway: str, today: date, *, closed_since: datetime) -> int:
    """Ask once a day for days that left something open, or of which a person closed something not long ago; count them.

    What was only put aside and ignored counts as well: its money waits for an explanation.
    """
    return await tx.execute(
        f"""
        UPDATE reconciliation_run AS run
        SET asked = asked + 1, status = 'due', asked_on = $2, due_at = clock_timestamp(), error = NULL
        FROM (SELECT id FROM reconciliation_run
              WHERE gateway = $1 AND status = 'done' AND asked_on < $2
                AND EXISTS (SELECT FROM discrepancy
                            WHERE run_id = reconciliation_run.id AND {LIVING} AND (status = 'open' OR closed_at > $3))
              ORDER BY id FOR NO KEY UPDATE) AS named
        WHERE run.id = named.id
        """,
        gateway,
        today,
        closed_since,
    )


async def take(tx: Transaction, gateways: Sequence[str]) -> Run | None:
    """Lock the oldest run that is due and that nobody works on."""
    row = await tx.fetchrow(
        f"""{RUN}
        WHERE status <> 'done' AND due_at <= clock_timestamp() AND gateway = ANY($1::text[])
        ORDER BY day, gateway LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
        """,
        list(gateways),
    )
    return _run(row) if row else None


async def put_off(tx: Transaction, run: UUID, *, error: str, seconds: int) -> None:
    """Let a run rest that failed, so that it keeps nobody from the others."""
    await tx.execute(
        """
        UPDATE reconciliation_run SET error = $2, due_at = clock_timestamp() + $3 * interval '1 second' WHERE id = $1
        """,
        run,
        error,
        seconds,
    )


async def lock(tx: Transaction, gateway: str, day: date) -> Run | None:
    """Lock one run."""
    row = await tx.fetchrow(f"{RUN} WHERE gateway = $1 AND day = $2 FOR NO KEY UPDATE", gateway, day)
    return _run(row) if row else None


async def save(tx: Transaction, run: Run) -> None:
    """Write how far a run is."""
    await tx.execute(
        """
        UPDATE reconciliation_run
        SET status = $2, turn = $3, step = $4, place_at = $5, place_id = $6, lines = $7, ours = $8, found = $9,
            started_at = CASE WHEN turn = $3 THEN started_at ELSE clock_timestamp() END,
            finished_at = CASE WHEN $2 = 'done' THEN clock_timestamp() END, error = NULL
        WHERE id = $1
        """,
        run.id,
        run.status,
        run.turn,
        run.step,
        run.place.at,
        run.place.id,
        run.lines,
        run.ours,
        run.found,
    )


async def known(tx: Transaction, facts: Sequence[UUID]) -> dict[UUID, tuple[UUID, int, Status]]:
    """Find the last discrepancy of each of these facts: its id, occurrence and status."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT ON (fact) fact, id, occurrence, status FROM discrepancy
        WHERE fact = ANY($1::uuid[]) ORDER BY fact, occurrence DESC
        """,
        list(facts),
    )
    return {row["fact"]: (row["id"], row["occurrence"], Status(row["status"])) for row in rows}


async def touch(tx: Transaction, run: Run, seen: Sequence[tuple[UUID, Finding]]) -> None:
    """Note that a run has seen these again, and where they belong by now; those of another run are left to that one."""
    await tx.execute(
        """
        UPDATE discrepancy SET turn = $3, home = CASE status WHEN 'open' THEN told.home ELSE discrepancy.home END
        FROM unnest($2::uuid[], $4::text[]) AS told (id, home)
        WHERE run_id = $1 AND discrepancy.id = told.id
        """,
        run.id,
        [id_ for id_, _ in seen],
        run.turn,
        [finding.home for _, finding in seen],
    )


async def insert_discrepancies(
    tx: Transaction, rows: Sequence[tuple[UUID, int, Discrepancy]], *, turn: int, now: datetime, tolerance: str
) -> None:
    """Write discrepancies that are new, each with its fact and occurrence; what is tolerated is closed at once."""
    await tx.execute(
        """
        INSERT INTO discrepancy (
            id, fact, occurrence, run_id, gateway, day, kind, status, subject, detail, theirs, ours, currency,
            difference, difference_currency, line_id, object, payment_id, suspended, home, counter, counter_currency,
            turn, first_seen_at, closed_at, closed_by, reason)
        SELECT told.*, $23::integer, $24::timestamptz, CASE status WHEN 'closed' THEN $24::timestamptz END,
               CASE status WHEN 'closed' THEN $25 END,
               CASE status WHEN 'closed' THEN detail END
        FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::text[], $6::date[], $7::text[], $8::text[],
                    $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::bigint[], $15::text[],
                    $16::bigint[], $17::uuid[], $18::uuid[], $19::boolean[], $20::text[], $21::bigint[], $22::text[])
            AS told (id, fact, occurrence, run_id, gateway, day, kind, status, subject, detail, theirs, ours, currency,
                     difference, difference_currency, line_id, object, payment_id, suspended, home, counter,
                     counter_currency)
        """,
        [each.id for _, _, each in rows],
        [fact for fact, _, _ in rows],
        [occurrence for _, occurrence, _ in rows],
        *([getattr(each, name) for _, _, each in rows] for name in TOLD),
        turn,
        now,
        tolerance,
    )


TOLD = (
    *("run", "gateway", "day", "kind", "status", "subject", "detail", "theirs", "ours", "currency", "difference"),
    *("difference_currency", "line", "object", "payment", "suspended", "home", "counter", "counter_currency"),
)


async def explain_rest(tx: Transaction, run: Run, *, limit: int, reason: str, now: datetime) -> list[Discrepancy]:
    """End what a whole turn of a run has not seen any more, also what somebody had closed; return it."""
    rows = await tx.fetch(
        f"""
        UPDATE discrepancy SET status = 'explained', closed_at = $3, reason = $4
        WHERE id IN (SELECT id FROM discrepancy
                     WHERE run_id = $1 AND turn < $2 AND {LIVING}
                     ORDER BY id LIMIT $5 FOR NO KEY UPDATE)
        RETURNING *
        """,
        run.id,
        run.turn,
        now,
        reason,
        limit,
    )
    return [_discrepancy(row) for row in rows]


async def explain_objects(
    tx: Transaction, objects: Sequence[UUID], kinds: Sequence[Kind], *, reason: str, now: datetime
) -> list[Discrepancy]:
    """End what was missing of these things of ours, also what somebody had closed; return it."""
    rows = await tx.fetch(
        f"""
        UPDATE discrepancy SET status = 'explained', closed_at = $3, reason = $4
        WHERE id IN (SELECT id FROM discrepancy
                     WHERE object = ANY($1::uuid[]) AND kind = ANY($2::text[]) AND {LIVING}
                     ORDER BY id FOR NO KEY UPDATE)
        RETURNING *
        """,
        list(objects),
        list(kinds),
        now,
        reason,
    )
    return [_discrepancy(row) for row in rows]


async def find_discrepancy(tx: Transaction, discrepancy: UUID) -> Discrepancy | None:
    """Read one discrepancy."""
    row = await tx.fetchrow("SELECT * FROM discrepancy WHERE id = $1", discrepancy)
    return _discrepancy(row) if row else None


async def lock_discrepancy(tx: Transaction, discrepancy: UUID) -> Discrepancy | None:
    """Lock one discrepancy."""
    row = await tx.fetchrow("SELECT * FROM discrepancy WHERE id = $1 FOR NO KEY UPDATE", discrepancy)
    return _discrepancy(row) if row else None


async def close(tx: Transaction, discrepancy: UUID, *, action: str, reason: str, by: str, now: datetime) -> None:
    """Write who closed a discrepancy, how and why."""
    await tx.execute(
        """
        UPDATE discrepancy SET status = 'closed', action = $2, reason = $3, closed_by = $4, closed_at = $5
        WHERE id = $1
        """,
        discrepancy,
        action,
        reason,
        by,
        now,
    )


def _run(row: Record) -> Run:
    return Run(
        id=row["id"],
        gateway=row["gateway"],
        day=row["day"],
        status=row["status"],
        asked=row["asked"],
        turn=row["turn"],
        step=Step(row["step"]),
        place=Place(at=row["place_at"], id=row["place_id"]),
        lines=row["lines"],
        ours=row["ours"],
        found=row["found"],
    )


def _discrepancy(row: Record) -> Discrepancy:
    return Discrepancy(
        id=row["id"],
        run=row["run_id"],
        gateway=row["gateway"],
        day=row["day"],
        kind=Kind(row["kind"]),
        status=Status(row["status"]),
        subject=row["subject"],
        detail=row["detail"],
        theirs=row["theirs"],
        ours=row["ours"],
        currency=row["currency"],
        difference=row["difference"],
        difference_currency=row["difference_currency"],
        line=row["line_id"],
        object=row["object"],
        payment=row["payment_id"],
        suspended=row["suspended"],
        home=Home(row["home"]) if row["home"] else None,
        counter=row["counter"],
        counter_currency=row["counter_currency"],
        accepted=row["action"] == "accept",
        first_seen_at=row["first_seen_at"],
    )


async def erase(tx: Transaction, objects: Sequence[UUID]) -> list[UUID]:
    """Drop why people closed what did not match; return which."""
    rows = await tx.fetch(
        "UPDATE discrepancy SET reason = 'erased'"
        " WHERE reason IS NOT NULL AND (payment_id = ANY ($1::uuid[]) OR object = ANY ($1::uuid[])) RETURNING id",
        list(objects),
    )
    return [row["id"] for row in rows]
