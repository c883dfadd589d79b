"""Keys that end by themselves, and keys that anybody may see."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE api_key
        ADD COLUMN kind TEXT DEFAULT 'secret' NOT NULL
            CONSTRAINT api_key_kind_check CHECK (kind IN ('secret', 'publishable')),
        ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: keys that have ended would open everything again."""
    message = "A downgrade would let keys that have ended open everything again; mend forward with a new migration."
    raise NotImplementedError(message)
