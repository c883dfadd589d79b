"""What we answered to disputes, and who said so."""

from sqlalchemy import CheckConstraint, Column, DateTime, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

dispute_response = Table(
    "dispute_response",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("dispute_id", UUID, nullable=False, index=True),
    Column("payment_id", UUID, nullable=False, index=True),
    Column("kind", Text, CheckConstraint("kind IN ('evidence', 'accept')", name="kind"), nullable=False),
    Column("body", LargeBinary),
    Column("by_id", Text, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    CheckConstraint("(kind = 'evidence') = (body IS NOT NULL)", name="body"),
)
