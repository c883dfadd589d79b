"""Slots of what is due at certain moments, each run once, and the workers that are there to do it."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE schedule_run (
        job TEXT COLLATE "C" NOT NULL,
        slot TIMESTAMP WITH TIME ZONE NOT NULL,
        next_slot TIMESTAMP WITH TIME ZONE NOT NULL CONSTRAINT schedule_run_next_slot_check CHECK (next_slot > slot),
        status TEXT COLLATE "C" DEFAULT 'running' NOT NULL CONSTRAINT schedule_run_status_check
            CHECK (status IN ('running', 'waiting', 'done', 'failed', 'superseded')),
        tries SMALLINT DEFAULT 1 NOT NULL CONSTRAINT schedule_run_tries_check CHECK (tries > 0),
        token UUID,
        lease_until TIMESTAMP WITH TIME ZONE,
        due_at TIMESTAMP WITH TIME ZONE,
        started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        error TEXT,
        CONSTRAINT schedule_run_pkey PRIMARY KEY (job, slot),
        CONSTRAINT schedule_run_held_check
            CHECK ((status = 'running') = (token IS NOT NULL AND lease_until IS NOT NULL)),
        CONSTRAINT schedule_run_put_off_check CHECK ((status = 'waiting') = (due_at IS NOT NULL)),
        CONSTRAINT schedule_run_over_check
            CHECK ((status IN ('done', 'failed', 'superseded')) = (finished_at IS NOT NULL))
    )
    """,
    """
    CREATE TABLE worker (
        id UUID NOT NULL,
        kind TEXT COLLATE "C" NOT NULL CONSTRAINT worker_kind_check CHECK (kind IN ('loop', 'celery', 'beat')),
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        beat_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT worker_pkey PRIMARY KEY (id)
    ) WITH (fillfactor = 50)
    """,
)


def upgrade() -> None:
    """Add what is new; every slot is still to come."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse, as every migration does: what is newer would stand on nothing."""
    message = "There is no way back; mend forward with a new migration."
    raise NotImplementedError(message)
