"""The tables of schedules."""

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, SmallInteger, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
CODE = Text(collation="C")

schedule_run = Table(
    "schedule_run",
    metadata,
    Column("job", CODE, primary_key=True),
    Column("slot", AT, primary_key=True),
    Column("next_slot", AT, CheckConstraint("next_slot > slot", name="next_slot"), nullable=False),
    Column(
        "status",
        CODE,
        CheckConstraint("status IN ('running', 'waiting', 'done', 'failed', 'superseded')", name="status"),
        nullable=False,
        server_default="running",
    ),
    Column("tries", SmallInteger, CheckConstraint("tries > 0", name="tries"), nullable=False, server_default="1"),
    Column("token", UUID),
    Column("lease_until", AT),
    Column("due_at", AT),
    Column("started_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("finished_at", AT),
    Column("error", Text),
    CheckConstraint("(status = 'running') = (token IS NOT NULL AND lease_until IS NOT NULL)", name="held"),
    CheckConstraint("(status = 'waiting') = (due_at IS NOT NULL)", name="put_off"),
    CheckConstraint("(status IN ('done', 'failed', 'superseded')) = (finished_at IS NOT NULL)", name="over"),
)
"""Each slot of each job is one row, so it is run once however many workers and schedulers there are."""

worker = Table(
    "worker",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("kind", CODE, CheckConstraint("kind IN ('loop', 'celery', 'beat')", name="kind"), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("beat_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("ended_at", AT),
)
"""Who works, and when that was last seen; the migration leaves room in its pages, for rows are written all the time."""
