"""What was paid and is handed over later, with its tries."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, SmallInteger, Table, Text, func
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
)
"""What was paid and could not be handed over at once: the row is the work."""
