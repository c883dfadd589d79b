"""How often each caller has called."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE UNLOGGED TABLE rate_window (
        who TEXT NOT NULL,
        start TIMESTAMP WITH TIME ZONE NOT NULL,
        taken INTEGER NOT NULL,
        CONSTRAINT rate_window_pkey PRIMARY KEY (who, start)
    )
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the present version counts here."""
    message = "The present version counts here; mend forward with a new migration."
    raise NotImplementedError(message)
