"""The tables of gateways, and of whether new payments are taken at all."""

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Integer, SmallInteger, Table, Text, func

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

gateway_state = Table(
    "gateway_state",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column(
        "switch",
        Text,
        CheckConstraint("switch IN ('on', 'draining', 'off')", name="switch"),
        nullable=False,
        server_default="on",
    ),
    Column("priority", Integer, nullable=False, server_default="100"),
    Column(
        "fee_percentage_bps",
        Integer,
        CheckConstraint("fee_percentage_bps BETWEEN 0 AND 10000", name="fee_percentage_bps"),
    ),
    Column("fee_fixed", Integer, CheckConstraint("fee_fixed >= 0", name="fee_fixed")),
    Column(
        "breaker",
        Text,
        CheckConstraint("breaker IN ('closed', 'open', 'half_open')", name="breaker"),
        nullable=False,
        server_default="closed",
    ),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("retry_at", AT),
    Column("changed_at", AT, nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("(breaker = 'closed') = (retry_at IS NULL)", name="retry"),
)

maintenance = Table(
    "maintenance",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="single"), primary_key=True, autoincrement=False),
    Column("active", Boolean, nullable=False),
    Column("reason", Text),
    Column("changed_by", Text, nullable=False),
    Column("at", AT, nullable=False),
)
"""One row at most: without it new payments are taken."""
