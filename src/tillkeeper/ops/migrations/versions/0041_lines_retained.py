"""Lines that belong to nothing of ours lose their words too; the audit log is looked at where retention has come to."""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE retention_mark DROP CONSTRAINT IF EXISTS retention_mark_kind_check,
        ADD CONSTRAINT retention_mark_kind_check CHECK (kind IN ('unpaid', 'paid', 'audit', 'lines'))
    """,
    # Numbers are looked at in their order, never all of the log; where none is due, nobody who writes one waits.
    """
    CREATE OR REPLACE FUNCTION retire_audit(beyond BIGINT, until TIMESTAMP WITH TIME ZONE, how_many INTEGER)
    RETURNS TABLE (number BIGINT, digest BYTEA)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    #variable_conflict use_column
    DECLARE
        looked BIGINT[];
        erased BIGINT[];
        gone CONSTANT JSONB := '{"erased": true}';
    BEGIN
        SELECT array_agg(next.number) INTO looked FROM (
            SELECT entry.number, entry.at FROM audit_entry AS entry
            WHERE entry.number > beyond ORDER BY entry.number LIMIT how_many
        ) AS next WHERE next.at < until;
        IF looked IS NULL THEN
            RETURN;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('audit_entry', 0));
        PERFORM set_config('till.erasing', 'yes', true);
        WITH changed AS (
            UPDATE audit_entry AS entry
            SET reason = CASE WHEN reason IS NULL THEN NULL ELSE 'erased' END,
                before = CASE WHEN before IS NULL THEN NULL ELSE gone END,
                after = CASE WHEN after IS NULL THEN NULL ELSE gone END
            WHERE entry.number = ANY (looked) AND entry.action NOT IN ('user.erased', 'records.retained')
              AND (reason IS NOT NULL OR before IS NOT NULL OR after IS NOT NULL)
            RETURNING entry.number
        )
        SELECT array_agg(changed.number) INTO erased FROM changed;
        PERFORM set_config('till.erasing', '', true);
        RETURN QUERY
            SELECT entry.number,
                   CASE WHEN entry.number = ANY (erased) THEN audit_digest(entry, coalesce(earlier.digest, '')) END
            FROM audit_entry AS entry LEFT JOIN audit_entry AS earlier ON earlier.number = entry.number - 1
            WHERE entry.number = ANY (looked) ORDER BY entry.number;
    END $$
    """,
)


def upgrade() -> None:
    """Replace the function and add the index; what an attempt before this one left unfinished is done again."""
    with op.get_context().autocommit_block():
        for statement in STATEMENTS:
            op.execute(statement)
        op.execute("SET lock_timeout = '10min'")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS unread_line_worded_index")
        op.execute("CREATE INDEX CONCURRENTLY unread_line_worded_index ON unread_line (told_at, id) WHERE raw <> ''")
        op.execute("SET lock_timeout = '5s'")


def downgrade() -> None:
    """Refuse: how far lines have lost their words would be forgotten."""
    message = "A downgrade would forget how far lines lost their words; mend forward with a new migration."
    raise NotImplementedError(message)
