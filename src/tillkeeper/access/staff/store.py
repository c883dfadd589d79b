"""All SQL of the merchant's own people."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.access.staff.values import Locked, Member, Role, Session
from tillkeeper.kernel.db import Record, Transaction


async def insert(tx: Transaction, member: Member, at: datetime) -> bool:
    """Take somebody in; false when the address is taken."""
    return bool(
        await tx.execute(
            "INSERT INTO staff_member (id, email, role, password, created_at) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (email) DO NOTHING",
            member.id,
            member.email,
            member.role,
            member.password,
            at,
        )
    )


async def find(tx: Transaction, email: str) -> Member | None:
    """Find somebody by address."""
    row = await tx.fetchrow("SELECT * FROM staff_member WHERE email = $1", email)
    return _member(row) if row else None


async def lock(tx: Transaction, member: UUID) -> Locked:
    """Lock somebody, who is as they are now until this transaction ends."""
    row = await tx.fetchrow("SELECT * FROM staff_member WHERE id = $1 FOR NO KEY UPDATE", member)
    assert row, "members are never removed"
    return Locked(
        member=_member(row),
        totp_step=row["totp_step"],
        totp_offered=row["totp_offered"],
        codes_wrong=row["codes_wrong"],
        codes_wrong_since=row["codes_wrong_since"],
    )


async def set_role(tx: Transaction, member: UUID, role: Role) -> None:
    """Let somebody do something else."""
    await tx.execute("UPDATE staff_member SET role = $2 WHERE id = $1", member, role)


async def set_password(tx: Transaction, member: UUID, password: str) -> None:
    """Keep the hash of a new password; who had the old one guesses codes in vain, so those that were wrong are over."""
    await tx.execute("UPDATE staff_member SET password = $2, codes_wrong = 0 WHERE id = $1", member, password)


async def disable(tx: Transaction, member: UUID, at: datetime) -> None:
    """Let somebody in no more."""
    await tx.execute("UPDATE staff_member SET disabled_at = coalesce(disabled_at, $2) WHERE id = $1", member, at)


async def offer_totp(tx: Transaction, member: UUID, sealed: bytes) -> None:
    """Keep a second factor that is not in use yet."""
    await tx.execute("UPDATE staff_member SET totp_offered = $2 WHERE id = $1", member, sealed)


async def use_totp(tx: Transaction, member: UUID, codes: Sequence[bytes]) -> None:
    """Put the offered second factor to use, with new recovery codes."""
    await tx.execute("UPDATE staff_member SET totp = totp_offered, totp_offered = NULL WHERE id = $1", member)
    await tx.execute("DELETE FROM staff_recovery_code WHERE member_id = $1", member)
    await tx.execute(
        "INSERT INTO staff_recovery_code (member_id, digest) SELECT $1, unnest($2::bytea[])", member, list(codes)
    )


async def drop_totp(tx: Transaction, member: UUID) -> None:
    """Forget a second factor and its recovery codes."""
    await tx.execute("UPDATE staff_member SET totp = NULL, totp_offered = NULL WHERE id = $1", member)
    await tx.execute("DELETE FROM staff_recovery_code WHERE member_id = $1", member)


async def use_step(tx: Transaction, member: UUID, step: int) -> None:
    """Use the code of a moment of a locked member; none before it is good any more."""
    await tx.execute("UPDATE staff_member SET totp_step = $2 WHERE id = $1 AND totp_step < $2", member, step)


async def count_wrong_code(tx: Transaction, member: UUID, since: datetime, at: datetime) -> int:
    """Count a wrong code together with those that follow the first one after `since`; return how many there are."""
    count: int = await tx.fetchval(
        """
        UPDATE staff_member
        SET codes_wrong = CASE WHEN codes_wrong_since > $2 THEN codes_wrong + 1 ELSE 1 END,
            codes_wrong_since = CASE WHEN codes_wrong_since > $2 THEN codes_wrong_since ELSE $3 END
        WHERE id = $1 RETURNING codes_wrong
        """,
        member,
        since,
        at,
    )
    return count


async def use_code(tx: Transaction, member: UUID, digest: bytes) -> bool:
    """Use a recovery code up; false when there is none like it."""
    return bool(
        await tx.execute("DELETE FROM staff_recovery_code WHERE member_id = $1 AND digest = $2", member, digest)
    )


async def begin(tx: Transaction, digest: bytes, member: UUID, at: datetime) -> None:
    """Begin a session."""
    await tx.execute(
        "INSERT INTO staff_session (digest, member_id, created_at, seen_at, proved_at) VALUES ($1, $2, $3, $3, $3)",
        digest,
        member,
        at,
    )


async def session(tx: Transaction, digest: bytes, *, seen_since: datetime, begun_since: datetime) -> Session | None:
    """Find a session that is good, of somebody who is."""
    row = await tx.fetchrow(
        """
        SELECT staff_session.*, email, role, totp IS NOT NULL AS second_factor
        FROM staff_session JOIN staff_member ON staff_member.id = member_id
        WHERE digest = $1 AND seen_at > $2 AND staff_session.created_at > $3 AND disabled_at IS NULL
        """,
        digest,
        seen_since,
        begun_since,
    )
    if row is None:
        return None
    return Session(
        digest=row["digest"],
        member=row["member_id"],
        email=row["email"],
        role=Role(row["role"]),
        second_factor=row["second_factor"],
        created_at=row["created_at"],
        proved_at=row["proved_at"],
    )


async def standing(
    tx: Transaction, digests: Collection[bytes], *, seen_since: datetime, begun_since: datetime
) -> frozenset[bytes]:
    """Find which sessions are good."""
    rows = await tx.fetch(
        """
        SELECT digest FROM staff_session JOIN staff_member ON staff_member.id = member_id
        WHERE digest = ANY($1::bytea[]) AND seen_at > $2 AND staff_session.created_at > $3 AND disabled_at IS NULL
        """,
        list(digests),
        seen_since,
        begun_since,
    )
    return frozenset(row["digest"] for row in rows)


async def see(tx: Transaction, digest: bytes, at: datetime) -> None:
    """Remember that a session is in use, at most once a minute."""
    await tx.execute(
        "UPDATE staff_session SET seen_at = $2 WHERE digest = $1 AND seen_at < $2::timestamptz - interval '1 minute'",
        digest,
        at,
    )


async def prove(tx: Transaction, digest: bytes, at: datetime) -> None:
    """Remember that the password was given again."""
    await tx.execute("UPDATE staff_session SET proved_at = $2 WHERE digest = $1", digest, at)


async def end(tx: Transaction, digest: bytes) -> None:
    """End a session."""
    await tx.execute("DELETE FROM staff_session WHERE digest = $1", digest)


async def end_all(tx: Transaction, member: UUID) -> None:
    """End every session of somebody."""
    await tx.execute("DELETE FROM staff_session WHERE member_id = $1", member)


async def forget(tx: Transaction, *, begun_before: datetime) -> None:
    """Drop sessions that are over for good."""
    await tx.execute("DELETE FROM staff_session WHERE created_at < $1", begun_before)


def _member(row: Record) -> Member:
    return Member(
        id=row["id"],
        email=row["email"],
        role=Role(row["role"]),
        password=row["password"],
        totp=row["totp"],
        disabled_at=row["disabled_at"],
    )
