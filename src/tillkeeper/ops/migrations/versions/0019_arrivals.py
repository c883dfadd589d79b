"""Lines of the bank by which payouts arrive, what was booked for second captures, and refunds of an earlier time."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE payout
        ADD COLUMN bank_line BIGINT
            CONSTRAINT payout_bank_line_unique UNIQUE
            CONSTRAINT payout_bank_line_fkey REFERENCES bank_line (id)
    """,
    """
    ALTER TABLE refund
        ADD COLUMN fee BIGINT,
        ADD COLUMN imported BOOLEAN DEFAULT 'false' NOT NULL
    """,
    """
    UPDATE refund SET imported = true FROM adoption
    WHERE adoption.kind = 'payment' AND adoption.id = refund.payment_id
      AND refund.reason = 'taken over from an earlier system'
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
