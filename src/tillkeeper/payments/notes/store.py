"""All SQL of notes."""

from tillkeeper.kernel.db import Transaction
from tillkeeper.payments.notes.values import Note


async def add(tx: Transaction, note: Note) -> None:
    """Keep a note; this role can change none."""
    await tx.execute(
        "INSERT INTO payment_note (id, payment_id, text, by_id, by_name, at) VALUES ($1, $2, $3, $4, $5, $6)",
        note.id,
        note.payment,
        note.text,
        note.by_id,
        note.by_name,
        note.at,
    )
