"""Where a difference belongs once it is accepted, payouts that take money from the bank, and lines of an earlier time."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# What was accepted before must be undone where it was posted, should it be explained after all. Of what is open, only
# that is answered here of which the kind alone says where it belongs; the rest finds its home when it is seen anew.
BELONGED = """
    UPDATE discrepancy SET home = CASE kind
        WHEN 'fee_mismatch' THEN 'processing_fee'
        WHEN 'fx_residual' THEN 'exchange'
        WHEN 'refund_unlinked' THEN 'refunds_of_earned'
        ELSE CASE WHEN difference > 0 THEN 'income' ELSE 'loss' END END
    WHERE (difference <> 0 OR kind = 'fx_residual')
      AND kind NOT IN ('payout_sum_mismatch', 'payout_missing_in_bank', 'in_transit')
      AND (action = 'accept' OR (status = 'open' AND kind IN (
          'missing_internal', 'orphan_adjustment', 'refund_unlinked', 'fx_residual', 'clearing_not_zero')))
"""
STATEMENTS = (
    "ALTER TABLE payout DROP CONSTRAINT payout_amount_check",
    """
    ALTER TABLE discrepancy
        ADD COLUMN home TEXT,
        ADD COLUMN counter BIGINT,
        ADD COLUMN counter_currency TEXT
    """,
    BELONGED,
    "DROP INDEX discrepancy_object_index",
    "DROP INDEX discrepancy_open_index",
    "CREATE INDEX discrepancy_object_index ON discrepancy (object) WHERE status = 'open' OR action IS NOT NULL",
    "CREATE INDEX discrepancy_open_index ON discrepancy (run_id, turn) WHERE status = 'open' OR action IS NOT NULL",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
