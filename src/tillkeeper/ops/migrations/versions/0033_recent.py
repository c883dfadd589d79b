"""The attempts of the last hour, found without reading all of them."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index that costs writers next to nothing: attempts lie in the table in the order of their time."""
    op.execute("CREATE INDEX attempt_created_index ON attempt USING brin (created_at) WITH (autosummarize = on)")


def downgrade() -> None:
    """Drop the index, in which nothing is that is not in the table."""
    op.execute("DROP INDEX attempt_created_index")
