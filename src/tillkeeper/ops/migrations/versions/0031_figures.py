"""Figures by hour and by day, and short lists of what needs somebody."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE figure (
        span TEXT COLLATE "C" NOT NULL CONSTRAINT figure_span_check CHECK (span IN ('hour', 'day')),
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        gateway TEXT COLLATE "C" NOT NULL,
        currency TEXT COLLATE "C" NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        count BIGINT NOT NULL CONSTRAINT figure_count_check CHECK (count >= 0),
        amount BIGINT NOT NULL,
        CONSTRAINT figure_pkey PRIMARY KEY (span, at, gateway, currency, name)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE figure_mark (
        id SMALLINT NOT NULL CONSTRAINT figure_mark_single_check CHECK (id = 1),
        seal BIGINT NOT NULL,
        change BIGINT NOT NULL,
        moved_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT figure_mark_pkey PRIMARY KEY (id)
    )
    """,
    # Everything that is there already is added up by the worker, from the beginning.
    "INSERT INTO figure_mark (id, seal, change) VALUES (1, 0, 0)",
    # What needs somebody is counted on every look at the overview, and is rare among what is done.
    "CREATE INDEX discrepancy_waiting_index ON discrepancy (first_seen_at, id) WHERE status = 'open'",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse, as every migration does: what is newer would stand on nothing."""
    message = "There is no way back; mend forward with a new migration."
    raise NotImplementedError(message)
