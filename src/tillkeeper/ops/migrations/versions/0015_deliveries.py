"""Where events are sent, each delivery with its tries, and how far named listeners have read."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE INDEX outbox_event_created_index ON outbox_event USING brin (created_at) WITH (autosummarize = on)",
    """
    CREATE TABLE webhook_endpoint (
        id UUID NOT NULL,
        url TEXT NOT NULL,
        types TEXT[] NOT NULL CONSTRAINT webhook_endpoint_types_check CHECK (cardinality(types) > 0),
        description TEXT,
        enabled BOOLEAN DEFAULT 'true' NOT NULL,
        disabled_reason TEXT,
        disabled_at TIMESTAMP WITH TIME ZONE,
        secret BYTEA,
        previous_secret BYTEA,
        previous_until TIMESTAMP WITH TIME ZONE,
        cursor BIGINT NOT NULL CONSTRAINT webhook_endpoint_cursor_check CHECK (cursor >= 0),
        failing_since TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        deleted_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT webhook_endpoint_pkey PRIMARY KEY (id),
        CONSTRAINT webhook_endpoint_secret_check CHECK ((deleted_at IS NULL) = (secret IS NOT NULL)),
        CONSTRAINT webhook_endpoint_disabled_check CHECK (enabled = (disabled_at IS NULL)),
        CONSTRAINT webhook_endpoint_previous_check CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
    )
    """,
    """
    CREATE TABLE webhook_delivery (
        id UUID NOT NULL,
        endpoint_id UUID NOT NULL,
        event_id UUID NOT NULL,
        seq BIGINT NOT NULL,
        status TEXT DEFAULT 'pending' NOT NULL CONSTRAINT webhook_delivery_status_check
            CHECK (status IN ('pending', 'succeeded', 'dead', 'canceled')),
        tries INTEGER DEFAULT '0' NOT NULL,
        failures SMALLINT DEFAULT '0' NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        lease_token UUID,
        lease_until TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id),
        CONSTRAINT webhook_delivery_endpoint_id_event_id_unique UNIQUE (endpoint_id, event_id),
        CONSTRAINT webhook_delivery_endpoint_id_fkey FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoint (id),
        CONSTRAINT webhook_delivery_event_id_fkey FOREIGN KEY(event_id) REFERENCES outbox_event (id),
        CONSTRAINT webhook_delivery_lease_check CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
        CONSTRAINT webhook_delivery_finished_check CHECK ((status = 'pending') = (finished_at IS NULL))
    )
    """,
    "CREATE INDEX webhook_delivery_event_id_index ON webhook_delivery (event_id)",
    "CREATE INDEX webhook_delivery_due_index ON webhook_delivery (endpoint_id, due_at, seq) WHERE status = 'pending'",
    "CREATE INDEX webhook_delivery_leased_index ON webhook_delivery (endpoint_id) WHERE lease_until IS NOT NULL",
    "CREATE INDEX webhook_delivery_latest_index ON webhook_delivery (created_at, id)",
    """
    CREATE TABLE webhook_try (
        delivery_id UUID NOT NULL,
        number INTEGER NOT NULL,
        status SMALLINT,
        latency_ms INTEGER NOT NULL,
        error TEXT,
        body TEXT,
        at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT webhook_try_pkey PRIMARY KEY (delivery_id, number),
        CONSTRAINT webhook_try_delivery_id_fkey FOREIGN KEY(delivery_id) REFERENCES webhook_delivery (id),
        CONSTRAINT webhook_try_outcome_check CHECK ((status IS NULL) = (error IS NOT NULL))
    )
    """,
    """
    CREATE TABLE event_cursor (
        name TEXT NOT NULL,
        seq BIGINT NOT NULL CONSTRAINT event_cursor_seq_check CHECK (seq >= 0),
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT event_cursor_pkey PRIMARY KEY (name)
    )
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: it would be forgotten what merchants were told, and what they are still owed."""
    message = "A downgrade would lose what is still to be delivered; mend forward with a new migration."
    raise NotImplementedError(message)
