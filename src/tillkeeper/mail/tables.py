"""The letters that are owed to buyers and operators, and what became of them."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, SmallInteger, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

mail_letter = Table(
    "mail_letter",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("kind", Text, CheckConstraint("kind IN ('receipt', 'alert', 'digest')", name="kind"), nullable=False),
    Column("topic", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('pending', 'sent', 'gathered', 'dropped', 'dead')", name="status"),
        nullable=False,
        server_default="pending",
    ),
    Column("reason", Text),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("due_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("lease_token", UUID),
    Column("lease_until", AT),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("begun_at", AT),
    Column("finished_at", AT),
    CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
    CheckConstraint("(status = 'pending') = (finished_at IS NULL)", name="finished"),
    Index("mail_letter_due_index", "due_at", "id", postgresql_where="status = 'pending'"),
    Index("mail_letter_begun_index", "begun_at", postgresql_where="kind = 'alert' AND begun_at IS NOT NULL"),
    Index("mail_letter_payment_index", text("(data ->> 'payment')")),
    Index("mail_letter_digest_index", "created_at", postgresql_where="kind = 'digest'"),
)
"""No address stands here: that of a buyer is looked up, and those of operators are configured."""
