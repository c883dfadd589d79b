"""Indexes for what was found only by reading whole tables; each is built beside the work, and stops nobody."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

INDEXES = {
    "wallet_entry_source_index": "wallet_entry (source)",
    "credit_lot_user_index": "credit_lot (user_id)",
    "discrepancy_tolerated_index": "discrepancy (run_id) WHERE closed_by = 'tolerance'",
    "discrepancy_worded_index": "discrepancy (object) WHERE object IS NOT NULL AND reason IS NOT NULL",
    "dispute_response_payment_id_index": "dispute_response (payment_id)",
    "payment_uncaptured_index": "payment (created_at, id) WHERE status = 'requires_capture'",
}


def upgrade() -> None:
    """Add what is new; what an attempt before this one left unfinished is built again.

    Whoever builds an index beside the work waits for every transaction that was open before, as a backup is: that
    stops nobody, so it may take longer than other locks.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '10min'")
        for name, of in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {of}")
        op.execute("SET lock_timeout = '5s'")


def downgrade() -> None:
    """Drop the indexes, in which nothing is that is not in their tables."""
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
