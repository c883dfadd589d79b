"""The merchant's own people: passwords as argon2id hashes, sessions and recovery codes as digests."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

staff_member = Table(
    "staff_member",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("totp", LargeBinary),
    Column("totp_offered", LargeBinary),
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
    Column("created_at", AT, nullable=False),
    Column("disabled_at", AT),
    Column("codes_wrong", Integer, nullable=False, server_default="0"),
    Column("codes_wrong_since", AT),
    CheckConstraint("role IN ('viewer', 'support', 'finance', 'developer', 'admin')", name="role"),
)
"""`totp_step` is the last moment whose code was used: none is good twice. `codes_wrong` counts for an hour at most."""

staff_session = Table(
    "staff_session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("member_id", UUID, ForeignKey("staff_member.id"), nullable=False),
    Column("created_at", AT, nullable=False),
    Column("seen_at", AT, nullable=False),
    Column("proved_at", AT, nullable=False),
    Index("staff_session_member_id_index", "member_id"),
)

staff_recovery_code = Table(
    "staff_recovery_code",
    metadata,
    Column("member_id", UUID, ForeignKey("staff_member.id"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
)
