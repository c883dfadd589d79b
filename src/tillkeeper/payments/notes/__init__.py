"""What people write down about payments: added and shown, and never changed but by an erasure."""

from tillkeeper.payments.notes.store import add
from tillkeeper.payments.notes.values import Note, text_length_max

__all__ = ["Note", "add", "text_length_max"]
