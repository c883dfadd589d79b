"""Since when a fee is known, so that an older figure of it comes too late."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there stays as it is."""
    op.execute("ALTER TABLE payment ADD COLUMN fee_told_at TIMESTAMP WITH TIME ZONE")


def downgrade() -> None:
    """Refuse: an older figure of a fee would then count as the newest."""
    message = "A downgrade would forget since when fees are known; mend forward with a new migration."
    raise NotImplementedError(message)
