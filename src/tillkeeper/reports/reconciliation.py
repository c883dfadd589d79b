"""Runs and discrepancies as the API and the command line show them."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time
from tillkeeper.settlement.runs import Kind

AGES = ((1, "0-1"), (7, "2-7"), (30, "8-30"))
"""Up to how many days, and how that age is called."""
oldest = "over 30"
suggestions_max = 5
suggestion_days = 3
"""How far apart two sides may lie to be suggested to a person as one."""

NEXT_STEPS = {
    Kind.MISSING_INTERNAL: "Look for it in the gateway's dashboard; `till events replay` or `till payments sync` brings"
    " in what was never heard. Accept it only when no customer waits for goods.",
    Kind.MISSING_AT_GATEWAY: "Run `till payments sync`, and ask the gateway. If it never did it, accept that; what a"
    " gateway holds for a dispute only its own word ends.",
    Kind.IN_TRANSIT: "Nothing: it is looked at again every day, and is missing when its time is over.",
    Kind.AMOUNT_OVER: "Compare it with the gateway's dashboard; accept the difference, or have it corrected there.",
    Kind.AMOUNT_UNDER: "Compare it with the gateway's dashboard; accept the difference, or have it corrected there.",
    Kind.CURRENCY_MISMATCH: "Look in the gateway's dashboard in which currency the customer paid. Accepting it books an"
    " exchange, in which nobody gained or lost.",
    Kind.DIRECTION_MISMATCH: "Ask the gateway why it took what it should have given, or the other way round: only its"
    " own correction can end this.",
    Kind.FEE_MISMATCH: "An expected fee is corrected by itself within a week; one that was told is worth a question.",
    Kind.FX_RESIDUAL: "Accept it as a gain or loss of the exchange, or ask the gateway for the rate that it used.",
    Kind.STATUS_MISMATCH: "Run `till payments sync`: money has moved at the gateway, and we have not heard of it.",
    Kind.DUPLICATE_INTERNAL: "Find out which of the two payments is real, and accept the loss of the other.",
    Kind.DUPLICATE_AT_GATEWAY: "A customer may have paid twice: refund it in the gateway's dashboard.",
    Kind.PAYOUT_SUM_MISMATCH: "Import the gateway's report of this payout again; if it stays, ask the gateway.",
    Kind.PAYOUT_MISSING_IN_BANK: "Import the bank's account up to today. If the money is there under another name,"
    " accept it; else ask the gateway for a trace.",
    Kind.CLEARING_NOT_ZERO: "Look at the payment's journals and lines; accept the rest once it is understood.",
    Kind.ORPHAN_ADJUSTMENT: "Ask the gateway what it adjusted, then accept it.",
    Kind.REFUND_UNLINKED: "Look in the gateway's dashboard which payment was refunded; replay its webhooks.",
    Kind.DISPUTE_UNLINKED: "Look in the gateway's dashboard which payment is disputed; replay its webhooks.",
    Kind.GRANT_MISSING: "Look at the payment's timeline; refund it, or hand the goods over by hand.",
    Kind.GRANT_WITHOUT_PAYMENT: "Look at the payment's timeline: goods are out that nobody paid for.",
    Kind.UNPARSED_LINE: "Look at the line in the gateway's dashboard, and ignore it once its money is booked.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Hold what discrepancies to list; None means any."""

    status: str | None = None
    kind: str | None = None
    gateway: str | None = None
    day: date | None = None
    payment: UUID | None = None
    limit: int = paging.limit_default
    cursor: str | None = None


SELECT = """
SELECT discrepancy.*, line.line_id AS line, line.kind AS line_kind, line.object_id, line.parent_id, line.occurred_at
FROM discrepancy LEFT JOIN settlement_line AS line ON line.id = discrepancy.line_id
"""


async def show(tx: Transaction, discrepancy: UUID, now: datetime) -> dict[str, object]:
    """Show a discrepancy with what might explain it; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE discrepancy.id = $1", discrepancy)
    if row is None:
        message = "No discrepancy has this id."
        raise NotFoundError(message)
    return _show(row, now) | {"suggestions": await _suggest(tx, row)}


async def find(tx: Transaction, wanted: Filter, now: datetime) -> dict[str, object]:
    """List discrepancies, the newest first."""
    at, id_ = paging.place(wanted.cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR discrepancy.kind = $2)
          AND ($3::text IS NULL OR discrepancy.gateway = $3) AND ($4::date IS NULL OR discrepancy.day = $4)
          AND ($5::uuid IS NULL OR payment_id = $5)
          AND ($6::timestamptz IS NULL OR (first_seen_at, discrepancy.id) < ($6, $7::uuid))
        ORDER BY first_seen_at DESC, discrepancy.id DESC LIMIT $8
        """,
        wanted.status,
        wanted.kind,
        wanted.gateway,
        wanted.day,
        wanted.payment,
        at,
        id_,
        wanted.limit + 1,
    )
    return paging.page(rows, wanted.limit, "first_seen_at", lambda row: _show(row, now))


async def show_run(tx: Transaction, gateway: str, day: date) -> dict[str, object]:
    """Show the run of a day; raises NotFoundError."""
    row = await tx.fetchrow(f"{RUNS} WHERE gateway = $1 AND day = $2", gateway, day)
    if row is None:
        message = f"{gateway[:32]} was not compared for {day.isoformat()}."
        raise NotFoundError(message)
    return _show_run(row)


async def find_runs(
    tx: Transaction, *, gateway: str | None = None, status: str | None = None, limit: int, cursor: str | None = None
) -> dict[str, object]:
    """List runs, the last planned first."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        f"""{RUNS}
        WHERE ($1::text IS NULL OR gateway = $1) AND ($2::text IS NULL OR status = $2)
          AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
        ORDER BY created_at DESC, id DESC LIMIT $5
        """,
        gateway,
        status,
        at,
        id_,
        limit + 1,
    )
    return paging.page(rows, limit, "created_at", _show_run)


RUNS = """
SELECT reconciliation_run.*, (
    SELECT coalesce(jsonb_object_agg(kind, found), '{}')
    FROM (SELECT kind, count(*) AS found FROM discrepancy
          WHERE run_id = reconciliation_run.id AND discrepancy.status = 'open' GROUP BY kind) AS kinds) AS kinds,
    (SELECT count(*) FROM discrepancy WHERE run_id = reconciliation_run.id AND closed_by = 'tolerance') AS tolerated
FROM reconciliation_run
"""


async def ages(tx: Transaction, now: datetime) -> dict[str, object]:
    """Count what is open by gateway, kind and age; what is only in transit is no reason for alarm."""
    rows = await tx.fetch(
        """
        SELECT gateway, kind, floor(extract(epoch FROM $1::timestamptz - first_seen_at) / 86400)::integer AS days,
               count(*) AS open
        FROM discrepancy WHERE status = 'open' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
        now,
    )
    counted: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = (row["gateway"], row["kind"], _age(row["days"]))
        counted[key] = counted.get(key, 0) + row["open"]
    return {
        "object": "list",
        "data": [
            {"gateway": gateway, "kind": kind, "age_days": age, "open": found}
            for (gateway, kind, age), found in counted.items()
        ],
    }


async def _suggest(tx: Transaction, row: Record) -> list[dict[str, object]]:
    """Suggest what has the same amount at about the same time on the other side: for a person to judge."""
    if row["status"] != "open" or row["kind"] not in OPPOSITE:
        return []
    found = await tx.fetch(
        f"""{SELECT}
        WHERE status = 'open' AND discrepancy.kind = $1 AND discrepancy.gateway = $2 AND discrepancy.currency = $3
          AND abs(coalesce(ours, theirs)) = abs($4::bigint)
          AND discrepancy.day BETWEEN $5::date - $6::integer AND $5::date + $6::integer
        ORDER BY abs(discrepancy.day - $5::date), discrepancy.id LIMIT $7
        """,
        OPPOSITE[row["kind"]],
        row["gateway"],
        row["currency"],
        row["theirs"] if row["ours"] is None else row["ours"],
        row["day"],
        suggestion_days,
        suggestions_max,
    )
    return [
        {
            "discrepancy": ids.text("discrepancy", each["id"]),
            "kind": each["kind"],
            "day": each["day"].isoformat(),
            "payment": ids.text("payment", each["payment_id"]) if each["payment_id"] else None,
            "line": each["line"],
        }
        for each in found
    ]


OPPOSITE = {
    Kind.MISSING_INTERNAL: Kind.MISSING_AT_GATEWAY,
    Kind.REFUND_UNLINKED: Kind.MISSING_AT_GATEWAY,
    Kind.DISPUTE_UNLINKED: Kind.MISSING_AT_GATEWAY,
    Kind.MISSING_AT_GATEWAY: Kind.MISSING_INTERNAL,
}


def _show(row: Record, now: datetime) -> dict[str, object]:
    line = {
        "id": row["line"],
        "kind": row["line_kind"],
        "object": row["object_id"],
        "parent": row["parent_id"],
        "occurred_at": time(row["occurred_at"]),
    }
    return {
        "id": ids.text("discrepancy", row["id"]),
        "object": "discrepancy",
        "kind": row["kind"],
        "status": row["status"],
        "gateway": row["gateway"],
        "day": row["day"].isoformat(),
        "detail": row["detail"],
        "theirs": row["theirs"],
        "ours": row["ours"],
        "currency": row["currency"],
        "difference": row["difference"],
        "difference_currency": row["difference_currency"],
        "suspended": row["suspended"],
        "payment": ids.text("payment", row["payment_id"]) if row["payment_id"] else None,
        "line": line if row["line"] else None,
        "first_seen_at": time(row["first_seen_at"]),
        "age_days": _age(((row["closed_at"] or now) - row["first_seen_at"]).days),
        "next_step": NEXT_STEPS[Kind(row["kind"])] if row["status"] == "open" else None,
        "closed_at": time(row["closed_at"]),
        "closed_by": row["closed_by"],
        "action": row["action"],
        "reason": row["reason"],
    }


def _age(days: int) -> str:
    return next((name for limit, name in AGES if days <= limit), oldest)


def _show_run(row: Record) -> dict[str, object]:
    return {
        "object": "reconciliation_run",
        "gateway": row["gateway"],
        "day": row["day"].isoformat(),
        "status": row["status"],
        "step": row["step"] if row["status"] == "running" else None,
        "lines": row["lines"],
        "ours": row["ours"],
        "tolerated": row["tolerated"],
        "open": row["kinds"],
        "error": row["error"],
        "created_at": time(row["created_at"]),
        "started_at": time(row["started_at"]),
        "finished_at": time(row["finished_at"]),
    }
