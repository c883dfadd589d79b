"""Webhooks as they came: the row is both the proof of arrival and the work to do."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

inbox_message = Table(
    "inbox_message",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("content_sha", LargeBinary, nullable=False),
    Column("type", Text, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint(
            "status IN ('received', 'processed', 'parked', 'ignored', 'quarantined', 'dead')", name="status"
        ),
        nullable=False,
        server_default="received",
    ),
    Column("payment_id", UUID),
    Column("waits_for", Text),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("deaths", SmallInteger, nullable=False, server_default="0"),
    Column("reason", Text),
    Column("due_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("received_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("finished_at", AT),
    UniqueConstraint("gateway", "event_id"),
    UniqueConstraint("gateway", "content_sha"),
    Index("inbox_message_due_index", "due_at", "id", postgresql_where="status IN ('received', 'parked')"),
    Index("inbox_message_waits_index", "waits_for", postgresql_where="status = 'parked'"),
    Index("inbox_message_payment_index", "payment_id", postgresql_where="payment_id IS NOT NULL"),
    Index("inbox_message_received_index", "received_at", "id"),
    Index("inbox_message_gateway_index", "gateway", "received_at", "id"),
    Index(
        "inbox_message_aside_index",
        "status",
        "received_at",
        "id",
        postgresql_where="status IN ('parked', 'ignored', 'quarantined', 'dead')",
    ),
)

inbox_body = Table(
    "inbox_body",
    metadata,
    Column("message_id", UUID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""What a message said, written with it in one statement and forgotten before it: hence no foreign key to check."""

inbox_batch = Table(
    "inbox_batch",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("messages", ARRAY(UUID), nullable=False),
    Column("lease_until", AT, nullable=False),
)
"""What a worker is about to touch, committed before it does: a message that kills its worker is found by it."""

catch_up = Table(
    "catch_up",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("seen_until", AT, nullable=False),
    Column("ran_at", AT, nullable=False),
)

gateway_version = Table(
    "gateway_version",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("first_seen_at", AT, nullable=False),
    Column("last_seen_at", AT, nullable=False),
)
"""Which version of its API each gateway wrote its webhooks in, and on which days."""

inbox_duplicate = Table(
    "inbox_duplicate",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", UUID, ForeignKey("inbox_message.id"), nullable=False, index=True),
    Column("received_at", AT, nullable=False, server_default=func.clock_timestamp()),
)
