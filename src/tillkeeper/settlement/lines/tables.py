"""What gateways account for, line by line, and how far their accounts were read."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
SEVERAL = "side <> 'dispute'"

settlement_line = Table(
    "settlement_line",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    Column(
        "kind",
        Text,
        CheckConstraint(
            "kind IN ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_reversed', 'fee', 'payout',"
            " 'payout_failed', 'conversion', 'reserve', 'adjustment')",
            name="kind",
        ),
        nullable=False,
    ),
    Column("object_id", Text),
    Column("parent_id", Text),
    Column("our_reference", Text),
    Column("our_payment", UUID),
    Column("our_refund", UUID),
    Column("gross", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("settle_currency", Text, nullable=False),
    Column("rate", Text),
    Column("occurred_at", AT, nullable=False),
    Column("available_at", AT),
    Column("payout_id", Text),
    Column("raw", LargeBinary, nullable=False),
    Column("day", Date, nullable=False),
    Column("told_at", AT, nullable=False, server_default=func.clock_timestamp()),
    UniqueConstraint("gateway", "line_id"),
    Index("settlement_line_day_index", "gateway", "day", "id"),
    Index("settlement_line_payout_index", "gateway", "payout_id", postgresql_where="payout_id IS NOT NULL"),
    Index("settlement_line_payment_index", "our_payment", postgresql_where="our_payment IS NOT NULL"),
    Index("settlement_line_refund_index", "our_refund", postgresql_where="our_refund IS NOT NULL"),
)
"""`day` is that of the gateway's own zone: the one on which the line is covered."""

settlement_link = Table(
    "settlement_link",
    metadata,
    Column("line_id", BigInteger, ForeignKey("settlement_line.id"), primary_key=True, autoincrement=False),
    Column(
        "side",
        Text,
        CheckConstraint(
            "side IN ('capture', 'surplus', 'refund', 'refund_failed', 'dispute', 'payout', 'payout_failed')",
            name="side",
        ),
        nullable=False,
    ),
    Column("object", UUID, nullable=False),
    Index("settlement_link_object_index", "object", "side", unique=True, postgresql_where=SEVERAL),
    Index("settlement_link_dispute_index", "object", postgresql_where="side = 'dispute'"),
)
"""For what of ours a line stands: one line for each thing, so that a second one is seen to be one too many."""

unread_line = Table(
    "unread_line",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("day", Date, nullable=False),
    Column("told_at", AT, nullable=False, server_default=func.clock_timestamp()),
    UniqueConstraint("gateway", "line_id", "reason"),
    Index("unread_line_day_index", "gateway", "day", "id"),
    Index("unread_line_worded_index", "told_at", "id", postgresql_where="raw <> ''"),
)

settlement_cursor = Table(
    "settlement_cursor",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("seen_until", AT),
    Column("told_until", AT),
    Column("until", AT),
    Column("after", Text),
    Column("ran_at", AT, nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("after IS NULL OR until IS NOT NULL", name="place"),
)
"""How far a gateway's account was read: all before `seen_until`, and in files up to `told_until`."""
