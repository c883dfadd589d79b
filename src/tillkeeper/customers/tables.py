"""The people who buy: the merchant's own user name with the surrogate that the books use, and who pays."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, Table, Text, func, text
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

end_user = Table(
    "end_user",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", AT, nullable=False, server_default=func.now()),
)

customer = Table(
    "customer",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("external_id", Text, unique=True),
    Column("email", Text),
    Column("email_key", Text, unique=True),
    Column("name", Text),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Index("customer_created_index", "created_at", "id"),
    Index("customer_address_index", text("lower(email)")),
)
"""Who pays. `email_key` stands at the one customer who is found by this address alone: the first who had it."""

customer_link = Table(
    "customer_link",
    metadata,
    Column("customer_id", UUID, ForeignKey("customer.id"), primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("created_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Index("customer_link_reference_index", "reference"),
)
