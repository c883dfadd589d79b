"""Whatever somebody types into the search is found by an index, and so are disputes that wait for an answer."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INDEXES = {
    "audit_entry_request_index": "audit_entry (request) WHERE request IS NOT NULL",
    "idempotency_key_key_index": "idempotency_key (key)",
    "customer_address_index": "customer (lower(email))",
    "customer_link_reference_index": "customer_link (reference)",
    "refund_status_index": "refund (status, created_at, id)",
    "dispute_waiting_index": "dispute (due_at, id) WHERE status IN ('needs_response', 'warning')",
}


def upgrade() -> None:
    """Add what is new; what is there stays as it is."""
    for name, of in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {of}")


def downgrade() -> None:
    """Take back what was added."""
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
