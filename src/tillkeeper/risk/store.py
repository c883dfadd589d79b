"""All SQL of risk."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.risk.values import Assessment, Case, Entry, Fact, Operator, Rule, Side, Trait

open_days_max = 2
"""Who failed within a day may have begun a day before that: longer than a checkout can be open."""
failures_kept = 100
BEGUN = f"$4::timestamptz - interval '{open_days_max} days'"
VELOCITY = f"""
SELECT
    (SELECT count(*) FROM risk_assessment
     WHERE user_key = $1 AND at > $4::timestamptz - interval '1 hour') AS {Fact.ATTEMPTS_BY_USER_HOUR},
    (SELECT count(*) FROM risk_assessment
     WHERE address_key = $2 AND at > $4 - interval '1 hour') AS {Fact.ATTEMPTS_BY_ADDRESS_HOUR},
    (SELECT count(*) FROM risk_assessment
     WHERE fingerprint_key = $3 AND at > $4 - interval '1 hour') AS {Fact.ATTEMPTS_BY_FINGERPRINT_HOUR},
    (SELECT count(*) FROM risk_assessment, unnest(failed_at) AS failed
     WHERE user_key = $1 AND at > {BEGUN} AND failed > $4 - interval '1 day') AS {Fact.FAILURES_BY_USER_DAY},
    (SELECT count(*) FROM risk_assessment, unnest(failed_at) AS failed
     WHERE address_key = $2 AND at > {BEGUN} AND failed > $4 - interval '1 hour') AS {Fact.FAILURES_BY_ADDRESS_HOUR},
    (SELECT count(*) FROM risk_assessment, unnest(failed_at) AS failed
     WHERE fingerprint_key = $3 AND at > {BEGUN} AND failed > $4 - interval '1 hour')
        AS {Fact.FAILURES_BY_FINGERPRINT_HOUR},
    (SELECT count(DISTINCT user_key) FROM risk_assessment
     WHERE address_key = $2 AND at > $4 - interval '1 day' AND user_key IS DISTINCT FROM $1)
        AS {Fact.USERS_BY_ADDRESS_DAY}
"""


FAILED = " UNION ALL ".join(
    f"""
    SELECT {trait}_key AS key, count(*) AS day,
           count(*) FILTER (WHERE failed > $2::timestamptz - interval '1 hour') AS hour
    FROM (SELECT DISTINCT {trait}_key FROM mine WHERE {trait}_key IS NOT NULL) AS keys
    JOIN risk_assessment USING ({trait}_key) CROSS JOIN unnest(failed_at) AS failed
    WHERE at > $2::timestamptz - interval '{open_days_max} days' AND failed > $2::timestamptz - interval '1 day'
    GROUP BY 1
    """
    for trait in Trait
)
SINCE = f"""
WITH mine AS MATERIALIZED (SELECT * FROM risk_assessment WHERE payment_id = ANY ($1::uuid[])),
     failed AS MATERIALIZED ({FAILED})
SELECT mine.payment_id, mine.facts,
       ARRAY(SELECT DISTINCT side FROM risk_list
             WHERE key IN (mine.user_key, mine.address_key, mine.fingerprint_key)
               AND (expires_at IS NULL OR expires_at > $2)) AS sides,
       CASE WHEN mine.user_key IS NOT NULL THEN coalesce(by_user.day, 0) END AS {Fact.FAILURES_BY_USER_DAY},
       CASE WHEN mine.address_key IS NOT NULL THEN coalesce(by_address.hour, 0) END AS {Fact.FAILURES_BY_ADDRESS_HOUR},
       CASE WHEN mine.fingerprint_key IS NOT NULL THEN coalesce(by_fingerprint.hour, 0) END
           AS {Fact.FAILURES_BY_FINGERPRINT_HOUR}
FROM mine
LEFT JOIN failed AS by_user ON by_user.key = mine.user_key
LEFT JOIN failed AS by_address ON by_address.key = mine.address_key
LEFT JOIN failed AS by_fingerprint ON by_fingerprint.key = mine.fingerprint_key
"""


async def serialise(tx: Transaction, keys: Iterable[bytes]) -> None:
    """Let payments of one buyer be judged one after the other, so that each counts those before it."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(lock) FROM unnest($1::bigint[]) AS lock ORDER BY lock",
        sorted(int.from_bytes(key[:8], signed=True) for key in keys),
    )


async def velocity(tx: Transaction, case: Case, now: datetime) -> Record:
    """Count what the same buyer did before."""
    keys = [case.keys.get(trait) for trait in (Trait.USER, Trait.ADDRESS, Trait.FINGERPRINT)]
    row = await tx.fetchrow(VELOCITY, *keys, now)
    assert row, "an aggregate has one row"
    return row


async def rules(tx: Transaction) -> list[Rule]:
    """Read all rules, by name."""
    return [_rule(row) for row in await tx.fetch("SELECT * FROM risk_rule ORDER BY id")]


async def lock_rules(tx: Transaction) -> None:
    """Let one change of the rules come after the other; payments are judged meanwhile."""
    await tx.execute("LOCK TABLE risk_rule IN SHARE ROW EXCLUSIVE MODE")


async def replace_rules(tx: Transaction, rules_: Sequence[Rule]) -> None:
    """Put these rules in the place of all others."""
    await tx.execute("DELETE FROM risk_rule WHERE id <> ALL ($1::text[])", [rule.id for rule in rules_])
    await tx.execute(
        """
        INSERT INTO risk_rule (id, fact, operator, value, currency, score, reason, enabled)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::smallint[], $7::text[],
                             $8::boolean[])
        ON CONFLICT (id) DO UPDATE
        SET fact = excluded.fact, operator = excluded.operator, value = excluded.value, currency = excluded.currency,
            score = excluded.score, reason = excluded.reason, enabled = excluded.enabled
        """,
        [rule.id for rule in rules_],
        [rule.fact for rule in rules_],
        [rule.operator for rule in rules_],
        [rule.value for rule in rules_],
        [rule.currency for rule in rules_],
        [rule.score for rule in rules_],
        [rule.reason for rule in rules_],
        [rule.enabled for rule in rules_],
    )


async def sides(tx: Transaction, keys: Sequence[bytes], now: datetime) -> list[Side]:
    """Tell on which lists somebody stands."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT side FROM risk_list
        WHERE key = ANY ($1::bytea[]) AND (expires_at IS NULL OR expires_at > $2)
        """,
        list(keys),
        now,
    )
    return [Side(row["side"]) for row in rows]


async def put(tx: Transaction, entry: Entry) -> UUID:
    """Write somebody on a list, or change what is said of them there; return the entry's id."""
    found: UUID = await tx.fetchval(
        """
        INSERT INTO risk_list (id, side, trait, key, shown, note, added_by, at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (key, side) DO UPDATE
        SET note = excluded.note, added_by = excluded.added_by, at = excluded.at, expires_at = excluded.expires_at
        RETURNING id
        """,
        entry.id,
        entry.side,
        entry.trait,
        entry.key,
        entry.shown,
        entry.note,
        entry.added_by,
        entry.at,
        entry.expires_at,
    )
    return found


async def entry_of(tx: Transaction, key: bytes, side: Side) -> Entry | None:
    """Read what is said of somebody on a list."""
    row = await tx.fetchrow("SELECT * FROM risk_list WHERE key = $1 AND side = $2", key, side)
    return _entry(row) if row else None


async def remove(tx: Transaction, entry: UUID) -> Entry | None:
    """Take somebody off a list."""
    row = await tx.fetchrow("DELETE FROM risk_list WHERE id = $1 RETURNING *", entry)
    return _entry(row) if row else None


async def record(tx: Transaction, payment: UUID, case: Case, assessment: Assessment, at: datetime) -> None:
    """Keep what was made of a payment."""
    await tx.execute(
        """
        INSERT INTO risk_assessment (payment_id, user_key, address_key, fingerprint_key, score, decision, reasons,
                                     facts, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        payment,
        case.keys.get(Trait.USER),
        case.keys.get(Trait.ADDRESS),
        case.keys.get(Trait.FINGERPRINT),
        assessment.score,
        assessment.decision,
        list(assessment.reasons),
        {str(fact): value for fact, value in assessment.facts.items()},
        at,
    )


async def count_failures(tx: Transaction, failed: Sequence[tuple[UUID, datetime]]) -> None:
    """Count failed tries to pay, and keep when each happened: of one payment the last hundred."""
    await tx.execute(
        """
        UPDATE risk_assessment AS known
        SET failures = least(known.failures + told.failures, 30000),
            failed_at = (known.failed_at || told.times)[
                greatest(cardinality(known.failed_at) + cardinality(told.times) - $3 + 1, 1):]
        FROM (SELECT id, count(*) AS failures, array_agg(at ORDER BY at) AS times
              FROM unnest($1::uuid[], $2::timestamptz[]) AS failed (id, at) GROUP BY id) AS told
        WHERE known.payment_id = told.id
        """,
        [payment for payment, _ in failed],
        [at for _, at in failed],
        failures_kept,
    )


async def since(tx: Transaction, payments: Sequence[UUID], now: datetime) -> list[Record]:
    """Read what was known of payments, and what has happened since: failed tries, and lists."""
    return await tx.fetch(SINCE, list(payments), now)


async def overrule(tx: Transaction, assessments: Mapping[UUID, Assessment]) -> None:
    """Write what is made of payments now in the place of what was; the facts of then stay."""
    await tx.execute(
        """
        UPDATE risk_assessment AS known
        SET score = judged.score, decision = judged.decision, reasons = judged.reasons
        FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::jsonb[]) AS judged (id, score, decision, reasons)
        WHERE known.payment_id = judged.id
        """,
        list(assessments),
        [each.score for each in assessments.values()],
        [each.decision for each in assessments.values()],
        [each.reasons for each in assessments.values()],
    )


async def of_buyers(tx: Transaction, keys: Sequence[bytes], since: datetime) -> list[UUID]:
    """List what was begun by whoever is recognised by one of these keys."""
    rows = await tx.fetch(
        " UNION ".join(
            f"SELECT payment_id FROM risk_assessment WHERE {trait}_key = ANY ($1::bytea[]) AND at > $2"
            for trait in Trait
        ),
        list(keys),
        since,
    )
    return [row["payment_id"] for row in rows]


async def keys_of_all(tx: Transaction, payments: Sequence[UUID]) -> list[bytes]:
    """Read by what the buyers of payments are recognised."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT key FROM risk_assessment, unnest(ARRAY[user_key, address_key, fingerprint_key]) AS key
        WHERE payment_id = ANY ($1::uuid[]) AND key IS NOT NULL
        """,
        list(payments),
    )
    return [row["key"] for row in rows]


async def keys_of(tx: Transaction, payment: UUID) -> dict[Trait, bytes]:
    """Read by what the buyer of a payment is recognised."""
    row = await tx.fetchrow(
        "SELECT user_key, address_key, fingerprint_key FROM risk_assessment WHERE payment_id = $1", payment
    )
    return {trait: row[f"{trait}_key"] for trait in Trait if row and row[f"{trait}_key"]}


def _entry(row: Record) -> Entry:
    return Entry(**dict(row.items()) | {"side": Side(row["side"]), "trait": Trait(row["trait"])})


def _rule(row: Record) -> Rule:
    value = row["value"]
    return Rule(
        id=row["id"],
        fact=Fact(row["fact"]),
        operator=Operator(row["operator"]),
        value=tuple(value) if isinstance(value, list) else value,
        currency=row["currency"],
        score=row["score"],
        reason=row["reason"],
        enabled=row["enabled"],
    )


async def erase(tx: Transaction, payments: Sequence[UUID], *, user_key: bytes | None, name: str) -> list[UUID]:
    """Drop what buyers of payments are recognised by; the lists first, because they are found by it."""
    gone = await tx.fetch(
        "DELETE FROM risk_list WHERE trait = 'user' AND (key = $1 OR shown = $2) RETURNING id", user_key, name
    )
    wordless = await tx.fetch(
        """
        UPDATE risk_list SET shown = 'erased', note = 'erased'
        WHERE key IN (
            SELECT unnest(ARRAY[address_key, fingerprint_key]) FROM risk_assessment WHERE payment_id = ANY ($1::uuid[]))
        RETURNING id
        """,
        list(payments),
    )
    await forget_payments(tx, payments)
    return [row["id"] for row in (*gone, *wordless)]


async def forget_payments(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Drop what buyers of payments are recognised by."""
    await tx.execute(
        """
        UPDATE risk_assessment SET user_key = NULL, address_key = NULL, fingerprint_key = NULL, facts = '{}'
        WHERE payment_id = ANY ($1::uuid[])
        """,
        list(payments),
    )
