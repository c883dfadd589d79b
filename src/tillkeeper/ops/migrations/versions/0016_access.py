"""Keys that end by themselves, keys that anybody may see, and the audit log."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE api_key
        ADD COLUMN kind TEXT DEFAULT 'secret' NOT NULL
            CONSTRAINT api_key_kind_check CHECK (kind IN ('secret', 'publishable')),
        ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE
    """,
    """
    CREATE TABLE audit_entry (
        number BIGINT NOT NULL,
        id UUID NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        actor TEXT NOT NULL,
        actor_name TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        before JSONB,
        after JSONB,
        reason TEXT,
        request TEXT,
        digest BYTEA NOT NULL,
        CONSTRAINT audit_entry_pkey PRIMARY KEY (number),
        CONSTRAINT audit_entry_id_unique UNIQUE (id)
    )
    """,
    "CREATE INDEX audit_entry_subject_index ON audit_entry (subject, number)",
    "CREATE INDEX audit_entry_actor_index ON audit_entry (actor, number)",
    """
    CREATE FUNCTION audit_digest(entry audit_entry, earlier BYTEA) RETURNS BYTEA LANGUAGE sql STABLE AS $$
        SELECT sha256(earlier || convert_to(jsonb_build_array(
            entry.number, entry.id, extract(epoch FROM entry.at), entry.actor, entry.actor_name, entry.action,
            entry.subject, entry.before, entry.after, entry.reason, entry.request
        )::text, 'UTF8'))
    $$
    """,
    # Without the lock two entries at once would both follow the same one. It is held until the end of the transaction.
    """
    CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        latest audit_entry;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('audit_entry', 0));
        SELECT * INTO latest FROM audit_entry ORDER BY number DESC LIMIT 1;
        NEW.number := coalesce(latest.number, 0) + 1;
        NEW.digest := audit_digest(NEW, coalesce(latest.digest, ''));
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER audit_entry_chain BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_chain()",
    """
    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'The audit log is append-only: % is refused.', TG_OP USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: keys that have ended would open everything again, and nobody would know any more who did what."""
    message = "A downgrade would revive keys that have ended and lose the audit log; mend forward with a new migration."
    raise NotImplementedError(message)
