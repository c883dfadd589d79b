"""The tables of payments, their attempts, refunds and history."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

payment = Table(
    "payment",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"), nullable=False),
    Column("amount_captured", BigInteger, nullable=False, server_default="0"),
    Column("amount_refunding", BigInteger, nullable=False, server_default="0"),
    Column("amount_refunded", BigInteger, nullable=False, server_default="0"),
    Column("amount_disputed", BigInteger, nullable=False, server_default="0"),
    Column("user_id", UUID),
    Column("sale", JSONB),
    Column("description", Text),
    Column("gateway", Text, nullable=False),
    Column("gateway_reference", Text),
    Column("checkout", Text, nullable=False),
    Column("capture_method", Text, nullable=False),
    Column("return_url", Text),
    Column("next_action", JSONB),
    Column("metadata", JSONB, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("created_at", AT, nullable=False),
    Column("expires_at", AT, nullable=False),
    Column("captured_at", AT),
    Column("ending_at", AT),
    Column("authorized_at", AT),
    Column("fee", BigInteger, nullable=False, server_default="0"),
    Column("fee_final", Boolean, nullable=False, server_default="false"),
    Column("customer_id", UUID),
    Column("customer_reference", Text),
    Column("amount_lost", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("amount_captured BETWEEN 0 AND amount", name="captured"),
    CheckConstraint("amount_refunded BETWEEN 0 AND amount_captured", name="refunded"),
    CheckConstraint("amount_refunding >= 0", name="refunding"),
    CheckConstraint("(sale IS NULL) OR (user_id IS NOT NULL)", name="buyer"),
    Index("payment_created_index", "created_at", "id"),
    Index("payment_user_index", "user_id", "created_at"),
    Index(
        "payment_unpaid_index",
        "expires_at",
        postgresql_where="status IN ('created', 'requires_action', 'processing', 'outcome_unknown')",
    ),
)

payment_reference = Table(
    "payment_reference",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("payment_id", UUID, ForeignKey("payment.id"), nullable=False, index=True),
)

payment_change = Table(
    "payment_change",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("payment_id", UUID, ForeignKey("payment.id"), nullable=False, index=True),
    Column("status_before", Text),
    Column("status_after", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, server_default="0"),
    Column("at", AT, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("payment_id", UUID, ForeignKey("payment.id"), nullable=False),
    Column("ordinal", SmallInteger, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("outcome", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("latency_ms", Integer),
    Column("created_at", AT, nullable=False, server_default=func.now()),
    Column("finished_at", AT),
    UniqueConstraint("payment_id", "ordinal"),
)

refund = Table(
    "refund",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("payment_id", UUID, ForeignKey("payment.id"), nullable=False, index=True),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column(
        "status", Text, CheckConstraint("status IN ('pending', 'succeeded', 'failed')", name="status"), nullable=False
    ),
    Column("origin", Text, CheckConstraint("origin IN ('us', 'gateway')", name="origin"), nullable=False),
    Column("reason", Text),
    Column("gateway", Text, nullable=False),
    Column("gateway_reference", Text),
    Column("error_code", Text),
    Column("created_at", AT, nullable=False),
    Column("settled_at", AT),
    Column("surplus", Boolean, nullable=False, server_default="false"),
    Column("capture_reference", Text),
    Column("reversal", Boolean, nullable=False, server_default="false"),
    CheckConstraint("NOT surplus OR capture_reference IS NOT NULL", name="surplus"),
    UniqueConstraint("gateway", "gateway_reference"),
    Index("refund_created_index", "created_at", "id"),
)

dispute = Table(
    "dispute",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("payment_id", UUID, ForeignKey("payment.id"), nullable=False, index=True),
    Column("gateway", Text, nullable=False),
    Column("gateway_reference", Text, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint(
            "status IN ('warning', 'needs_response', 'under_review', 'won', 'lost', 'prevented')", name="status"
        ),
        nullable=False,
    ),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text),
    Column("due_at", AT),
    Column("withdrawn", BigInteger),
    Column("fee", BigInteger),
    Column("opened_at", AT, nullable=False),
    Column("told_at", AT, nullable=False),
    Column("closed_at", AT),
    Column("money_at", AT),
    Column("conceded", BigInteger, nullable=False, server_default="0"),
    Column("claimed", BigInteger, nullable=False, server_default="0"),
    Column("steps", Integer, nullable=False, server_default="0"),
    Column("booked_withdrawn", BigInteger, nullable=False, server_default="0"),
    Column("booked_fee", BigInteger, nullable=False, server_default="0"),
    Column("booked_lost", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("gateway", "gateway_reference"),
    Index("dispute_opened_index", "opened_at", "id"),
)
