"""An account's statement as the API, the command line and a spreadsheet show it."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from tillkeeper import customers, ledger
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.ledger import Entry, Place, Statement
from tillkeeper.reports import time
from tillkeeper.reports.paging import CURSOR_WRONG

ids_max = 2**63
OF_A_USER = re.compile(r"(wallet|wallet_frozen|wallet_debt|holder):(.+?)(:PACK:[^:]+)?")
COLUMNS = (
    *("effective_at", "recorded_at", "journal", "source", "source_id", "kind", "other_account"),
    *("debit", "credit", "balance", "currency"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Hold which part of which account is asked for; `account` may name a user, as in `wallet:ana`.

    `since` and `as_of` (both inclusive) bound the facts.
    """

    account: str
    since: datetime | None = None
    as_of: datetime | None = None
    limit: int
    cursor: str | None = None


def cut(cursor: str | None) -> datetime | None:
    """Read as of when the first page of a statement knew the books; raises InvalidFieldError."""
    return _place(cursor)[0] if cursor else None


async def show(tx: Transaction, asked: Question, recorded_before: datetime) -> dict[str, object]:
    """Show one page, the latest fact first; raises NotFoundError."""
    found = await ledger.statement(
        tx,
        await _code(tx, asked.account),
        since=asked.since,
        as_of=asked.as_of,
        recorded_before=recorded_before,
        after=_place(asked.cursor)[1] if asked.cursor else None,
        limit=asked.limit + 1,
    )
    return _show(found, asked, recorded_before)


async def _code(tx: Transaction, account: str) -> str:
    """Put the user's surrogate for the user's name; whatever names no user stays as it is."""
    named = OF_A_USER.fullmatch(account)
    if named is None or _is_uuid(named[2]):
        return account
    user = await customers.find(tx, named[2])
    if user is None:
        message = f"No account has the code {account}: nobody is called {named[2]}."
        raise NotFoundError(message)
    return f"{named[1]}:{user}{named[3] or ''}"


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _show(found: Statement, asked: Question, recorded_before: datetime) -> dict[str, object]:
    shown = found.entries[: asked.limit]
    has_more = len(found.entries) > asked.limit
    return {
        "object": "statement",
        "account": found.code,
        "currency": found.currency,
        "class": found.kind,
        "since": time(asked.since),
        "as_of": time(asked.as_of),
        "recorded_before": recorded_before.isoformat().replace("+00:00", "Z"),
        "data": [_entry(entry, found.currency) for entry in shown],
        "has_more": has_more,
        "next_cursor": _cursor(found, asked.limit, recorded_before) if has_more else None,
    }


def _entry(entry: Entry, currency: str) -> dict[str, object]:
    return {
        "journal": ids.text("journal", entry.journal),
        "source": entry.source,
        "source_id": entry.source_id,
        "kind": entry.kind,
        "other_account": entry.other,
        "debit": entry.debit,
        "credit": entry.credit,
        "balance": entry.balance,
        "currency": currency,
        "effective_at": time(entry.effective_at),
        "recorded_at": time(entry.recorded_at),
    }


def _cursor(found: Statement, shown: int, recorded_before: datetime) -> str:
    """Name the place below the last line shown, with what the line after it stands at."""
    last, following = found.entries[shown - 1], found.entries[shown]
    parts = (recorded_before.isoformat(), last.effective_at.isoformat(), str(last.id), str(following.balance))
    return base64.urlsafe_b64encode("|".join(parts).encode()).decode()


def _place(cursor: str) -> tuple[datetime, Place]:
    try:
        known, at, id_, balance = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        moment, place = _moment(known), Place(_moment(at), int(id_), int(balance))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise InvalidFieldError(CURSOR_WRONG, param="cursor") from error
    if not 0 <= place.id < ids_max:
        raise InvalidFieldError(CURSOR_WRONG, param="cursor")
    return moment, place


def _moment(text: str) -> datetime:
    """Read a moment that says its offset, and that UTC knows."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)
