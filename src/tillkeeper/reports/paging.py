"""Lists in pages that stay right while rows are added: a cursor is the last row's place, not a count."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Record
from tillkeeper.kernel.errors import InvalidFieldError

limit_default = 20
limit_max = 100
CURSOR_WRONG = "A cursor is the `next_cursor` of an earlier page, unchanged."


def place(written: str | None) -> tuple[datetime | None, UUID | None]:
    """Read where a page starts; raises InvalidFieldError."""
    if written is None:
        return None, None
    try:
        at, _, id_ = base64.urlsafe_b64decode(written.encode()).decode().partition("|")
        moment, last = datetime.fromisoformat(at), UUID(id_)
    except (ValueError, binascii.Error) as error:
        raise InvalidFieldError(CURSOR_WRONG, param="cursor") from error
    if moment.tzinfo is None:
        raise InvalidFieldError(CURSOR_WRONG, param="cursor")
    return moment, last


def cursor(at: datetime, id_: UUID) -> str:
    """Write down a place in a list."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{id_}".encode()).decode()


def page(rows: Sequence[Record], limit: int, at: str, show: Callable[[Record], dict[str, object]]) -> dict[str, object]:
    """Shape a page from one row more than asked."""
    shown = rows[:limit]
    has_more = len(rows) > limit
    last = shown[-1] if shown else None
    return {
        "data": [show(row) for row in shown],
        "has_more": has_more,
        "next_cursor": cursor(last[at], last["id"]) if last and has_more else None,
    }
