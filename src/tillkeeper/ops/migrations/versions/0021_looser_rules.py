"""Rules that let one person give back more alone are proposed by one and agreed to by another."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE refund_policy ADD COLUMN proposed BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE refund_policy ADD COLUMN agreed_by_id TEXT",
    "ALTER TABLE refund_policy ADD COLUMN agreed_by_name TEXT",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: rules that were only proposed would be in force."""
    message = "A downgrade would put rules in force that nobody agreed to; mend forward with a new migration."
    raise NotImplementedError(message)
