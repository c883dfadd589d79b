"""Wishes for money back and the policy that they are measured by; what we answer to disputes."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REFUNDS = (
    """
    CREATE TABLE refund_policy (
        version BIGINT GENERATED ALWAYS AS IDENTITY,
        terms JSONB NOT NULL,
        note TEXT,
        set_by_id TEXT NOT NULL,
        set_by_name TEXT NOT NULL,
        set_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT refund_policy_pkey PRIMARY KEY (version)
    )
    """,
    """
    CREATE TABLE refund_request (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        amount BIGINT NOT NULL CONSTRAINT refund_request_amount_check CHECK (amount > 0),
        currency TEXT NOT NULL,
        reason_code TEXT NOT NULL,
        note TEXT,
        evidence JSONB NOT NULL,
        override_reason TEXT,
        state TEXT NOT NULL
            CONSTRAINT refund_request_state_check CHECK (state IN ('open', 'approved', 'rejected')),
        approvals_needed SMALLINT NOT NULL
            CONSTRAINT refund_request_approvals_needed_check CHECK (approvals_needed BETWEEN 0 AND 2),
        policy_version BIGINT NOT NULL,
        decision TEXT NOT NULL,
        refund_id UUID,
        bulk_id UUID,
        requested_by_id TEXT NOT NULL,
        requested_by_name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        decided_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT refund_request_pkey PRIMARY KEY (id),
        CONSTRAINT refund_request_refund_id_unique UNIQUE (refund_id),
        CONSTRAINT refund_request_bulk_id_payment_id_unique UNIQUE (bulk_id, payment_id),
        CONSTRAINT refund_request_refund_check CHECK ((state = 'approved') = (refund_id IS NOT NULL)),
        CONSTRAINT refund_request_decided_check CHECK ((state = 'open') = (decided_at IS NULL))
    )
    """,
    "CREATE INDEX refund_request_created_index ON refund_request (created_at, id)",
    "CREATE INDEX refund_request_payment_index ON refund_request (payment_id)",
    """
    CREATE TABLE refund_request_step (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        request_id UUID NOT NULL,
        kind TEXT NOT NULL CONSTRAINT refund_request_step_kind_check
            CHECK (kind IN ('requested', 'approval', 'approved', 'rejected')),
        by_id TEXT NOT NULL,
        by_name TEXT NOT NULL,
        note TEXT,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT refund_request_step_pkey PRIMARY KEY (id),
        CONSTRAINT refund_request_step_request_id_fkey FOREIGN KEY(request_id) REFERENCES refund_request (id)
    )
    """,
    "CREATE INDEX refund_request_step_request_id_index ON refund_request_step (request_id)",
    """
    CREATE UNIQUE INDEX refund_request_step_approval_index ON refund_request_step (request_id, by_id)
    WHERE kind = 'approval'
    """,
)

KINDS = "'create', 'capture', 'cancel', 'expire', 'refund', 'confirm', 'fee', 'evidence', 'accept'"
DISPUTES = (
    """
    CREATE TABLE dispute_response (
        id UUID NOT NULL,
        dispute_id UUID NOT NULL,
        payment_id UUID NOT NULL,
        kind TEXT NOT NULL CONSTRAINT dispute_response_kind_check CHECK (kind IN ('evidence', 'accept')),
        body BYTEA,
        by_id TEXT NOT NULL,
        by_name TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT dispute_response_pkey PRIMARY KEY (id),
        CONSTRAINT dispute_response_body_check CHECK ((kind = 'evidence') = (body IS NOT NULL))
    )
    """,
    "CREATE INDEX dispute_response_dispute_id_index ON dispute_response (dispute_id)",
    "ALTER TABLE operation ADD COLUMN response_id UUID",
    "ALTER TABLE operation DROP CONSTRAINT operation_kind_check",
    f"ALTER TABLE operation ADD CONSTRAINT operation_kind_check CHECK (kind IN ({KINDS}))",
    """
    CREATE UNIQUE INDEX operation_answering_index ON operation (gateway, reference)
    WHERE kind IN ('evidence', 'accept') AND state = 'asked'
    """,
    "CREATE INDEX operation_response_index ON operation (response_id) WHERE response_id IS NOT NULL",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in (*REFUNDS, *DISPUTES):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what people decided would be lost."""
    message = "A downgrade would lose decisions about refunds; mend forward with a new migration."
    raise NotImplementedError(message)
