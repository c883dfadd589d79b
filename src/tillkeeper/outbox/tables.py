"""The events owed to the merchant."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

outbox_event = Table(
    "outbox_event",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("seq", BigInteger),
    Column("type", Text, nullable=False),
    Column("subject", UUID, nullable=False),
    Column("payment_id", UUID),
    Column("data", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Index("outbox_event_seq_index", "seq", unique=True, postgresql_where="seq IS NOT NULL"),
    Index("outbox_event_unsequenced_index", "created_at", "id", postgresql_where="seq IS NULL"),
    Index("outbox_event_payment_index", "payment_id", "id"),
)

sequencer = Table(
    "sequencer",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last", BigInteger, CheckConstraint("last >= 0", name="last"), nullable=False),
)
