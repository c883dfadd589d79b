"""API keys: only their digests are kept."""

from sqlalchemy import ARRAY, CheckConstraint, Column, DateTime, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

api_key = Table(
    "api_key",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", AT, nullable=False, server_default=func.now()),
    Column("last_used_at", AT),
    Column("revoked_at", AT),
    Column("kind", Text, nullable=False, server_default="secret"),
    Column("expires_at", AT),
    CheckConstraint("kind IN ('secret', 'publishable')", name="kind"),
)
