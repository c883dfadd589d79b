"""Backups that were made, restores that were tried, and whether this database is a copy that is kept apart."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE backup (
        id UUID NOT NULL,
        file TEXT NOT NULL,
        taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
        made_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        bytes BIGINT NOT NULL CONSTRAINT backup_bytes_check CHECK (bytes >= 1000),
        sha256 BYTEA NOT NULL,
        rows BIGINT NOT NULL,
        took_ms BIGINT NOT NULL,
        CONSTRAINT backup_pkey PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX backup_taken_at_index ON backup (taken_at)",
    """
    CREATE TABLE drill (
        id UUID NOT NULL,
        status TEXT COLLATE "C" DEFAULT 'wished' NOT NULL CONSTRAINT drill_status_check
            CHECK (status IN ('wished', 'running', 'passed', 'failed')),
        wished_by TEXT NOT NULL,
        wished_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        token UUID,
        lease_until TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        file TEXT,
        report JSONB,
        CONSTRAINT drill_pkey PRIMARY KEY (id),
        CONSTRAINT drill_held_check CHECK ((status = 'running') = (token IS NOT NULL AND lease_until IS NOT NULL)),
        CONSTRAINT drill_over_check CHECK ((status IN ('passed', 'failed')) = (finished_at IS NOT NULL)),
        CONSTRAINT drill_told_check CHECK ((status IN ('passed', 'failed')) = (report IS NOT NULL))
    )
    """,
    "CREATE UNIQUE INDEX drill_unfinished_index ON drill ((true)) WHERE status IN ('wished', 'running')",
    "CREATE INDEX drill_finished_at_index ON drill (finished_at)",
    """
    CREATE TABLE isolation (
        id SMALLINT NOT NULL CONSTRAINT isolation_single_check CHECK (id = 1),
        since TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        source TEXT NOT NULL,
        taken_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT isolation_pkey PRIMARY KEY (id)
    )
    """,
)


def upgrade() -> None:
    """Add what is new; nothing that was there changes."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse, as every migration does: what is newer would stand on nothing."""
    message = "There is no way back; mend forward with a new migration."
    raise NotImplementedError(message)
