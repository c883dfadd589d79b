"""What was taken over from an earlier system, so that nothing is taken over twice."""

from sqlalchemy import CheckConstraint, Column, DateTime, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

adoption = Table(
    "adoption",
    metadata,
    Column("kind", Text, CheckConstraint("kind IN ('user', 'payment')", name="kind"), primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("id", UUID, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""`external_id` is what the earlier system called it, `digest` what its line said, `id` what it is called here."""
