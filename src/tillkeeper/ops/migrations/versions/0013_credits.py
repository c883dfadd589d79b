"""Credits beside purchases, taxes in prices, and what was taken over from an earlier system."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE credit_lot ALTER COLUMN payment_id DROP NOT NULL",
    """
    CREATE INDEX credit_lot_lapsing_index ON credit_lot (expires_at)
        WHERE remaining > 0 AND expires_at IS NOT NULL
    """,
    """
    CREATE TABLE wallet_adjustment (
        id UUID NOT NULL,
        user_id UUID NOT NULL,
        kind TEXT NOT NULL CONSTRAINT wallet_adjustment_kind_check CHECK (kind IN ('bonus', 'adjustment', 'write_off')),
        amount BIGINT NOT NULL CONSTRAINT wallet_adjustment_amount_check CHECK (amount <> 0),
        reason TEXT NOT NULL,
        made_by TEXT NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT wallet_adjustment_pkey PRIMARY KEY (id),
        CONSTRAINT wallet_adjustment_user_id_fkey FOREIGN KEY(user_id) REFERENCES wallet (user_id)
    )
    """,
    "CREATE INDEX wallet_adjustment_user_id_index ON wallet_adjustment (user_id)",
    """
    ALTER TABLE package_price
        ADD COLUMN tax_bps INTEGER DEFAULT '0' NOT NULL
            CONSTRAINT package_price_tax_bps_check CHECK (tax_bps BETWEEN 0 AND 10000)
    """,
    """
    ALTER TABLE payment
        ADD COLUMN tax_refunded BIGINT DEFAULT '0' NOT NULL
            CONSTRAINT payment_tax_refunded_check CHECK (tax_refunded >= 0),
        ADD COLUMN fee_tax BIGINT DEFAULT '0' NOT NULL,
        ADD COLUMN imported BOOLEAN DEFAULT 'false' NOT NULL
    """,
    """
    ALTER TABLE refund
        ADD COLUMN tax BIGINT DEFAULT '0' NOT NULL CONSTRAINT refund_tax_check CHECK (tax BETWEEN 0 AND amount)
    """,
    """
    CREATE TABLE adoption (
        kind TEXT NOT NULL CONSTRAINT adoption_kind_check CHECK (kind IN ('user', 'payment')),
        external_id TEXT NOT NULL,
        id UUID NOT NULL,
        digest BYTEA NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT adoption_pkey PRIMARY KEY (kind, external_id),
        CONSTRAINT adoption_id_unique UNIQUE (id)
    )
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
