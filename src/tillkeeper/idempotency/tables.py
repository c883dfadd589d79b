"""The keys that make a repeated request one effect."""

from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha", LargeBinary, nullable=False),
    Column("resource_id", UUID),
    Column("status", Integer),
    Column("body", JSONB),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("replays", Integer, nullable=False, server_default="0"),
    Index("idempotency_key_key_index", "key"),
    Index("idempotency_key_resource_index", "resource_id", postgresql_where="resource_id IS NOT NULL"),
    Index("idempotency_key_created_index", "created_at", postgresql_where="status IS NOT NULL"),
)
