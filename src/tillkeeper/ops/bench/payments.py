"""Payments that wait for their webhook, made by SQL as a checkout leaves them."""

from collections.abc import Iterator, Sequence

from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.webhooks import currency, payment_id, price_minor, session_id, units, user_id

SALE = f'{{"package": "credits_100", "kind": "credits", "units": {units}, "quantity": 1}}'
MADE = "2026-11-21T10:00:00Z"
CHECKOUT = ("hosted", "automatic", "{}", MADE, "2099-01-01T00:00:00Z")

PAYMENT = (
    "payment (id, mode, status, amount, currency, user_id, sale, gateway, gateway_reference, checkout,"
    " capture_method, metadata, created_at, expires_at)"
)
TABLES = (PAYMENT, "attempt (id, payment_id, ordinal, gateway, key, outcome)", "payment_reference", "payment_change")
COLUMNS = {
    "payment_reference": "payment_reference (gateway, reference, payment_id)",
    "payment_change": "payment_change (payment_id, status_before, status_after, step, reason, cause, at)",
}


def open_checkouts(ground: Ground, numbers: Sequence[int]) -> None:
    """Write payments of the state `requires_action` with their attempts, references and history."""
    parts = []
    for table in TABLES:
        rows = "\n".join("\t".join(row) for row in _rows(table.split()[0], numbers))
        parts.append(f"COPY {COLUMNS.get(table, table)} FROM STDIN;\n{rows}\n\\.\n")
    # A plan made for an empty table would be kept by the session; autovacuum sees to this where time passes.
    ground.sql("BEGIN;\n" + "".join(parts) + "COMMIT;\nANALYZE;\n")


def _rows(table: str, numbers: Sequence[int]) -> Iterator[tuple[str, ...]]:
    for number in numbers:
        payment, session = str(payment_id(number)), session_id(number)
        match table:
            case "payment":
                sold = (str(price_minor), currency, str(user_id(number)), SALE)
                yield (payment, "sandbox", "requires_action", *sold, "stripe", session, *CHECKOUT)
            case "attempt":
                yield (payment, payment, "1", "stripe", f"attempt_{number}", "opened")
            case "payment_reference":
                yield ("stripe", session, payment)
            case _:
                yield (payment, "created", "requires_action", "none", "checkout opened", "bench", MADE)
