"""Old counts of calls are found by an index, and each of the merchant's people has a count of wrong codes."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE INDEX rate_window_start_index ON rate_window (start)",
    """
    ALTER TABLE staff_member
        ADD COLUMN codes_wrong INTEGER DEFAULT 0 NOT NULL,
        ADD COLUMN codes_wrong_since TIMESTAMP WITH TIME ZONE
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take back what was added."""
    op.execute("ALTER TABLE staff_member DROP COLUMN codes_wrong, DROP COLUMN codes_wrong_since")
    op.execute("DROP INDEX rate_window_start_index")
