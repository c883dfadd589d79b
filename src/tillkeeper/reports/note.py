"""Notes about payments as the API shows them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import time


async def show(tx: Transaction, note: UUID) -> dict[str, object]:
    """Show a note that is there."""
    row = await tx.fetchrow("SELECT * FROM payment_note WHERE id = $1", note)
    assert row, "whoever asks has written it"
    return {
        "id": ids.text("note", row["id"]),
        "object": "note",
        "payment": ids.text("payment", row["payment_id"]),
        "text": row["text"],
        "by": row["by_name"],
        "at": time(row["at"]),
    }
