"""What a webhook said lies apart from what became of it, so that settling rewrites a short row and old words can go."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE inbox_body (
        message_id UUID NOT NULL,
        sealed BYTEA NOT NULL,
        CONSTRAINT inbox_body_pkey PRIMARY KEY (message_id)
    ) WITH (toast_tuple_target = 4080)
    """,
    "ALTER TABLE inbox_body ALTER COLUMN sealed SET STORAGE EXTERNAL",  # what is sealed cannot be made shorter
    "INSERT INTO inbox_body (message_id, sealed) SELECT id, body FROM inbox_message WHERE length(body) > 0",
    "ALTER TABLE inbox_message DROP COLUMN body",
    # A message changes once or twice, soon after it came: the room for that is next to it.
    "ALTER TABLE inbox_message SET (fillfactor = 80)",
    # These are written and forgotten all day; dead rows among them make everybody read more.
    *(
        f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)"
        for table in ("inbox_message", "inbox_batch", "operation", "payment", "outbox_event", "webhook_delivery")
    ),
)


def upgrade() -> None:
    """Move every body, once."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: bodies that were forgotten since could not be put back."""
    message = "A downgrade would need the bodies that were forgotten since; mend forward with a new migration."
    raise NotImplementedError(message)
