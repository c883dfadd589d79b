"""Failed tries are counted by when they happened."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE risk_assessment ADD COLUMN failed_at TIMESTAMP WITH TIME ZONE[] DEFAULT '{}' NOT NULL",
    # When they failed, nobody wrote down until today: at the earliest when they began.
    """
    UPDATE risk_assessment SET failed_at = array_fill(at, ARRAY[least(failures, 100)::int])
    WHERE failures > 0 AND at > now() - interval '2 days'
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take back what was added."""
    op.execute("ALTER TABLE risk_assessment DROP COLUMN failed_at")
