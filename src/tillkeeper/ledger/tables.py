"""The books as tables: rows of account, journal and posting are never changed; balances are their sums."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

CODE = Text(collation="C")
"""Text that sorts by its bytes: the same order in Python and on every machine, and the cheapest to compare."""

account = Table(
    "account",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("code", CODE, CheckConstraint("code ~ '^[!-~]+$'", name="code"), nullable=False),
    Column("currency", CODE, CheckConstraint("currency ~ '^[!-~]+$'", name="currency"), nullable=False),
    Column(
        "class",
        Text,
        CheckConstraint("class IN ('asset', 'liability', 'income', 'expense', 'unit')", name="class"),
        nullable=False,
    ),
    Column("guarded", Boolean, nullable=False),
    Column("mode", Text, CheckConstraint("mode IN ('sync', 'deferred')", name="mode"), nullable=False),
    UniqueConstraint("code"),
    UniqueConstraint("id", "currency"),
    CheckConstraint("NOT guarded OR (mode = 'sync' AND class IN ('liability', 'income', 'unit'))", name="guarded"),
)

balance = Table(
    "balance",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("debits", BigInteger, CheckConstraint("debits >= 0", name="debits"), nullable=False, server_default="0"),
    Column("credits", BigInteger, CheckConstraint("credits >= 0", name="credits"), nullable=False, server_default="0"),
    Column("held", BigInteger, CheckConstraint("held >= 0", name="held"), nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("guarded", Boolean, nullable=False),
    CheckConstraint("NOT guarded OR credits - debits - held >= 0", name="guarded"),
)
"""Apart from `account`, so that foreign keys never wait for the hot row; the migration leaves room in its pages."""

balance_delta = Table(
    "balance_delta",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("balance.account_id"), nullable=False, index=True),
    Column("debits", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("source", CODE, nullable=False),
    Column("source_id", CODE, nullable=False),
    Column("kind", CODE, nullable=False),
    Column("payload_sha", LargeBinary, nullable=False),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("correlation_id", Text),
    UniqueConstraint("source", "source_id", "kind"),
)

posting = Table(
    "posting",
    metadata,
    Column("journal_id", UUID, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("debit_id", BigInteger, nullable=False),
    Column("credit_id", BigInteger, nullable=False),
    Column("currency", CODE, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    CheckConstraint("debit_id <> credit_id", name="sides"),
    Index(None, "debit_id", "id"),
    Index(None, "credit_id", "id"),
)
"""That its journal and its accounts exist, in this currency, a trigger checks for all rows of a statement at once."""
