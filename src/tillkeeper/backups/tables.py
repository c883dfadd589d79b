"""The tables of backups."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
CODE = Text(collation="C")

backup = Table(
    "backup",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("file", Text, nullable=False),
    Column("taken_at", AT, nullable=False),
    Column("made_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("bytes", BigInteger, CheckConstraint("bytes >= 1000", name="bytes"), nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("took_ms", BigInteger, nullable=False),
    Index("backup_taken_at_index", "taken_at"),
)
"""Each backup that was written and read again; one that failed has no row."""

drill = Table(
    "drill",
    metadata,
    Column("id", UUID, primary_key=True),
    Column(
        "status",
        CODE,
        CheckConstraint("status IN ('wished', 'running', 'passed', 'failed')", name="status"),
        nullable=False,
        server_default="wished",
    ),
    Column("wished_by", Text, nullable=False),
    Column("wished_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("token", UUID),
    Column("lease_until", AT),
    Column("finished_at", AT),
    Column("file", Text),
    Column("report", JSONB),
    CheckConstraint("(status = 'running') = (token IS NOT NULL AND lease_until IS NOT NULL)", name="held"),
    CheckConstraint("(status IN ('passed', 'failed')) = (finished_at IS NOT NULL)", name="over"),
    CheckConstraint("(status IN ('passed', 'failed')) = (report IS NOT NULL)", name="told"),
    Index(
        "drill_unfinished_index",
        text("(true)"),
        unique=True,
        postgresql_where=text("status IN ('wished', 'running')"),
    ),
    Index("drill_finished_at_index", "finished_at"),
)
"""Restores that were tried; there is one at a time."""

isolation = Table(
    "isolation",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="single"), primary_key=True, autoincrement=False),
    Column("since", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("source", Text, nullable=False),
    Column("taken_at", AT),
)
"""One row at most: with it the database is a restored copy that must not act on anybody outside. No backup holds it."""
