"""The books as tables: rows of account, journal and posting are never changed; balances are their sums."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from tillkeeper.kernel.db import metadata

AT = DateTime(timezone=True)
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
    Column("effective_at", AT, nullable=False),
    Column("recorded_at", AT, nullable=False, server_default=func.clock_timestamp()),
    Column("correlation_id", Text),
    UniqueConstraint("source", "source_id", "kind"),
    Index(None, "recorded_at", "effective_at", postgresql_using="brin"),
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
    Column("effective_at", AT, nullable=False),
    CheckConstraint("debit_id <> credit_id", name="sides"),
    Index(None, "debit_id", "effective_at", "id"),
    Index(None, "credit_id", "effective_at", "id"),
    Index(None, "effective_at", postgresql_using="brin"),
)
"""That its journal and its accounts exist, at this time and in this currency, a trigger checks once a statement."""

unsealed = Table(
    "unsealed",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("journals", ARRAY(UUID), nullable=False),
)
"""The queue of the sealer: a row for each batch of journals that was posted and stands in no seal yet."""

seal = Table(
    "seal",
    metadata,
    Column("number", BigInteger, CheckConstraint("number >= 0", name="number"), primary_key=True, autoincrement=False),
    Column("previous", LargeBinary, nullable=False),
    Column("journals", ARRAY(UUID), nullable=False),
    Column("digests", ARRAY(LargeBinary), nullable=False),
    Column("sealed_at", AT, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    CheckConstraint("cardinality(journals) = cardinality(digests)", name="digests"),
)
"""Blocks of journals, each with the hash of the one before it: what is changed afterwards breaks the chain."""

balance_daily = Table(
    "balance_daily",
    metadata,
    Column("day", Date, primary_key=True),
    Column("heading", CODE, primary_key=True),
    Column("currency", CODE, primary_key=True),
    Column("class", Text, nullable=False),
    Column("debits", BigInteger, CheckConstraint("debits >= 0", name="debits"), nullable=False),
    Column("credits", BigInteger, CheckConstraint("credits >= 0", name="credits"), nullable=False),
)
"""What moved on each day, in UTC, under each heading of the trial balance; users' accounts are summed as `wallet:*`."""

SCOPE = "scope IN ('recent', 'full')"

invariant_check = Table(
    "invariant_check",
    metadata,
    Column("name", Text, primary_key=True),
    Column("scope", Text, CheckConstraint(SCOPE, name="scope"), primary_key=True),
    Column("checked_at", AT, nullable=False),
    Column("violations", Integer, CheckConstraint("violations >= 0", name="violations"), nullable=False),
    Column("sample", ARRAY(Text), nullable=False),
    Column("broken_since", AT),
    CheckConstraint("(violations > 0) = (broken_since IS NOT NULL)", name="since"),
)
"""The last word on each thing that must always be true."""

invariant_run = Table(
    "invariant_run",
    metadata,
    Column("scope", Text, CheckConstraint(SCOPE, name="scope"), primary_key=True),
    Column("slot", AT, nullable=False),
    Column("taken_at", AT, nullable=False),
    Column("finished_at", AT),
)
"""Who examines what when: a slot of time is taken by one worker, and by another one when that one died."""
