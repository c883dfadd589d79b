"""The history of the catalogue, and maintenance as a decision that every process sees."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE package_revision (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        package_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        quantity INTEGER NOT NULL,
        prices JSONB NOT NULL,
        tax_bps JSONB NOT NULL,
        active BOOLEAN NOT NULL,
        changed_by TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT package_revision_pkey PRIMARY KEY (id),
        CONSTRAINT package_revision_package_id_fkey FOREIGN KEY(package_id) REFERENCES package (id)
    )
    """,
    "CREATE INDEX package_revision_package_id_index ON package_revision (package_id)",
    """
    CREATE TABLE maintenance (
        id SMALLINT NOT NULL CONSTRAINT maintenance_single_check CHECK (id = 1),
        active BOOLEAN NOT NULL,
        reason TEXT,
        changed_by TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT maintenance_pkey PRIMARY KEY (id)
    )
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the history of prices would be lost."""
    message = "A downgrade would lose the history of prices; mend forward with a new migration."
    raise NotImplementedError(message)
