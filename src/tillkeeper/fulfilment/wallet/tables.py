"""Credits: a wallet a user, the lots they came in, and every movement with the balance before and after."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)

wallet = Table(
    "wallet",
    metadata,
    Column("user_id", UUID, primary_key=True),
    Column("balance", BigInteger, CheckConstraint("balance >= 0", name="balance"), nullable=False, server_default="0"),
    Column("debt", BigInteger, CheckConstraint("debt >= 0", name="debt"), nullable=False, server_default="0"),
    Column("frozen", BigInteger, CheckConstraint("frozen >= 0", name="frozen"), nullable=False, server_default="0"),
)

credit_lot = Table(
    "credit_lot",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("user_id", UUID, ForeignKey("wallet.user_id"), nullable=False),
    Column("payment_id", UUID, unique=True),
    Column("granted", BigInteger, CheckConstraint("granted > 0", name="granted"), nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("revoked", BigInteger, nullable=False, server_default="0"),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("recognised", BigInteger, nullable=False, server_default="0"),
    Column("returned", BigInteger, nullable=False, server_default="0"),
    Column("expires_at", AT),
    Column("created_at", AT, nullable=False),
    Column("frozen", BigInteger, nullable=False, server_default="0"),
    Column("lost", BigInteger, nullable=False, server_default="0"),
    CheckConstraint(
        "remaining >= 0 AND frozen >= 0 AND revoked >= 0 AND remaining + frozen + revoked <= granted", name="units"
    ),
    CheckConstraint(
        "recognised >= 0 AND returned >= 0 AND lost >= 0 AND recognised + returned + lost <= amount", name="money"
    ),
    Index("credit_lot_open_index", "user_id", "created_at", postgresql_where="remaining > 0"),
    Index("credit_lot_user_index", "user_id"),
    Index("credit_lot_lapsing_index", "expires_at", postgresql_where="remaining > 0 AND expires_at IS NOT NULL"),
)

wallet_entry = Table(
    "wallet_entry",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("user_id", UUID, ForeignKey("wallet.user_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount <> 0", name="amount"), nullable=False),
    Column("balance_before", BigInteger, nullable=False),
    Column("balance_after", BigInteger, CheckConstraint("balance_after >= 0", name="balance_after"), nullable=False),
    Column("source", UUID, nullable=False),
    Column("reason", Text),
    Column("at", AT, nullable=False),
    CheckConstraint("balance_after = balance_before + amount", name="arithmetic"),
    Index("wallet_entry_user_index", "user_id", "id"),
    Index("wallet_entry_source_index", "source"),
)

wallet_spend = Table(
    "wallet_spend",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("user_id", UUID, ForeignKey("wallet.user_id"), nullable=False, index=True),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", AT, nullable=False),
)

wallet_adjustment = Table(
    "wallet_adjustment",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("user_id", UUID, ForeignKey("wallet.user_id"), nullable=False, index=True),
    Column("kind", Text, CheckConstraint("kind IN ('bonus', 'adjustment', 'write_off')", name="kind"), nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount <> 0", name="amount"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires_at", AT),
    Column("at", AT, nullable=False),
)
"""What people did to credits by hand, and why; a bonus leaves its id to the lot that it brought."""

revocation = Table(
    "revocation",
    metadata,
    Column("refund_id", UUID, primary_key=True),
    Column("lot_id", UUID, ForeignKey("credit_lot.id"), nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("unearned", BigInteger, nullable=False),
    Column("earned", BigInteger, nullable=False),
)
