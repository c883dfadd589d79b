"""When each secret was first seen, by a fingerprint."""

from alembic import op

revision = "0037"
down_revision = "0035"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE secret_sighting (
        name TEXT COLLATE "C" NOT NULL,
        fingerprint TEXT COLLATE "C" NOT NULL,
        first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT secret_sighting_pkey PRIMARY KEY (name, fingerprint)
    )
    """,
)


def upgrade() -> None:
    """Add the table; the worker fills it."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: since when secrets have been the same would be forgotten."""
    message = "A downgrade would lose how old your secrets are; mend forward with a new migration."
    raise NotImplementedError(message)
