"""Which days of which gateways were compared, and where the two accounts differ."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
LIVING = "status = 'open' OR action IS NOT NULL"

reconciliation_run = Table(
    "reconciliation_run",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("status", Text, CheckConstraint("status IN ('due', 'running', 'done')", name="status"), nullable=False),
    Column("asked", Integer, nullable=False, server_default="1"),
    Column("asked_on", Date, nullable=False),
    Column("planned", Boolean, nullable=False, server_default="false"),
    Column("turn", Integer, nullable=False, server_default="0"),
    Column("step", Text, nullable=False, server_default="lines"),
    Column("place_at", AT),
    Column("place_id", Text),
    Column("lines", BigInteger, nullable=False, server_default="0"),
    Column("ours", BigInteger, nullable=False, server_default="0"),
    Column("found", BigInteger, nullable=False, server_default="0"),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("started_at", AT),
    Column("finished_at", AT),
    Column("due_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("error", Text),
    UniqueConstraint("gateway", "day"),
    CheckConstraint("turn <= asked", name="turn"),
    Index("reconciliation_run_due_index", "day", "gateway", postgresql_where="status <> 'done'"),
    Index("reconciliation_run_created_index", "created_at", "id"),
)
"""Asked once more while it is at work, a run begins anew when it ends: `asked` is ahead of `turn` then.

`planned` says that it was asked for once its day was over; lines may have asked for it before.
"""

discrepancy = Table(
    "discrepancy",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("fact", UUID, nullable=False),
    Column("occurrence", SmallInteger, nullable=False),
    Column("run_id", UUID, ForeignKey("reconciliation_run.id"), nullable=False),
    Column("gateway", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('open', 'explained', 'closed')", name="status"),
        nullable=False,
    ),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("theirs", BigInteger),
    Column("ours", BigInteger),
    Column("currency", Text, nullable=False),
    Column("difference", BigInteger, nullable=False),
    Column("difference_currency", Text, nullable=False),
    Column("line_id", BigInteger),
    Column("object", UUID),
    Column("payment_id", UUID),
    Column("suspended", Boolean, nullable=False),
    Column("home", Text),
    Column("counter", BigInteger),
    Column("counter_currency", Text),
    Column("turn", Integer, nullable=False),
    Column("first_seen_at", AT, nullable=False),
    Column("closed_at", AT),
    Column("closed_by", Text),
    Column("action", Text, CheckConstraint("action IN ('accept', 'ignore')", name="action")),
    Column("reason", Text),
    UniqueConstraint("fact", "occurrence"),
    CheckConstraint("(status = 'open') = (closed_at IS NULL)", name="closed"),
    CheckConstraint("status <> 'closed' OR (closed_by IS NOT NULL AND reason IS NOT NULL)", name="named"),
    Index("discrepancy_open_index", "run_id", "turn", postgresql_where=LIVING),
    Index("discrepancy_object_index", "object", postgresql_where=LIVING),
    Index("discrepancy_payment_index", "payment_id", postgresql_where="payment_id IS NOT NULL"),
    Index("discrepancy_seen_index", "first_seen_at", "id"),
    Index("discrepancy_tolerated_index", "run_id", postgresql_where="closed_by = 'tolerance'"),
    Index("discrepancy_worded_index", "object", postgresql_where="object IS NOT NULL AND reason IS NOT NULL"),
    Index("discrepancy_waiting_index", "first_seen_at", "id", postgresql_where="status = 'open'"),
)
"""`fact` is one for the same thing with the same amounts: seen again after it was explained, it is a row of its own.

`home` is where the difference belongs once it is accepted, and `counter` what our books hold of it in another currency.
"""
