"""Card packs: what can be drawn, how many are left, and who holds which card."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
TIERS = "tier IN ('common', 'rare', 'epic', 'legendary')"

pack_type = Table(
    "pack_type",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("cards", SmallInteger, CheckConstraint("cards > 0", name="cards"), nullable=False),
    Column("stock", BigInteger, CheckConstraint("stock >= 0", name="stock")),
    Column("guaranteed_tier", Text, nullable=False),
    Column("guaranteed_cards", SmallInteger, nullable=False),
    CheckConstraint("guaranteed_cards BETWEEN 0 AND cards", name="guaranteed"),
)

card_design = Table(
    "card_design",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sku", Text, ForeignKey("pack_type.sku"), nullable=False, index=True),
    Column("artist", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("tier", Text, CheckConstraint(TIERS, name="tier"), nullable=False),
    Column("weight", Integer, CheckConstraint("weight > 0", name="weight"), nullable=False),
    Column("supply", BigInteger),
    Column("issued", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("issued >= 0 AND (supply IS NULL OR issued <= supply)", name="supply"),
)

card = Table(
    "card",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("design_id", Text, ForeignKey("card_design.id"), nullable=False),
    Column("number", BigInteger, CheckConstraint("number > 0", name="number"), nullable=False),
    Column("user_id", UUID, nullable=False, index=True),
    Column("payment_id", UUID, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('owned', 'suspended', 'revoked', 'revoked_after_use')", name="status"),
        nullable=False,
    ),
    Column("used_at", AT),
    Column("created_at", AT, nullable=False),
    UniqueConstraint("design_id", "number"),
    UniqueConstraint("payment_id", "ordinal"),
)
