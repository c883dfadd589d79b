"""Customers and what gateways call them, goods handed over later, and the API versions seen on the wire."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE customer (
        id UUID NOT NULL,
        external_id TEXT,
        email TEXT,
        email_key TEXT,
        name TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT customer_pkey PRIMARY KEY (id),
        CONSTRAINT customer_external_id_unique UNIQUE (external_id),
        CONSTRAINT customer_email_key_unique UNIQUE (email_key)
    )
    """,
    "CREATE INDEX customer_created_index ON customer (created_at, id)",
    """
    CREATE TABLE customer_link (
        customer_id UUID NOT NULL,
        gateway TEXT NOT NULL,
        reference TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT customer_link_pkey PRIMARY KEY (customer_id, gateway),
        CONSTRAINT customer_link_customer_id_fkey FOREIGN KEY(customer_id) REFERENCES customer (id)
    )
    """,
    "ALTER TABLE payment ADD COLUMN customer_id UUID, ADD COLUMN customer_reference TEXT",
    """
    CREATE TABLE late_delivery (
        payment_id UUID NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL CONSTRAINT late_delivery_status_check CHECK (status IN ('pending', 'delivered', 'canceled', 'failed')),
        reason TEXT NOT NULL,
        tries SMALLINT DEFAULT '0' NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT late_delivery_pkey PRIMARY KEY (payment_id)
    )
    """,
    "CREATE INDEX late_delivery_due_index ON late_delivery (due_at, payment_id) WHERE status = 'pending'",
    """
    CREATE TABLE gateway_version (
        gateway TEXT NOT NULL,
        version TEXT NOT NULL,
        first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT gateway_version_pkey PRIMARY KEY (gateway, version)
    )
    """,
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
