"""The people who buy: the merchant's own user name, and the surrogate that everything else uses."""

from sqlalchemy import Column, DateTime, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

end_user = Table(
    "end_user",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
