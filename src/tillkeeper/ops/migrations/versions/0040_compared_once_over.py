"""Which days were asked for once they were over, and indexes for what moves after its first day."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

INDEXES = {
    "dispute_moved_index": "dispute (gateway, greatest(opened_at, money_at, closed_at), id)",
    "payout_changed_index": "payout (gateway, changed_at, id)",
}


def upgrade() -> None:
    """Add the column: the days of the last week are compared once more, since nobody knows which of them were over.

    What an attempt before this one left unfinished is done again.
    """
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE reconciliation_run ADD COLUMN IF NOT EXISTS planned BOOLEAN DEFAULT false NOT NULL")
        op.execute("SET lock_timeout = '10min'")
        for name, of in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {of}")
        op.execute("SET lock_timeout = '5s'")


def downgrade() -> None:
    """Drop the indexes and the column; a day that was planned may be planned once more."""
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
    # allowed: who goes back runs the version before alone, and that one does not know the column
    op.execute("ALTER TABLE reconciliation_run DROP COLUMN planned")
