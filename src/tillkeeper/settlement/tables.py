"""The tables of settlement."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

payout = Table(
    "payout",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("gateway_reference", Text, nullable=False),
    Column("status", Text, CheckConstraint("status IN ('created', 'paid', 'failed')", name="status"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("arrives_at", AT),
    Column("bank_reference", Text),
    Column("automatic", Boolean, nullable=False),
    Column("bank_line", BigInteger, ForeignKey("bank_line.id"), unique=True),
    Column("error_code", Text),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("changed_at", AT, nullable=False, server_default=func.clock_timestamp()),
    UniqueConstraint("gateway", "gateway_reference"),
    Index("payout_created_index", "created_at", "id"),
    Index("payout_changed_index", "gateway", "changed_at", "id"),
)
"""An amount below zero is money that a gateway takes from the bank; `bank_line` is where the bank shows it."""

bank_line = Table(
    "bank_line",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("told_at", AT, nullable=False, server_default=func.clock_timestamp()),
    UniqueConstraint("day", "currency", "amount", "reference", "ordinal"),
    Index("bank_line_amount_index", "currency", "amount"),
)
"""The bank's own account; `ordinal` tells apart lines of one file that say the same."""
