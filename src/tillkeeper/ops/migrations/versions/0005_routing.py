"""Gateways: how they are used and how they do."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE gateway_state (
        gateway TEXT NOT NULL,
        switch TEXT DEFAULT 'on' NOT NULL
            CONSTRAINT gateway_state_switch_check CHECK (switch IN ('on', 'draining', 'off')),
        priority INTEGER DEFAULT '100' NOT NULL,
        fee_percentage_bps INTEGER
            CONSTRAINT gateway_state_fee_percentage_bps_check CHECK (fee_percentage_bps BETWEEN 0 AND 10000),
        fee_fixed INTEGER CONSTRAINT gateway_state_fee_fixed_check CHECK (fee_fixed >= 0),
        breaker TEXT DEFAULT 'closed' NOT NULL
            CONSTRAINT gateway_state_breaker_check CHECK (breaker IN ('closed', 'open', 'half_open')),
        failures INTEGER DEFAULT '0' NOT NULL,
        retry_at TIMESTAMP WITH TIME ZONE,
        changed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT gateway_state_pkey PRIMARY KEY (gateway),
        CONSTRAINT gateway_state_retry_check CHECK ((breaker = 'closed') = (retry_at IS NULL))
    )
    """,
)


def upgrade() -> None:
    """Create the table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what people decided would be lost."""
    message = "A downgrade would lose decisions about gateways; mend forward with a new migration."
    raise NotImplementedError(message)
