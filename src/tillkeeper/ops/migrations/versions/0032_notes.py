"""Notes of people about payments, and the requests behind a payment, found by what they made."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE payment_note (
        id UUID NOT NULL,
        payment_id UUID NOT NULL,
        text TEXT NOT NULL CONSTRAINT payment_note_text_check CHECK (length(text) BETWEEN 1 AND 2000),
        by_id TEXT NOT NULL,
        by_name TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT payment_note_pkey PRIMARY KEY (id),
        CONSTRAINT payment_note_payment_id_fkey FOREIGN KEY(payment_id) REFERENCES payment (id)
    )
    """,
    "CREATE INDEX payment_note_payment_id_index ON payment_note (payment_id)",
    # As before, and notes lose their words with everything else that was said.
    """
    CREATE OR REPLACE FUNCTION erase_history(whose UUID, paid UUID[]) RETURNS VOID
    LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
        UPDATE payment_change AS change
        SET reason = CASE
                WHEN EXISTS (SELECT FROM attempt WHERE attempt.payment_id = change.payment_id
                             AND attempt.error_message = change.reason) THEN 'erased'
                ELSE regexp_replace(reason, '^((approved|rejected) by .*?): .*$', '\\1') END,
            cause = regexp_replace(cause, '^(given up by hand): .*$', '\\1')
        WHERE payment_id = ANY (paid);
        UPDATE payment_note SET text = 'erased' WHERE payment_id = ANY (paid);
        UPDATE wallet_entry SET reason = 'erased' WHERE user_id = whose AND reason IS NOT NULL;
        UPDATE wallet_adjustment SET reason = 'erased' WHERE user_id = whose;
    $$
    """,
    "ALTER TABLE idempotency_key ADD COLUMN replays INTEGER DEFAULT 0 NOT NULL",
    "CREATE INDEX idempotency_key_resource_index ON idempotency_key (resource_id) WHERE resource_id IS NOT NULL",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what people wrote down would be lost."""
    message = "A downgrade would lose what people noted about payments; mend forward with a new migration."
    raise NotImplementedError(message)
