"""When each secret was first seen, by a fingerprint; how far old records have lost their words."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE secret_sighting (
        name TEXT COLLATE "C" NOT NULL,
        fingerprint TEXT COLLATE "C" NOT NULL,
        first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT secret_sighting_pkey PRIMARY KEY (name, fingerprint)
    )
    """,
    """
    CREATE TABLE retention_mark (
        kind TEXT COLLATE "C" NOT NULL CONSTRAINT retention_mark_kind_check
            CHECK (kind IN ('unpaid', 'paid', 'audit')),
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        id UUID NOT NULL,
        number BIGINT NOT NULL,
        CONSTRAINT retention_mark_pkey PRIMARY KEY (kind)
    )
    """,
    # What vouches for others keeps its words, or nothing would vouch for them any more. Names of people go by erasure.
    """
    CREATE FUNCTION retire_audit(beyond BIGINT, until TIMESTAMP WITH TIME ZONE, how_many INTEGER)
    RETURNS TABLE (number BIGINT, digest BYTEA)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    #variable_conflict use_column
    DECLARE
        looked BIGINT[];
        erased BIGINT[];
        gone CONSTANT JSONB := '{"erased": true}';
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('audit_entry', 0));
        SELECT array_agg(old.number) INTO looked FROM (
            SELECT entry.number FROM audit_entry AS entry
            WHERE entry.number > beyond AND entry.at < until ORDER BY entry.number LIMIT how_many
        ) AS old;
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
    "REVOKE EXECUTE ON FUNCTION retire_audit FROM PUBLIC",
)


def upgrade() -> None:
    """Add the table; the worker fills it."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: since when secrets have been the same would be forgotten."""
    message = "A downgrade would lose how old your secrets are; mend forward with a new migration."
    raise NotImplementedError(message)
