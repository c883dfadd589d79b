"""What is for sale."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, ForeignKey, Integer, Table, Text, func

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
