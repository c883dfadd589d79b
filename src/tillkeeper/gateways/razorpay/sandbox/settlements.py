"""Settlements: what a run sends to the merchant's bank, and the report of the entries it is made of."""

from datetime import UTC, datetime, timedelta, timezone

from tillkeeper.gateways.razorpay.sandbox import entries, events, lists
from tillkeeper.gateways.razorpay.sandbox.act import Act, changed, new_id, record
from tillkeeper.gateways.razorpay.sandbox.currencies import HOME
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.refusals import invalid
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

settled_after_seconds = 2 * 86_400
report_count_max = 1000
year_digits = 4
utr_length = 10
HOME_TIME = timezone(timedelta(hours=5, minutes=30))
"""Razorpay's days begin and end in India."""


def run(act: Act, *, early: bool = False) -> list[Json]:
    """Send what is due on its way; `early` takes what is not due yet, and what the merchant owes stays open."""
    due = [
        entry
        for entry in act.change.loose("entry")
        if entry["shown"]["currency"] == HOME and (early or entry["created"] + settled_after_seconds <= act.now)
    ]
    amount = sum(entry["shown"]["credit"] - entry["shown"]["debit"] for entry in due)
    return [_send(act, due, amount)] if amount > 0 else []


def process(act: Act, settlement: Json) -> Json:
    """Let a settlement arrive."""
    _in(settlement, ("created",))
    done = act.put(changed(settlement, status="processed"))
    events.emit(act, "settlement.processed", {"settlement": done["shown"]})
    return done


def fail(act: Act, settlement: Json) -> Json:
    """Let the bank send a settlement back; of this Razorpay sends no webhook, and the money is owed again."""
    _in(settlement, ("created", "processed"))
    failed = act.put(changed(settlement, status="failed"))
    entries.of_return(act, failed)
    return failed


def retrieve(act: Act, fields: Fields, settlement_id: str) -> Json:
    """Show a settlement."""
    fields.done()
    shown: Json = act.load("settlement", settlement_id)["shown"]
    return shown


def listing(act: Act, fields: Fields) -> Json:
    """List settlements."""
    return lists.page(act, fields, "settlement")


def report(act: Act, fields: Fields) -> Json:
    """List every entry that was settled in a month, or on a day of it."""
    start, end = _period(fields)
    count, skip = lists.window(fields, most=report_count_max)
    fields.done()
    settled = act.change.select("settlement", created={"gte": start, "lt": end})
    found = [
        entry["shown"]
        for settlement in settled
        for entry in act.change.select("entry", ids=act.change.tied(settlement["id"]))
    ]
    return lists.collection(found[skip : skip + count])


def _send(act: Act, due: list[Json], amount: int) -> Json:
    settlement_id, utr = new_id("setl"), f"{act.now}{token(utr_length).lower()}"
    shown = {
        "id": settlement_id,
        "entity": "settlement",
        "amount": amount,
        "status": "created",
        "fees": 0,
        "tax": 0,
        "utr": utr,
        "created_at": act.now,
    }
    settlement = act.put(record("settlement", shown))
    settled = {"settled": True, "settled_at": act.now, "settlement_id": settlement_id, "settlement_utr": utr}
    for entry in due:
        act.put(changed(entry, **settled))
    act.change.tie([entry["id"] for entry in due], settlement_id)
    return settlement


def _period(fields: Fields) -> tuple[int, int]:
    year, month, day = fields.needed_integer("year"), fields.needed_integer("month"), fields.integer("day")
    if len(str(year)) != year_digits:
        message = "The year must be 4 digits."
        raise invalid(message, field="year")
    try:
        first = datetime(year, month, day or 1, tzinfo=HOME_TIME)
    except ValueError as problem:
        field = "day" if 1 <= month <= 12 else "month"  # noqa: PLR2004 - months of a year
        message = f"The {field} is not a valid {field}."
        raise invalid(message, field=field) from problem
    last = first + timedelta(days=1) if day else (first + timedelta(days=32)).replace(day=1)
    return int(first.astimezone(UTC).timestamp()), int(last.astimezone(UTC).timestamp())


def _in(settlement: Json, allowed: tuple[str, ...]) -> None:
    if settlement["shown"]["status"] not in allowed:
        message = f"The settlement is {settlement['shown']['status']} already."
        raise invalid(message)
