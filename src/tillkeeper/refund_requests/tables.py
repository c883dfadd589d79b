"""Wishes for money back, what happened to them, and every version of the policy."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

refund_policy = Table(
    "refund_policy",
    metadata,
    Column("version", BigInteger, Identity(always=True), primary_key=True),
    Column("terms", JSONB, nullable=False),
    Column("note", Text),
    Column("set_by_id", Text, nullable=False),
    Column("set_by_name", Text, nullable=False),
    Column("set_at", AT, nullable=False),
    Column("proposed", Boolean, nullable=False, server_default="false"),
    Column("agreed_by_id", Text),
    Column("agreed_by_name", Text),
)

refund_request = Table(
    "refund_request",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("payment_id", UUID, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("note", Text),
    Column("evidence", JSONB, nullable=False),
    Column("override_reason", Text),
    Column("state", Text, CheckConstraint("state IN ('open', 'approved', 'rejected')", name="state"), nullable=False),
    Column(
        "approvals_needed",
        SmallInteger,
        CheckConstraint("approvals_needed BETWEEN 0 AND 2", name="approvals_needed"),
        nullable=False,
    ),
    Column("policy_version", BigInteger, nullable=False),
    Column("decision", Text, nullable=False),
    Column("refund_id", UUID, unique=True),
    Column("bulk_id", UUID),
    Column("requested_by_id", Text, nullable=False),
    Column("requested_by_name", Text, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("decided_at", AT),
    CheckConstraint("(state = 'approved') = (refund_id IS NOT NULL)", name="refund"),
    CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
    UniqueConstraint("bulk_id", "payment_id"),
    Index("refund_request_created_index", "created_at", "id"),
    Index("refund_request_payment_index", "payment_id"),
)

refund_request_step = Table(
    "refund_request_step",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("request_id", UUID, ForeignKey("refund_request.id"), nullable=False, index=True),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('requested', 'approval', 'approved', 'rejected')", name="kind"),
        nullable=False,
    ),
    Column("by_id", Text, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("note", Text),
    Column("at", AT, nullable=False),
    Index(
        "refund_request_step_approval_index",
        "request_id",
        "by_id",
        unique=True,
        postgresql_where="kind = 'approval'",
    ),
)
