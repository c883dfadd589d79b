"""What needs somebody is found among everything else: few of many webhooks and deliveries."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

STATEMENTS = (
    # What is set aside is listed by its state; what is new or done is most of the table and is listed by age.
    """
    CREATE INDEX inbox_message_aside_index ON inbox_message (status, received_at, id)
        WHERE status IN ('parked', 'ignored', 'quarantined', 'dead')
    """,
    "CREATE INDEX inbox_message_gateway_index ON inbox_message (gateway, received_at, id)",
    """
    CREATE INDEX webhook_delivery_ended_index ON webhook_delivery (status, created_at, id)
        WHERE status IN ('dead', 'canceled')
    """,
    "CREATE INDEX operation_given_up_index ON operation (id) WHERE state = 'given_up'",
    "CREATE INDEX late_delivery_failed_index ON late_delivery (payment_id) WHERE status = 'failed'",
    "CREATE INDEX webhook_delivery_endpoint_index ON webhook_delivery (endpoint_id, created_at, id)",
)


def upgrade() -> None:
    """Add the indexes."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: migrations only go forward."""
    message = "Mend forward with a new migration."
    raise NotImplementedError(message)
