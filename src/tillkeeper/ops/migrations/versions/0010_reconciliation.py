"""What gateways account for, line by line; the comparison with ours, day by day; and where the two differ."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE settlement_line (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        gateway TEXT NOT NULL,
        line_id TEXT NOT NULL,
        kind TEXT NOT NULL CONSTRAINT settlement_line_kind_check CHECK (kind IN ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_reversed', 'fee', 'payout', 'payout_failed', 'conversion', 'reserve', 'adjustment')),
        object_id TEXT,
        parent_id TEXT,
        our_reference TEXT,
        our_payment UUID,
        our_refund UUID,
        gross BIGINT NOT NULL,
        fee BIGINT NOT NULL,
        tax BIGINT NOT NULL,
        net BIGINT NOT NULL,
        currency TEXT NOT NULL,
        settle_currency TEXT NOT NULL,
        rate TEXT,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        available_at TIMESTAMP WITH TIME ZONE,
        payout_id TEXT,
        raw BYTEA NOT NULL,
        day DATE NOT NULL,
        told_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT settlement_line_pkey PRIMARY KEY (id),
        CONSTRAINT settlement_line_gateway_line_id_unique UNIQUE (gateway, line_id)
    )
    """,
    "CREATE INDEX settlement_line_day_index ON settlement_line (gateway, day, id)",
    "CREATE INDEX settlement_line_payout_index ON settlement_line (gateway, payout_id) WHERE payout_id IS NOT NULL",
    """
    CREATE TABLE settlement_link (
        line_id BIGINT NOT NULL,
        side TEXT NOT NULL CONSTRAINT settlement_link_side_check CHECK (side IN ('capture', 'surplus', 'refund', 'refund_failed', 'dispute', 'payout', 'payout_failed')),
        object UUID NOT NULL,
        CONSTRAINT settlement_link_pkey PRIMARY KEY (line_id),
        CONSTRAINT settlement_link_line_id_fkey FOREIGN KEY(line_id) REFERENCES settlement_line (id)
    )
    """,
    "CREATE INDEX settlement_link_dispute_index ON settlement_link (object) WHERE side = 'dispute'",
    "CREATE UNIQUE INDEX settlement_link_object_index ON settlement_link (object, side) WHERE side <> 'dispute'",
    """
    CREATE TABLE unread_line (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        gateway TEXT NOT NULL,
        line_id TEXT NOT NULL,
        reason TEXT NOT NULL,
        raw BYTEA NOT NULL,
        day DATE NOT NULL,
        told_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT unread_line_pkey PRIMARY KEY (id),
        CONSTRAINT unread_line_gateway_line_id_reason_unique UNIQUE (gateway, line_id, reason)
    )
    """,
    "CREATE INDEX unread_line_day_index ON unread_line (gateway, day, id)",
    """
    CREATE TABLE settlement_cursor (
        gateway TEXT NOT NULL,
        seen_until TIMESTAMP WITH TIME ZONE,
        told_until TIMESTAMP WITH TIME ZONE,
        until TIMESTAMP WITH TIME ZONE,
        after TEXT,
        ran_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT settlement_cursor_pkey PRIMARY KEY (gateway),
        CONSTRAINT settlement_cursor_place_check CHECK (after IS NULL OR until IS NOT NULL)
    )
    """,
    """
    CREATE TABLE bank_line (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        day DATE NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        reference TEXT NOT NULL,
        ordinal INTEGER NOT NULL,
        told_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT bank_line_pkey PRIMARY KEY (id),
        CONSTRAINT bank_line_day_currency_amount_reference_ordinal_unique UNIQUE (day, currency, amount, reference, ordinal)
    )
    """,
    "CREATE INDEX bank_line_amount_index ON bank_line (currency, amount)",
    """
    CREATE TABLE reconciliation_run (
        id UUID NOT NULL,
        gateway TEXT NOT NULL,
        day DATE NOT NULL,
        status TEXT NOT NULL CONSTRAINT reconciliation_run_status_check CHECK (status IN ('due', 'running', 'done')),
        asked INTEGER DEFAULT '1' NOT NULL,
        asked_on DATE NOT NULL,
        turn INTEGER DEFAULT '0' NOT NULL,
        step TEXT DEFAULT 'lines' NOT NULL,
        place_at TIMESTAMP WITH TIME ZONE,
        place_id TEXT,
        lines BIGINT DEFAULT '0' NOT NULL,
        ours BIGINT DEFAULT '0' NOT NULL,
        found BIGINT DEFAULT '0' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        due_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        error TEXT,
        CONSTRAINT reconciliation_run_pkey PRIMARY KEY (id),
        CONSTRAINT reconciliation_run_gateway_day_unique UNIQUE (gateway, day),
        CONSTRAINT reconciliation_run_turn_check CHECK (turn <= asked)
    )
    """,
    "CREATE INDEX reconciliation_run_created_index ON reconciliation_run (created_at, id)",
    "CREATE INDEX reconciliation_run_due_index ON reconciliation_run (day, gateway) WHERE status <> 'done'",
    """
    CREATE TABLE discrepancy (
        id UUID NOT NULL,
        fact UUID NOT NULL,
        occurrence SMALLINT NOT NULL,
        run_id UUID NOT NULL,
        gateway TEXT NOT NULL,
        day DATE NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL CONSTRAINT discrepancy_status_check CHECK (status IN ('open', 'explained', 'closed')),
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        theirs BIGINT,
        ours BIGINT,
        currency TEXT NOT NULL,
        difference BIGINT NOT NULL,
        difference_currency TEXT NOT NULL,
        line_id BIGINT,
        object UUID,
        payment_id UUID,
        suspended BOOLEAN NOT NULL,
        turn INTEGER NOT NULL,
        first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        closed_at TIMESTAMP WITH TIME ZONE,
        closed_by TEXT,
        action TEXT CONSTRAINT discrepancy_action_check CHECK (action IN ('accept', 'ignore')),
        reason TEXT,
        CONSTRAINT discrepancy_pkey PRIMARY KEY (id),
        CONSTRAINT discrepancy_fact_occurrence_unique UNIQUE (fact, occurrence),
        CONSTRAINT discrepancy_closed_check CHECK ((status = 'open') = (closed_at IS NULL)),
        CONSTRAINT discrepancy_named_check CHECK (status <> 'closed' OR (closed_by IS NOT NULL AND reason IS NOT NULL)),
        CONSTRAINT discrepancy_run_id_fkey FOREIGN KEY(run_id) REFERENCES reconciliation_run (id)
    )
    """,
    "CREATE INDEX discrepancy_object_index ON discrepancy (object) WHERE status = 'open' OR action = 'accept'",
    "CREATE INDEX discrepancy_open_index ON discrepancy (run_id, turn) WHERE status = 'open' OR action = 'accept'",
    "CREATE INDEX discrepancy_payment_index ON discrepancy (payment_id) WHERE payment_id IS NOT NULL",
    "CREATE INDEX discrepancy_seen_index ON discrepancy (first_seen_at, id)",
    "CREATE INDEX payment_captured_index ON payment (gateway, captured_at, id) WHERE captured_at IS NOT NULL",
    "CREATE INDEX refund_settled_index ON refund (gateway, settled_at, id) WHERE settled_at IS NOT NULL",
)


def upgrade() -> None:
    """Create the tables, and what finds our side of a day."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
