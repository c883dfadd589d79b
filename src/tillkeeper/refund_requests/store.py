"""All SQL of refund requests and of the policy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.refund_requests.values import Person, Policy, Proposal, ReasonCode, RefundRequest, State, Step


async def policy(tx: Transaction, at: datetime | None) -> Policy:
    """Read the policy that is in force, or was: the newest by then, or the one that the program comes with."""
    row = await tx.fetchrow(
        "SELECT version, terms FROM refund_policy WHERE NOT proposed AND ($1::timestamptz IS NULL OR set_at <= $1) "
        "ORDER BY version DESC LIMIT 1",
        at,
    )
    return Policy(version=row["version"], **row["terms"]) if row else Policy()


async def lock_policies(tx: Transaction) -> None:
    """Let one at a time decide about the policy: all lock the first version that was ever set."""
    await tx.execute("SELECT FROM refund_policy ORDER BY version LIMIT 1 FOR NO KEY UPDATE")


async def proposal(tx: Transaction) -> Proposal | None:
    """Read what was proposed last, unless something was set or proposed since."""
    row = await tx.fetchrow("SELECT * FROM refund_policy ORDER BY version DESC LIMIT 1")
    if row is None or not row["proposed"]:
        return None
    by = Person(id=row["set_by_id"], name=row["set_by_name"])
    return Proposal(terms=Policy(version=row["version"], **row["terms"]), by=by)


async def insert_policy(
    tx: Transaction,
    terms: Policy,
    by: Person,
    note: str | None,
    at: datetime,
    *,
    proposed: bool = False,
    agreed_by: Person | None = None,
) -> int:
    """Append a version of the policy."""
    written: Mapping[str, object] = asdict(terms)
    version: int = await tx.fetchval(
        """
        INSERT INTO refund_policy (terms, note, set_by_id, set_by_name, set_at, proposed, agreed_by_id, agreed_by_name)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING version
        """,
        {name: value for name, value in written.items() if name != "version"},
        note,
        by.id,
        by.name,
        at,
        proposed,
        agreed_by.id if agreed_by else None,
        agreed_by.name if agreed_by else None,
    )
    return version


async def insert(tx: Transaction, request: RefundRequest) -> None:
    """Remember a request."""
    await tx.execute(
        """
        INSERT INTO refund_request (id, payment_id, amount, currency, reason_code, note, evidence, override_reason,
                                    state, approvals_needed, policy_version, decision, refund_id, bulk_id,
                                    requested_by_id, requested_by_name, created_at, decided_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        """,
        request.id,
        request.payment,
        request.amount,
        request.currency,
        request.reason_code,
        request.note,
        list(request.evidence),
        request.override_reason,
        request.state,
        request.approvals_needed,
        request.policy_version,
        request.decision,
        request.refund,
        request.bulk,
        request.requested_by.id,
        request.requested_by.name,
        request.created_at,
        request.decided_at,
    )


async def update(tx: Transaction, request: RefundRequest) -> None:
    """Write what was decided."""
    await tx.execute(
        """
        UPDATE refund_request SET state = $2, refund_id = $3, decision = $4, decided_at = $5, approvals_needed = $6
        WHERE id = $1
        """,
        request.id,
        request.state,
        request.refund,
        request.decision,
        request.decided_at,
        request.approvals_needed,
    )


async def insert_steps(tx: Transaction, steps: Sequence[Step]) -> None:
    """Append what happened."""
    await tx.execute(
        """
        INSERT INTO refund_request_step (request_id, kind, by_id, by_name, note, at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
        """,
        [step.request for step in steps],
        [step.kind for step in steps],
        [step.by.id for step in steps],
        [step.by.name for step in steps],
        [step.note for step in steps],
        [step.at for step in steps],
    )


async def get(tx: Transaction, request: UUID) -> RefundRequest | None:
    """Read a request."""
    row = await tx.fetchrow("SELECT * FROM refund_request WHERE id = $1", request)
    return _request(row) if row else None


async def lock(tx: Transaction, request: UUID) -> RefundRequest | None:
    """Lock a request."""
    row = await tx.fetchrow("SELECT * FROM refund_request WHERE id = $1 FOR NO KEY UPDATE", request)
    return _request(row) if row else None


async def of_bulk(tx: Transaction, bulk: UUID, payment: UUID) -> RefundRequest | None:
    """Read what one bulk made for one payment."""
    row = await tx.fetchrow("SELECT * FROM refund_request WHERE bulk_id = $1 AND payment_id = $2", bulk, payment)
    return _request(row) if row else None


async def made_by(tx: Transaction, bulk: UUID) -> list[UUID]:
    """List the payments for which a bulk has made a request already."""
    rows = await tx.fetch("SELECT payment_id FROM refund_request WHERE bulk_id = $1 ORDER BY created_at, id", bulk)
    return [row["payment_id"] for row in rows]


async def of_refunds(tx: Transaction, refunds: Sequence[UUID]) -> list[UUID]:
    """List the requests that were granted with these refunds."""
    rows = await tx.fetch("SELECT id FROM refund_request WHERE refund_id = ANY($1::uuid[])", list(refunds))
    return [row["id"] for row in rows]


async def approvers(tx: Transaction, request: UUID) -> list[str]:
    """List who has approved a request."""
    rows = await tx.fetch(
        "SELECT by_id FROM refund_request_step WHERE request_id = $1 AND kind = 'approval' ORDER BY id", request
    )
    return [row["by_id"] for row in rows]


async def of_payments(tx: Transaction, payments: Sequence[UUID]) -> tuple[list[UUID], list[UUID]]:
    """List the requests for payments, and those of them that are open."""
    rows = await tx.fetch("SELECT id, state FROM refund_request WHERE payment_id = ANY ($1::uuid[])", list(payments))
    return [row["id"] for row in rows], [row["id"] for row in rows if row["state"] == State.OPEN]


async def erase(tx: Transaction, requests: Sequence[UUID], *, name: str, left: str) -> None:
    """Take the words out of requests, and the buyer's name."""
    await tx.execute(
        """
        UPDATE refund_request
        SET note = NULL, evidence = '[]', decision = 'erased',
            override_reason = CASE WHEN override_reason IS NULL THEN NULL ELSE 'erased' END,
            requested_by_id = CASE WHEN requested_by_id = 'user:' || $2 THEN 'user:' || $3 ELSE requested_by_id END,
            requested_by_name = CASE WHEN requested_by_id = 'user:' || $2 THEN $3 ELSE requested_by_name END
        WHERE id = ANY ($1::uuid[])
        """,
        list(requests),
        name,
        left,
    )
    await tx.execute(
        """
        UPDATE refund_request_step
        SET note = NULL, by_name = CASE WHEN by_id = 'user:' || $2 THEN $3 ELSE by_name END,
            by_id = CASE WHEN by_id = 'user:' || $2 THEN 'user:' || $3 ELSE by_id END
        WHERE request_id = ANY ($1::uuid[])
        """,
        list(requests),
        name,
        left,
    )


def _request(row: Record) -> RefundRequest:
    return RefundRequest(
        id=row["id"],
        payment=row["payment_id"],
        amount=row["amount"],
        currency=row["currency"],
        reason_code=ReasonCode(row["reason_code"]),
        note=row["note"],
        evidence=tuple(row["evidence"]),
        override_reason=row["override_reason"],
        state=State(row["state"]),
        approvals_needed=row["approvals_needed"],
        policy_version=row["policy_version"],
        decision=row["decision"],
        requested_by=Person(id=row["requested_by_id"], name=row["requested_by_name"]),
        created_at=row["created_at"],
        refund=row["refund_id"],
        bulk=row["bulk_id"],
        decided_at=row["decided_at"],
    )
