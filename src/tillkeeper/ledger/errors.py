"""What the books refuse."""

from http import HTTPStatus

from tillkeeper.kernel.errors import TillError


class JournalConflictError(TillError):
    """Report a fact that is already in the books with other accounts or amounts."""

    code = "journal_conflict"
    status = HTTPStatus.CONFLICT
    title = "The books already hold this fact with other amounts"
    next_step = (
        "Look at the payment's timeline for what was booked; a fact is corrected by a new journal, never changed."
    )


class BalanceShortError(TillError):
    """Report a guarded account that would have gone below zero; the caller decides what that means to a user."""

    code = "balance_short"
    status = HTTPStatus.CONFLICT
    title = "The balance is too small for this"
    category = "invalid_request"
    next_step = "Look at the balance and try a smaller amount."


class BooksBusyError(TillError):
    """Report that somebody has been writing the books for so long that what is in them cannot be said for sure."""

    code = "books_busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Somebody is still writing into the books"
    retryable = True
    retry_after_seconds = 15
    next_step = "Ask again; if it stays, look for a transaction in PostgreSQL that has been open for very long."
