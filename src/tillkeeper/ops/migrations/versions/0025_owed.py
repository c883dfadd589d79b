"""Each endpoint notes since which event it is owed what it wants, so that a missing delivery can be found."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE webhook_endpoint ADD COLUMN owed_since BIGINT
        CONSTRAINT webhook_endpoint_owed_since_check CHECK (owed_since >= 0)
    """,
    # What was wanted when, before today, nobody wrote down.
    "UPDATE webhook_endpoint SET owed_since = cursor",
    "ALTER TABLE webhook_endpoint ALTER COLUMN owed_since SET NOT NULL",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take back what was added."""
    op.execute("ALTER TABLE webhook_endpoint DROP COLUMN owed_since")
