"""The table of how far retention has come."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

retention_mark = Table(
    "retention_mark",
    metadata,
    Column(
        "kind",
        Text(collation="C"),
        CheckConstraint("kind IN ('unpaid', 'paid', 'audit', 'lines')", name="kind"),
        primary_key=True,
    ),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("id", UUID, nullable=False),
    Column("number", BigInteger, nullable=False),
)
