"""API keys, of which only digests are kept, and how often who has called."""

from sqlalchemy import ARRAY, CheckConstraint, Column, DateTime, Index, Integer, LargeBinary, Table, Text, func
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

rate_window = Table(
    "rate_window",
    metadata,
    Column("who", Text, primary_key=True),
    Column("start", AT, primary_key=True),
    Column("taken", Integer, nullable=False),
    Index("rate_window_start_index", "start"),
    prefixes=["UNLOGGED"],
)
"""Counts of a minute: a crash of PostgreSQL empties it, and then a minute is a little more generous."""
