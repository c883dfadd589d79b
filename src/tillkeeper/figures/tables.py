"""The tables of figures: sums that could be made anew from the books and the history of payments at any time."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, SmallInteger, Table, Text, func

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
CODE = Text(collation="C")

figure = Table(
    "figure",
    metadata,
    Column("span", CODE, CheckConstraint("span IN ('hour', 'day')", name="span"), primary_key=True),
    Column("at", AT, primary_key=True),
    Column("gateway", CODE, primary_key=True),
    Column("currency", CODE, primary_key=True),
    Column("name", CODE, primary_key=True),
    Column("count", BigInteger, CheckConstraint("count >= 0", name="count"), nullable=False),
    Column("amount", BigInteger, nullable=False),
)
"""What happened in each hour and in each day, in UTC; the migration leaves room in its pages."""

figure_mark = Table(
    "figure_mark",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="single"), primary_key=True, autoincrement=False),
    Column("seal", BigInteger, nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("moved_at", AT, nullable=False, server_default=func.clock_timestamp()),
)
"""How far the figures go: to a seal of the books, and to a change of a payment."""
