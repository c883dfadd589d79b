"""The rules, the lists, and what was made of each payment."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

risk_rule = Table(
    "risk_rule",
    metadata,
    Column("id", Text, primary_key=True),
    Column("fact", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("value", JSONB, nullable=False),
    Column("currency", Text),
    Column("score", SmallInteger, CheckConstraint("score BETWEEN 1 AND 100", name="score"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
)

risk_list = Table(
    "risk_list",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("side", Text, CheckConstraint("side IN ('allow', 'block')", name="side"), nullable=False),
    Column("trait", Text, CheckConstraint("trait IN ('user', 'address', 'fingerprint')", name="trait"), nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("shown", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("at", AT, nullable=False),
    Column("expires_at", AT),
    UniqueConstraint("key", "side"),
)

risk_assessment = Table(
    "risk_assessment",
    metadata,
    Column("payment_id", UUID, primary_key=True),
    Column("user_key", LargeBinary),
    Column("address_key", LargeBinary),
    Column("fingerprint_key", LargeBinary),
    Column("score", SmallInteger, CheckConstraint("score BETWEEN 0 AND 100", name="score"), nullable=False),
    Column(
        "decision", Text, CheckConstraint("decision IN ('allow', 'review', 'block')", name="decision"), nullable=False
    ),
    Column("reasons", JSONB, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("failed_at", ARRAY(AT), nullable=False, server_default="{}"),
    Column("at", AT, nullable=False),
    Index("risk_assessment_user_index", "user_key", "at", postgresql_where="user_key IS NOT NULL"),
    Index("risk_assessment_address_index", "address_key", "at", postgresql_where="address_key IS NOT NULL"),
    Index("risk_assessment_fingerprint_index", "fingerprint_key", "at", postgresql_where="fingerprint_key IS NOT NULL"),
    Index("risk_assessment_at_index", "at"),
)
