"""Letters to buyers and operators."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE mail_letter (
        id UUID NOT NULL,
        kind TEXT NOT NULL CONSTRAINT mail_letter_kind_check CHECK (kind IN ('receipt', 'alert', 'digest')),
        topic TEXT NOT NULL,
        data JSONB NOT NULL,
        status TEXT DEFAULT 'pending' NOT NULL CONSTRAINT mail_letter_status_check CHECK (status IN ('pending', 'sent', 'gathered', 'dropped', 'dead')),
        reason TEXT,
        failures SMALLINT DEFAULT '0' NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        lease_token UUID,
        lease_until TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        begun_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT mail_letter_pkey PRIMARY KEY (id),
        CONSTRAINT mail_letter_lease_check CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
        CONSTRAINT mail_letter_finished_check CHECK ((status = 'pending') = (finished_at IS NULL))
    )
    """,
    "CREATE INDEX mail_letter_due_index ON mail_letter (due_at, id) WHERE status = 'pending'",
    "CREATE INDEX mail_letter_begun_index ON mail_letter (begun_at) WHERE kind = 'alert' AND begun_at IS NOT NULL",
    "CREATE INDEX mail_letter_digest_index ON mail_letter (created_at) WHERE kind = 'digest'",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: letters that are owed would be forgotten."""
    message = "A downgrade would forget letters that are owed; mend forward with a new migration."
    raise NotImplementedError(message)
