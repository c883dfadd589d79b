"""The events owed to the merchant, and their way there."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

outbox_event = Table(
    "outbox_event",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("seq", BigInteger),
    Column("type", Text, nullable=False),
    Column("subject", UUID, nullable=False),
    Column("payment_id", UUID),
    Column("data", JSONB, nullable=False),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Index("outbox_event_seq_index", "seq", unique=True, postgresql_where="seq IS NOT NULL"),
    Index("outbox_event_unsequenced_index", "created_at", "id", postgresql_where="seq IS NULL"),
    Index("outbox_event_payment_index", "payment_id", "id"),
    Index("outbox_event_created_index", "created_at", postgresql_using="brin"),
)

sequencer = Table(
    "sequencer",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last", BigInteger, CheckConstraint("last >= 0", name="last"), nullable=False),
)

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("url", Text, nullable=False),
    Column("types", ARRAY(Text), CheckConstraint("cardinality(types) > 0", name="types"), nullable=False),
    Column("description", Text),
    Column("enabled", Boolean, nullable=False, server_default="true"),
    Column("disabled_reason", Text),
    Column("disabled_at", AT),
    Column("secret", LargeBinary),
    Column("previous_secret", LargeBinary),
    Column("previous_until", AT),
    Column("cursor", BigInteger, CheckConstraint("cursor >= 0", name="cursor"), nullable=False),
    Column("failing_since", AT),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("deleted_at", AT),
    Column("owed_since", BigInteger, CheckConstraint("owed_since >= 0", name="owed_since"), nullable=False),
    CheckConstraint("(deleted_at IS NULL) = (secret IS NOT NULL)", name="secret"),
    CheckConstraint("enabled = (disabled_at IS NULL)", name="disabled"),
    CheckConstraint("(previous_secret IS NULL) = (previous_until IS NULL)", name="previous"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("endpoint_id", UUID, ForeignKey("webhook_endpoint.id"), nullable=False),
    Column("event_id", UUID, ForeignKey("outbox_event.id"), nullable=False, index=True),
    Column("seq", BigInteger, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('pending', 'succeeded', 'dead', 'canceled')", name="status"),
        nullable=False,
        server_default="pending",
    ),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("due_at", AT, nullable=False, server_default=func.now()),
    Column("lease_token", UUID),
    Column("lease_until", AT),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("finished_at", AT),
    UniqueConstraint("endpoint_id", "event_id"),
    CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
    CheckConstraint("(status = 'pending') = (finished_at IS NULL)", name="finished"),
    Index("webhook_delivery_due_index", "endpoint_id", "due_at", "seq", postgresql_where="status = 'pending'"),
    Index("webhook_delivery_leased_index", "endpoint_id", postgresql_where="lease_until IS NOT NULL"),
    Index("webhook_delivery_latest_index", "created_at", "id"),
    Index("webhook_delivery_endpoint_index", "endpoint_id", "created_at", "id"),
    Index(
        "webhook_delivery_ended_index", "status", "created_at", "id", postgresql_where="status IN ('dead', 'canceled')"
    ),
)

webhook_try = Table(
    "webhook_try",
    metadata,
    Column("delivery_id", UUID, ForeignKey("webhook_delivery.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("status", SmallInteger),
    Column("latency_ms", Integer, nullable=False),
    Column("error", Text),
    Column("body", Text),
    Column("at", AT, nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("(status IS NULL) = (error IS NOT NULL)", name="outcome"),
)

event_cursor = Table(
    "event_cursor",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seq", BigInteger, CheckConstraint("seq >= 0", name="seq"), nullable=False),
    Column("updated_at", AT, nullable=False, server_default=func.clock_timestamp()),
)
