"""Read a line of an earlier system: a user with credits, or a payment that has ended."""

from datetime import datetime, timedelta

from tillkeeper.adoption.rules.extended import UnreadableError, parse
from tillkeeper.adoption.rules.fields import Fields
from tillkeeper.adoption.values import PastLot, PastPayment, PastRefund, PastUser, Reading, Record

__all__ = ["UnreadableError", "flaw", "read"]

clocks_differ_max = timedelta(minutes=5)
"""By how much the clocks of two systems may differ that wrote moments of one line."""
SUCCEEDED, REFUNDED, PARTLY = "succeeded", "refunded", "partially_refunded"
PAID = (SUCCEEDED, REFUNDED, PARTLY)
STATUSES = {
    **dict.fromkeys(("succeeded", "success", "completed", "captured", "paid"), SUCCEEDED),
    REFUNDED: REFUNDED,
    PARTLY: PARTLY,
    **dict.fromkeys(("failed", "declined"), "failed"),
    **dict.fromkeys(("canceled", "cancelled"), "canceled"),
    "expired": "expired",
}
"""How earlier systems call what we call otherwise; of what is not here, nobody knows how it ended."""


def read(line: bytes, *, major_units: bool) -> Reading:
    """Read one line; raises UnreadableError with a reason that a person can act on."""
    fields = Fields(parse(line), major_units=major_units)
    kind = fields.text("type", needed=False)
    if kind is None:
        kind = "payment" if fields.has("amount") else "user" if fields.has("balance") or fields.has("debt") else "?"
    if kind not in READERS:
        message = "it is neither a user (with `balance`) nor a payment (with `amount`)"
        raise UnreadableError(message)
    return Reading(record=READERS[kind](fields), ignored=fields.ignored)


def flaw(record: Record, now: datetime) -> str | None:
    """Say why a record cannot have happened yet, if it cannot."""
    if isinstance(record, PastUser):
        moments = [("lots.created_at", lot.created_at) for lot in record.lots]
    else:
        moments = [("created_at", record.created_at), ("captured_at", record.captured_at)]
        moments += [("refunds.created_at", refund.created_at) for refund in record.refunds]
    late = next((name for name, at in moments if at and at - now > clocks_differ_max), None)
    return f"`{late}` is in the future" if late else None


def _user(fields: Fields) -> Record:
    name = fields.text("user", "user_id", "id", "_id")
    assert name, "needed"
    debt = fields.whole("debt", otherwise=0)
    lots = tuple(_lot(each) for each in fields.parts("lots"))
    balance = fields.whole("balance", otherwise=0 if debt else None)
    if lots and sum(lot.credits for lot in lots) != balance:
        message = f"`balance` is {balance}, and `lots` hold {sum(lot.credits for lot in lots)}"
        raise UnreadableError(message)
    if balance and debt:
        message = "it has credits and owes some; a user has either"
        raise UnreadableError(message)
    return PastUser(id=name, lots=lots or ((PastLot(credits=balance),) if balance else ()), debt=debt)


def _lot(fields: Fields) -> PastLot:
    currency = fields.currency() if fields.has("currency") or fields.has("amount") else None
    return PastLot(
        credits=fields.whole("credits", least=1),
        amount=fields.amount("amount", currency, otherwise=0) if currency else 0,
        currency=currency,
        expires_at=fields.moment("expires_at"),
        created_at=fields.moment("created_at"),
    )


def _payment(fields: Fields) -> Record:
    name, gateway = fields.text("id", "_id"), fields.text("gateway")
    written = (fields.text("status") or "").lower()
    status = STATUSES.get(written)
    if status is None:
        message = f"`status` is {written}: only what has ended can be taken over, such as succeeded or failed"
        raise UnreadableError(message)
    currency = fields.currency()
    amount = fields.amount("amount", currency, least=1)
    created_at = fields.moment("created_at", needed=True)
    assert name, "needed"
    assert gateway, "needed"
    assert created_at, "needed"
    refunds, captured_at = _refunds(fields, status, amount, currency), fields.moment("captured_at")
    _check_order(status, created_at, captured_at, refunds)
    return PastPayment(
        id=name,
        status=SUCCEEDED if status in PAID else status,
        amount=amount,
        currency=currency,
        gateway=gateway.lower(),
        created_at=created_at,
        user=fields.text("user", "user_id", needed=False),
        reference=fields.text("gateway_reference", needed=False),
        description=fields.text("description", needed=False),
        captured_at=captured_at,
        refunds=refunds,
    )


def _check_order(
    status: str, created_at: datetime, captured_at: datetime | None, refunds: tuple[PastRefund, ...]
) -> None:
    """Refuse money that was taken although it was not, or that moved before there was a payment."""
    if captured_at and status not in PAID:
        message = f"`captured_at` says that money was taken, and `status` is {status}"
        raise UnreadableError(message)
    moments = [("captured_at", captured_at), *(("refunds.created_at", refund.created_at) for refund in refunds)]
    early = next((name for name, at in moments if at and created_at - at > clocks_differ_max), None)
    if early:
        message = f"`{early}` is before `created_at`"
        raise UnreadableError(message)


def _refunds(fields: Fields, status: str, amount: int, currency: str) -> tuple[PastRefund, ...]:
    refunds = tuple(_refund(each, currency) for each in fields.parts("refunds"))
    told = sum(each.amount for each in refunds)
    usual = told or (amount if status == REFUNDED else 0)
    back = fields.amount("amount_refunded", currency, otherwise=usual)
    if refunds and back != told:
        message = f"`amount_refunded` is {back}, and `refunds` add up to {told}"
        raise UnreadableError(message)
    if back > amount or (back and status not in PAID):
        message = f"{back} was refunded of {amount} that {status}"
        raise UnreadableError(message)
    if status in {REFUNDED, PARTLY} and not back:
        told_none = fields.has("amount_refunded")
        why = "`amount_refunded` is 0" if told_none else "nothing says how much: give `amount_refunded` or `refunds`"
        message = f"`status` is {status}, and {why}"
        raise UnreadableError(message)
    return refunds or ((PastRefund(amount=back),) if back else ())


def _refund(fields: Fields, currency: str) -> PastRefund:
    return PastRefund(
        amount=fields.amount("amount", currency, least=1),
        reference=fields.text("gateway_reference", needed=False),
        created_at=fields.moment("created_at"),
    )


READERS = {"user": _user, "payment": _payment}
