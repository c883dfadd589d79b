"""What a dispute claims, took and lost, in the books and among the goods; reversals that gateways make by themselves."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE payment ADD COLUMN amount_lost BIGINT DEFAULT '0' NOT NULL",
    "ALTER TABLE refund ADD COLUMN reversal BOOLEAN DEFAULT 'false' NOT NULL",
    """
    ALTER TABLE dispute
        ADD COLUMN money_at TIMESTAMP WITH TIME ZONE,
        ADD COLUMN conceded BIGINT DEFAULT '0' NOT NULL,
        ADD COLUMN claimed BIGINT DEFAULT '0' NOT NULL,
        ADD COLUMN steps INTEGER DEFAULT '0' NOT NULL,
        ADD COLUMN booked_withdrawn BIGINT DEFAULT '0' NOT NULL,
        ADD COLUMN booked_fee BIGINT DEFAULT '0' NOT NULL,
        ADD COLUMN booked_lost BIGINT DEFAULT '0' NOT NULL
    """,
    # What was known before is what the payments say; its money is booked with the next thing that a gateway tells.
    "UPDATE dispute SET claimed = amount WHERE status IN ('needs_response', 'under_review', 'lost')",
    """
    UPDATE payment SET amount_lost = lost.amount
    FROM (SELECT payment_id, sum(amount)::bigint AS amount FROM dispute WHERE status = 'lost' GROUP BY payment_id) AS lost
    WHERE payment.id = lost.payment_id
    """,
    """
    ALTER TABLE entitlement
        ADD COLUMN frozen BIGINT DEFAULT '0' NOT NULL,
        DROP CONSTRAINT entitlement_revoked_check,
        ADD CONSTRAINT entitlement_revoked_check
            CHECK (revoked >= 0 AND frozen >= 0 AND revoked + frozen <= granted)
    """,
    """
    ALTER TABLE wallet
        ADD COLUMN frozen BIGINT DEFAULT '0' NOT NULL CONSTRAINT wallet_frozen_check CHECK (frozen >= 0)
    """,
    """
    ALTER TABLE credit_lot
        ADD COLUMN frozen BIGINT DEFAULT '0' NOT NULL,
        ADD COLUMN lost BIGINT DEFAULT '0' NOT NULL,
        DROP CONSTRAINT credit_lot_units_check,
        ADD CONSTRAINT credit_lot_units_check
            CHECK (remaining >= 0 AND frozen >= 0 AND revoked >= 0 AND remaining + frozen + revoked <= granted),
        DROP CONSTRAINT credit_lot_money_check,
        ADD CONSTRAINT credit_lot_money_check
            CHECK (recognised >= 0 AND returned >= 0 AND lost >= 0 AND recognised + returned + lost <= amount)
    """,
    """
    ALTER TABLE late_delivery
        DROP CONSTRAINT late_delivery_status_check,
        ADD CONSTRAINT late_delivery_status_check
            CHECK (status IN ('pending', 'held', 'delivered', 'canceled', 'failed'))
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: financial data would be lost."""
    message = "A downgrade would lose financial data; mend forward with a new migration."
    raise NotImplementedError(message)
