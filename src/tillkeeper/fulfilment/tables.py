"""What was handed over for a payment."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, SmallInteger, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

undelivered = Table(
    "undelivered",
    metadata,
    Column("payment_id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

entitlement = Table(
    "entitlement",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("payment_id", UUID, nullable=False),
    Column("line", SmallInteger, nullable=False),
    Column("ordinal", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("user_id", UUID, nullable=False, index=True),
    Column("granted", BigInteger, CheckConstraint("granted > 0", name="granted"), nullable=False),
    Column("revoked", BigInteger, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("frozen", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("payment_id", "line", "ordinal"),
    CheckConstraint("revoked >= 0 AND frozen >= 0 AND revoked + frozen <= granted", name="revoked"),
)
