"""Goods that could not be taken, frozen or given back when their money moved, and are moved later."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE late_revocation (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        payment_id UUID NOT NULL,
        step TEXT NOT NULL,
        refund_id UUID,
        dispute_id UUID,
        amount BIGINT NOT NULL,
        lost BIGINT NOT NULL,
        occasion TEXT NOT NULL,
        reason TEXT NOT NULL,
        tries INTEGER DEFAULT '0' NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT late_revocation_pkey PRIMARY KEY (id),
        CONSTRAINT late_revocation_source_check CHECK ((refund_id IS NULL) <> (dispute_id IS NULL))
    )
    """,
    "CREATE INDEX late_revocation_payment_id_index ON late_revocation (payment_id)",
    "CREATE INDEX late_revocation_due_index ON late_revocation (due_at, payment_id) WHERE finished_at IS NULL",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: goods that are owed would be forgotten."""
    message = "A downgrade would lose what is still to be taken back; mend forward with a new migration."
    raise NotImplementedError(message)
