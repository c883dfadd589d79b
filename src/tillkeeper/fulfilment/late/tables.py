"""What was paid and is handed over later, and what went back and is taken later, with its tries."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

late_delivery = Table(
    "late_delivery",
    metadata,
    Column("payment_id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('pending', 'held', 'delivered', 'canceled', 'failed')", name="status"),
        nullable=False,
    ),
    Column("reason", Text, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("due_at", AT, nullable=False),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("finished_at", AT),
    Index("late_delivery_due_index", "due_at", "payment_id", postgresql_where="status = 'pending'"),
    Index("late_delivery_failed_index", "payment_id", postgresql_where="status = 'failed'"),
)
"""What was paid and could not be handed over at once: the row is the work."""

late_revocation = Table(
    "late_revocation",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("payment_id", UUID, nullable=False, index=True),
    Column("step", Text, nullable=False),
    Column("refund_id", UUID),
    Column("dispute_id", UUID),
    Column("amount", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("due_at", AT, nullable=False),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("finished_at", AT),
    CheckConstraint("(refund_id IS NULL) <> (dispute_id IS NULL)", name="source"),
    Index("late_revocation_due_index", "due_at", "payment_id", postgresql_where="finished_at IS NULL"),
)
"""What went back and whose goods could not be moved at once; it is tried until they are."""
