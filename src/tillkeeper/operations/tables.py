"""What a gateway must be told: each row is one call, with a key of its own that is reused on every retry."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, SmallInteger, Table, Text, func, text
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

operation = Table(
    "operation",
    metadata,
    Column("id", UUID, primary_key=True),
    Column(
        "kind",
        Text,
        CheckConstraint(
            "kind IN ('create', 'capture', 'cancel', 'expire', 'refund', 'confirm', 'fee', 'evidence', 'accept')",
            name="kind",
        ),
        nullable=False,
    ),
    Column("payment_id", UUID, nullable=False, index=True),
    Column("refund_id", UUID),
    Column("response_id", UUID),
    Column("gateway", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('asked', 'done', 'declined', 'refused', 'given_up')", name="state"),
        nullable=False,
        server_default="asked",
    ),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("doubts", SmallInteger, nullable=False, server_default="0"),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount")),
    Column("reference", Text),
    Column("due_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("lease_token", UUID),
    Column("lease_until", AT),
    Column("error", Text),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("finished_at", AT),
    Index("operation_due_index", "due_at", "id", postgresql_where="state = 'asked'"),
    Index("operation_subject_index", text("coalesce(refund_id, payment_id)"), postgresql_where="state = 'asked'"),
    Index(
        "operation_ending_index",
        "payment_id",
        unique=True,
        postgresql_where="kind IN ('capture', 'cancel', 'expire') AND state = 'asked' AND reference IS NULL",
    ),
    Index(
        "operation_asking_index",
        "payment_id",
        "kind",
        unique=True,
        postgresql_where="kind IN ('confirm', 'fee') AND state = 'asked'",
    ),
    Index(
        "operation_answering_index",
        "gateway",
        "reference",
        unique=True,
        postgresql_where="kind IN ('evidence', 'accept') AND state = 'asked'",
    ),
    Index("operation_given_up_index", "id", postgresql_where="state = 'given_up'"),
    Index("operation_response_index", "response_id", postgresql_where="response_id IS NOT NULL"),
)
