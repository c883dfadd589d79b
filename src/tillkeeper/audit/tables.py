"""Who changed what: nothing is changed or removed here, and each entry vouches for the one before it."""

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", UUID, nullable=False, unique=True),
    Column("at", AT, nullable=False),
    Column("actor", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    Column("reason", Text),
    Column("request", Text),
    Column("digest", LargeBinary, nullable=False),
    Index("audit_entry_subject_index", "subject", "number"),
    Index("audit_entry_actor_index", "actor", "number"),
    Index("audit_entry_request_index", "request", postgresql_where="request IS NOT NULL"),
    Index("audit_entry_action_index", "action", "number"),
    Index("audit_entry_payment_index", text("(after ->> 'payment')")),
    Index("audit_entry_user_index", text("(after ->> 'user')")),
)
"""`number` and `digest` are the database's own: a trigger counts without gaps and chains each entry to the last."""
