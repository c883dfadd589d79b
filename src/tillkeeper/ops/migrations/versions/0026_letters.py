"""Letters about a payment are found without reading all of them."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    op.execute("CREATE INDEX mail_letter_payment_index ON mail_letter ((data ->> 'payment'))")


def downgrade() -> None:
    """Take back what was added."""
    op.execute("DROP INDEX mail_letter_payment_index")
