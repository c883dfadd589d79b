"""Disputes, payouts, late fees and second captures."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE payment
        ADD COLUMN authorized_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN fee BIGINT DEFAULT '0' NOT NULL,
        ADD COLUMN fee_final BOOLEAN DEFAULT 'false' NOT NULL
    """,
    "DROP INDEX payment_unpaid_index",
    """
    CREATE INDEX payment_unpaid_index ON payment (expires_at)
        WHERE status IN ('created', 'requires_action', 'processing', 'outcome_unknown')
    """,
    """
    ALTER TABLE refund
        ADD COLUMN surplus BOOLEAN DEFAULT 'false' NOT NULL,
        ADD COLUMN capture_reference TEXT,
        ADD CONSTRAINT refund_surplus_check CHECK (NOT surplus OR capture_reference IS NOT NULL)
    """,
    """
    ALTER TABLE operation
        ADD COLUMN reference TEXT,
        DROP CONSTRAINT operation_kind_check,
        ADD CONSTRAINT operation_kind_check
            CHECK (kind IN ('create', 'capture', 'cancel', 'expire', 'refund', 'confirm', 'fee'))
    """,
    "DROP INDEX operation_ending_index",
    """
    CREATE UNIQUE INDEX operation_ending_index ON operation (payment_id)
        WHERE kind IN ('capture', 'cancel', 'expire') AND state = 'asked' AND reference IS NULL
    """,
    """
    CREATE UNIQUE INDEX operation_asking_index ON operation (payment_id, kind)
        WHERE kind IN ('confirm', 'fee') AND state = 'asked'
    """,
    """
    CREATE TABLE dispute (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        gateway TEXT NOT NULL,
        gateway_reference TEXT NOT NULL,
        status TEXT NOT NULL CONSTRAINT dispute_status_check
            CHECK (status IN ('warning', 'needs_response', 'under_review', 'won', 'lost', 'prevented')),
        amount BIGINT NOT NULL CONSTRAINT dispute_amount_check CHECK (amount > 0),
        currency TEXT NOT NULL,
        reason TEXT,
        due_at TIMESTAMP WITH TIME ZONE,
        withdrawn BIGINT,
        fee BIGINT,
        opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
        told_at TIMESTAMP WITH TIME ZONE NOT NULL,
        closed_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT dispute_pkey PRIMARY KEY (id),
        CONSTRAINT dispute_payment_id_fkey FOREIGN KEY(payment_id) REFERENCES payment (id),
        CONSTRAINT dispute_gateway_gateway_reference_unique UNIQUE (gateway, gateway_reference)
    )
    """,
    "CREATE INDEX dispute_payment_id_index ON dispute (payment_id)",
    "CREATE INDEX dispute_opened_index ON dispute (opened_at, id)",
    """
    CREATE TABLE payout (
        id UUID NOT NULL,
        gateway TEXT NOT NULL,
        gateway_reference TEXT NOT NULL,
        status TEXT NOT NULL CONSTRAINT payout_status_check CHECK (status IN ('created', 'paid', 'failed')),
        amount BIGINT NOT NULL CONSTRAINT payout_amount_check CHECK (amount >= 0),
        currency TEXT NOT NULL,
        arrives_at TIMESTAMP WITH TIME ZONE,
        bank_reference TEXT,
        automatic BOOLEAN NOT NULL,
        error_code TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT payout_pkey PRIMARY KEY (id),
        CONSTRAINT payout_gateway_gateway_reference_unique UNIQUE (gateway, gateway_reference)
    )
    """,
    "CREATE INDEX payout_created_index ON payout (created_at, id)",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
