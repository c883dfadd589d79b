"""The merchant's own people, their sessions and second factors."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE staff_member (
        id UUID NOT NULL,
        email TEXT NOT NULL,
        role TEXT NOT NULL CONSTRAINT staff_member_role_check CHECK (role IN ('viewer', 'support', 'finance', 'developer', 'admin')),
        password TEXT NOT NULL,
        totp BYTEA,
        totp_offered BYTEA,
        totp_step BIGINT DEFAULT '0' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        disabled_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT staff_member_pkey PRIMARY KEY (id),
        CONSTRAINT staff_member_email_unique UNIQUE (email)
    )
    """,
    """
    CREATE TABLE staff_session (
        digest BYTEA NOT NULL,
        member_id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        proved_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT staff_session_pkey PRIMARY KEY (digest),
        CONSTRAINT staff_session_member_id_fkey FOREIGN KEY(member_id) REFERENCES staff_member (id)
    )
    """,
    "CREATE INDEX staff_session_member_id_index ON staff_session (member_id)",
    """
    CREATE TABLE staff_recovery_code (
        member_id UUID NOT NULL,
        digest BYTEA NOT NULL,
        CONSTRAINT staff_recovery_code_pkey PRIMARY KEY (member_id, digest),
        CONSTRAINT staff_recovery_code_member_id_fkey FOREIGN KEY(member_id) REFERENCES staff_member (id)
    )
    """,
)


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: nobody could sign in any more."""
    message = "A downgrade would lock everybody out; mend forward with a new migration."
    raise NotImplementedError(message)
