"""Failed tries count by when they happened; entries of the audit log can lose words and nothing else."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE risk_assessment ADD COLUMN failed_at TIMESTAMP WITH TIME ZONE[] DEFAULT '{}' NOT NULL",
    # When they failed, nobody wrote down until today: at the earliest when they began.
    """
    UPDATE risk_assessment SET failed_at = array_fill(at, ARRAY[least(failures, 100)::int])
    WHERE failures > 0 AND at > now() - interval '2 days'
    """,
    # Also whoever says that they are erasing changes no more than the words.
    """
    CREATE FUNCTION audit_only_words() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        gone CONSTANT JSONB := '{"erased": true}';
    BEGIN
        IF (NEW.number, NEW.id, NEW.at, NEW.actor, NEW.actor_name, NEW.action, NEW.subject, NEW.request, NEW.digest)
               IS DISTINCT FROM
           (OLD.number, OLD.id, OLD.at, OLD.actor, OLD.actor_name, OLD.action, OLD.subject, OLD.request, OLD.digest)
           OR (NEW.reason IS DISTINCT FROM OLD.reason AND (OLD.reason IS NULL OR NEW.reason IS DISTINCT FROM 'erased'))
           OR (NEW.before IS DISTINCT FROM OLD.before AND (OLD.before IS NULL OR NEW.before IS DISTINCT FROM gone))
           OR (NEW.after IS DISTINCT FROM OLD.after AND (OLD.after IS NULL OR NEW.after IS DISTINCT FROM gone))
        THEN
            RAISE EXCEPTION 'The audit log is append-only: only words can be erased.' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER audit_entry_only_words BEFORE UPDATE ON audit_entry
        FOR EACH ROW EXECUTE FUNCTION audit_only_words()
    """,
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
        UPDATE wallet_entry SET reason = 'erased' WHERE user_id = whose AND reason IS NOT NULL;
        UPDATE wallet_adjustment SET reason = 'erased' WHERE user_id = whose;
    $$
    """,
    # What is looked through when somebody is erased, and when the log is proved.
    "CREATE INDEX payment_customer_index ON payment (customer_id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX settlement_line_payment_index ON settlement_line (our_payment) WHERE our_payment IS NOT NULL",
    "CREATE INDEX settlement_line_refund_index ON settlement_line (our_refund) WHERE our_refund IS NOT NULL",
    "CREATE INDEX audit_entry_action_index ON audit_entry (action, number)",
    "CREATE INDEX audit_entry_payment_index ON audit_entry ((after ->> 'payment'))",
    "CREATE INDEX audit_entry_user_index ON audit_entry ((after ->> 'user'))",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: entries of the audit log could be rewritten again, and when tries failed would be lost."""
    message = (
        "A downgrade would lose when tries failed, and a guard of the audit log; mend forward with a new migration."
    )
    raise NotImplementedError(message)
