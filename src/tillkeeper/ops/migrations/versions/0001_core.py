"""Payments, inbox, outbox, operations and keys."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE api_key (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        mode TEXT NOT NULL,
        hint TEXT NOT NULL,
        digest BYTEA NOT NULL,
        scopes TEXT[] NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        last_used_at TIMESTAMP WITH TIME ZONE,
        revoked_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT api_key_pkey PRIMARY KEY (id),
        CONSTRAINT api_key_digest_unique UNIQUE (digest)
    )
    """,
    """
    CREATE TABLE catch_up (
        gateway TEXT NOT NULL,
        seen_until TIMESTAMP WITH TIME ZONE NOT NULL,
        ran_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT catch_up_pkey PRIMARY KEY (gateway)
    )
    """,
    """
    CREATE TABLE end_user (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT end_user_pkey PRIMARY KEY (id),
        CONSTRAINT end_user_name_unique UNIQUE (name)
    )
    """,
    """
    CREATE TABLE idempotency_key (
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        request_sha BYTEA NOT NULL,
        resource_id UUID,
        status INTEGER,
        body JSONB,
        lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT idempotency_key_pkey PRIMARY KEY (scope, key)
    )
    """,
    "CREATE INDEX idempotency_key_created_index ON idempotency_key (created_at) WHERE status IS NOT NULL",
    """
    CREATE TABLE inbox_batch (
        id UUID NOT NULL,
        messages UUID[] NOT NULL,
        lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT inbox_batch_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE inbox_message (
        id UUID NOT NULL,
        gateway TEXT NOT NULL,
        event_id TEXT NOT NULL,
        content_sha BYTEA NOT NULL,
        type TEXT NOT NULL,
        body BYTEA NOT NULL,
        status TEXT DEFAULT 'received' NOT NULL CONSTRAINT inbox_message_status_check CHECK (status IN ('received', 'processed', 'parked', 'ignored', 'quarantined', 'dead')),
        payment_id UUID,
        waits_for TEXT,
        attempts SMALLINT DEFAULT '0' NOT NULL,
        deaths SMALLINT DEFAULT '0' NOT NULL,
        reason TEXT,
        due_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT inbox_message_pkey PRIMARY KEY (id),
        CONSTRAINT inbox_message_gateway_event_id_unique UNIQUE (gateway, event_id),
        CONSTRAINT inbox_message_gateway_content_sha_unique UNIQUE (gateway, content_sha)
    )
    """,
    """
    CREATE INDEX inbox_message_due_index ON inbox_message (due_at, id) WHERE status IN ('received', 'parked')
    """,
    "CREATE INDEX inbox_message_payment_index ON inbox_message (payment_id) WHERE payment_id IS NOT NULL",
    "CREATE INDEX inbox_message_received_index ON inbox_message (received_at, id)",
    "CREATE INDEX inbox_message_waits_index ON inbox_message (waits_for) WHERE status = 'parked'",
    """
    CREATE TABLE operation (
        id UUID NOT NULL,
        kind TEXT NOT NULL CONSTRAINT operation_kind_check CHECK (kind IN ('create', 'capture', 'cancel', 'expire', 'refund')),
        payment_id UUID NOT NULL,
        refund_id UUID,
        gateway TEXT NOT NULL,
        key TEXT NOT NULL,
        state TEXT DEFAULT 'asked' NOT NULL CONSTRAINT operation_state_check CHECK (state IN ('asked', 'done', 'declined', 'refused', 'given_up')),
        tries SMALLINT DEFAULT '0' NOT NULL,
        doubts SMALLINT DEFAULT '0' NOT NULL,
        amount BIGINT CONSTRAINT operation_amount_check CHECK (amount > 0),
        due_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        lease_token UUID,
        lease_until TIMESTAMP WITH TIME ZONE,
        error TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT operation_pkey PRIMARY KEY (id),
        CONSTRAINT operation_key_unique UNIQUE (key)
    )
    """,
    "CREATE INDEX operation_due_index ON operation (due_at, id) WHERE state = 'asked'",
    """
    CREATE UNIQUE INDEX operation_ending_index ON operation (payment_id) WHERE kind IN ('capture', 'cancel', 'expire') AND state = 'asked'
    """,
    "CREATE INDEX operation_payment_id_index ON operation (payment_id)",
    """
    CREATE INDEX operation_subject_index ON operation (coalesce(refund_id, payment_id)) WHERE state = 'asked'
    """,
    """
    CREATE TABLE outbox_event (
        id UUID NOT NULL,
        seq BIGINT,
        type TEXT NOT NULL,
        subject UUID NOT NULL,
        payment_id UUID,
        data JSONB NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT outbox_event_pkey PRIMARY KEY (id),
        CONSTRAINT outbox_event_seq_unique UNIQUE (seq)
    )
    """,
    "CREATE INDEX outbox_event_payment_index ON outbox_event (payment_id, id)",
    "CREATE INDEX outbox_event_unsequenced_index ON outbox_event (created_at, id) WHERE seq IS NULL",
    """
    CREATE TABLE package (
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        quantity INTEGER NOT NULL CONSTRAINT package_quantity_check CHECK (quantity > 0),
        active BOOLEAN DEFAULT 'true' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT package_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE payment (
        id UUID NOT NULL,
        mode TEXT NOT NULL,
        status TEXT NOT NULL,
        amount BIGINT NOT NULL CONSTRAINT payment_amount_check CHECK (amount > 0),
        currency TEXT NOT NULL CONSTRAINT payment_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
        amount_captured BIGINT DEFAULT '0' NOT NULL,
        amount_refunding BIGINT DEFAULT '0' NOT NULL,
        amount_refunded BIGINT DEFAULT '0' NOT NULL,
        amount_disputed BIGINT DEFAULT '0' NOT NULL,
        user_id UUID,
        sale JSONB,
        description TEXT,
        gateway TEXT NOT NULL,
        gateway_reference TEXT,
        checkout TEXT NOT NULL,
        capture_method TEXT NOT NULL,
        return_url TEXT,
        next_action JSONB,
        metadata JSONB NOT NULL,
        error_code TEXT,
        error_message TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        captured_at TIMESTAMP WITH TIME ZONE,
        ending_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT payment_pkey PRIMARY KEY (id),
        CONSTRAINT payment_captured_check CHECK (amount_captured BETWEEN 0 AND amount),
        CONSTRAINT payment_refunded_check CHECK (amount_refunded BETWEEN 0 AND amount_captured),
        CONSTRAINT payment_refunding_check CHECK (amount_refunding >= 0),
        CONSTRAINT payment_buyer_check CHECK ((sale IS NULL) OR (user_id IS NOT NULL))
    )
    """,
    "CREATE INDEX payment_created_index ON payment (created_at, id)",
    """
    CREATE INDEX payment_unpaid_index ON payment (expires_at) WHERE ending_at IS NULL AND status IN ('created', 'requires_action', 'processing', 'outcome_unknown')
    """,
    "CREATE INDEX payment_user_index ON payment (user_id, created_at)",
    """
    CREATE TABLE sequencer (
        name TEXT NOT NULL,
        last BIGINT NOT NULL CONSTRAINT sequencer_last_check CHECK (last >= 0),
        CONSTRAINT sequencer_pkey PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE attempt (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        ordinal SMALLINT NOT NULL,
        gateway TEXT NOT NULL,
        key TEXT NOT NULL,
        outcome TEXT,
        error_code TEXT,
        error_message TEXT,
        latency_ms INTEGER,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT attempt_pkey PRIMARY KEY (id),
        CONSTRAINT attempt_payment_id_ordinal_unique UNIQUE (payment_id, ordinal),
        CONSTRAINT attempt_payment_id_fkey FOREIGN KEY(payment_id) REFERENCES payment (id),
        CONSTRAINT attempt_key_unique UNIQUE (key)
    )
    """,
    """
    CREATE TABLE inbox_duplicate (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        message_id UUID NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT inbox_duplicate_pkey PRIMARY KEY (id),
        CONSTRAINT inbox_duplicate_message_id_fkey FOREIGN KEY(message_id) REFERENCES inbox_message (id)
    )
    """,
    "CREATE INDEX inbox_duplicate_message_id_index ON inbox_duplicate (message_id)",
    """
    CREATE TABLE package_price (
        package_id TEXT NOT NULL,
        currency TEXT NOT NULL CONSTRAINT package_price_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
        amount BIGINT NOT NULL CONSTRAINT package_price_amount_check CHECK (amount > 0),
        CONSTRAINT package_price_pkey PRIMARY KEY (package_id, currency),
        CONSTRAINT package_price_package_id_fkey FOREIGN KEY(package_id) REFERENCES package (id)
    )
    """,
    """
    CREATE TABLE payment_change (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        payment_id UUID NOT NULL,
        status_before TEXT,
        status_after TEXT NOT NULL,
        step TEXT NOT NULL,
        reason TEXT NOT NULL,
        cause TEXT NOT NULL,
        amount BIGINT DEFAULT '0' NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT payment_change_pkey PRIMARY KEY (id),
        CONSTRAINT payment_change_payment_id_fkey FOREIGN KEY(payment_id) REFERENCES payment (id)
    )
    """,
    "CREATE INDEX payment_change_payment_id_index ON payment_change (payment_id)",
    """
    CREATE TABLE payment_reference (
        gateway TEXT NOT NULL,
        reference TEXT NOT NULL,
        payment_id UUID NOT NULL,
        CONSTRAINT payment_reference_pkey PRIMARY KEY (gateway, reference),
        CONSTRAINT payment_reference_payment_id_fkey FOREIGN KEY(payment_id) REFERENCES payment (id)
    )
    """,
    "CREATE INDEX payment_reference_payment_id_index ON payment_reference (payment_id)",
    """
    CREATE TABLE refund (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        amount BIGINT NOT NULL CONSTRAINT refund_amount_check CHECK (amount > 0),
        currency TEXT NOT NULL,
        status TEXT NOT NULL CONSTRAINT refund_status_check CHECK (status IN ('pending', 'succeeded', 'failed')),
        origin TEXT NOT NULL CONSTRAINT refund_origin_check CHECK (origin IN ('us', 'gateway')),
        reason TEXT,
        gateway TEXT NOT NULL,
        gateway_reference TEXT,
        error_code TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        settled_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT refund_pkey PRIMARY KEY (id),
        CONSTRAINT refund_gateway_gateway_reference_unique UNIQUE (gateway, gateway_reference),
        CONSTRAINT refund_payment_id_fkey FOREIGN KEY(payment_id) REFERENCES payment (id)
    )
    """,
    "CREATE INDEX refund_created_index ON refund (created_at, id)",
    "CREATE INDEX refund_payment_id_index ON refund (payment_id)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
    op.execute("INSERT INTO sequencer (name, last) VALUES ('outbox', 0)")


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
