"""What is for sale."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from tillkeeper.kernel.db import metadata

package = Table(
    "package",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("quantity", Integer, CheckConstraint("quantity > 0", name="quantity"), nullable=False),
    Column("active", Boolean, nullable=False, server_default="true"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

package_price = Table(
    "package_price",
    metadata,
    Column("package_id", Text, ForeignKey("package.id"), primary_key=True),
    Column("currency", Text, CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"), primary_key=True),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column(
        "tax_bps",
        Integer,
        CheckConstraint("tax_bps BETWEEN 0 AND 10000", name="tax_bps"),
        nullable=False,
        server_default="0",
    ),
)

package_revision = Table(
    "package_revision",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("package_id", Text, ForeignKey("package.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("prices", JSONB, nullable=False),
    Column("tax_bps", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""What a package was and cost at each time; the newest says what it is."""
