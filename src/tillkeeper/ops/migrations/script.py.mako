"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say what this makes."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Refuse: financial data would be lost. Mend forward."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
