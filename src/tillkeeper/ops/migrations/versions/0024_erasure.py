"""Words about people can be taken out of histories, and nothing else of them; the audit log says which."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Whoever may rewrite the log by hand still breaks its chain, unless an entry vouches for what is left.
    """
    CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND current_setting('till.erasing', true) = 'yes' THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'The audit log is append-only: % is refused.', TG_OP USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE FUNCTION erase_history(whose UUID, paid UUID[]) RETURNS VOID
    LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
        UPDATE payment_change
        SET reason = regexp_replace(reason, '^((approved|rejected) by .*?): .*$', '\\1'),
            cause = regexp_replace(cause, '^(given up by hand): .*$', '\\1')
        WHERE payment_id = ANY (paid);
        UPDATE wallet_entry SET reason = 'erased' WHERE user_id = whose AND reason IS NOT NULL;
        UPDATE wallet_adjustment SET reason = 'erased' WHERE user_id = whose;
    $$
    """,
    """
    CREATE FUNCTION erase_audit(subjects TEXT[], names TEXT[]) RETURNS TABLE (number BIGINT, digest BYTEA)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    #variable_conflict use_column
    DECLARE
        erased BIGINT[];
        gone CONSTANT JSONB := '{"erased": true}';
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('audit_entry', 0));
        PERFORM set_config('till.erasing', 'yes', true);
        WITH spoken AS (SELECT to_jsonb(name)::text AS word FROM unnest(names) AS name),
        changed AS (
            UPDATE audit_entry AS entry
            SET reason = CASE WHEN reason IS NULL THEN NULL ELSE 'erased' END,
                before = CASE WHEN EXISTS (SELECT FROM spoken WHERE position(word IN before::text) > 0)
                              THEN gone ELSE before END,
                after = CASE WHEN EXISTS (SELECT FROM spoken WHERE position(word IN after::text) > 0)
                             THEN gone ELSE after END
            WHERE (subject = ANY (subjects) OR after ->> 'payment' = ANY (subjects) OR after ->> 'user' = ANY (subjects))
              AND (reason <> 'erased'
                   OR EXISTS (SELECT FROM spoken WHERE position(word IN concat(before::text, after::text)) > 0))
            RETURNING entry.number
        )
        SELECT array_agg(changed.number) INTO erased FROM changed;
        PERFORM set_config('till.erasing', '', true);
        RETURN QUERY
            SELECT entry.number, audit_digest(entry, coalesce(earlier.digest, ''))
            FROM audit_entry AS entry LEFT JOIN audit_entry AS earlier ON earlier.number = entry.number - 1
            WHERE entry.number = ANY (erased) ORDER BY entry.number;
    END $$
    """,
    "REVOKE EXECUTE ON FUNCTION erase_history FROM PUBLIC",
    "REVOKE EXECUTE ON FUNCTION erase_audit FROM PUBLIC",
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the log would call what was erased broken."""
    message = "A downgrade would call erased entries of the audit log broken; mend forward with a new migration."
    raise NotImplementedError(message)
