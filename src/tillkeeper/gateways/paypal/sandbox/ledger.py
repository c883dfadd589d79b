"""The merchant's account: every movement with PayPal's event code, as the reporting API tells it."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from http import HTTPStatus

from tillkeeper.gateways.paypal.sandbox import money
from tillkeeper.gateways.paypal.sandbox.act import Act, moment, new_id
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.events import instant
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import Issue, PayPalError, impossible, malformed
from tillkeeper.gateways.paypal.sandbox.shapes import MERCHANT_ID, PAYER
from tillkeeper.sandbox_kit.books import Json

PAYMENT, REFUND, REVERSAL, REFUND_FAILED = "T0006", "T1107", "T1106", "T1100"
DISPUTE, DISPUTE_WON, DISPUTE_FEE = "T1201", "T1202", "T0106"
WITHDRAWAL, WITHDRAWAL_FAILED, CONVERSION = "T0400", "T1101", "T0200"
MOVEMENTS = {"fee": "T0100", "reserve": "T2101", "release": "T2102", "adjustment": "T1200"}
"""What moves the balance by hand, with PayPal's event code for it."""
result_items_max = 10_000
"""So many transactions PayPal lists of one question in all; of more it lists none."""
UNNAMED = ("dispute", "hand")
"""What has no transaction id of its own, so that each movement of it gets one."""
page_size_usual = 100
page_size_max = 500
range_days_max = 31


def enter(act: Act, code: str, thing: Json, amount: int, *, fee: int = 0) -> Json:
    """Move the merchant's balance by a signed amount, less the fee."""
    return act.put(
        {
            "id": f"{thing['id']}/{new_id()}",
            "object": "movement",
            "created": act.now,
            "transaction": new_id() if thing["object"] in UNNAMED else thing["id"],
            "reference": thing.get("capture") or thing.get("order") or thing.get("withdrawal"),
            "code": code,
            "amount": amount,
            "fee": fee,
            "currency": thing["currency"],
            "invoice_id": thing.get("invoice_id"),
            "custom_id": thing.get("custom_id"),
        }
    )


def withdraw(act: Act, currency: str | None) -> list[Json]:
    """Send what stands on the account to the bank, in one currency or in all."""
    made = []
    for each, amount in sorted(balances(act).items()):
        if amount > 0 and currency in {None, each}:
            payout = {"id": new_id(), "object": "payout", "created": act.now, "amount": amount, "currency": each}
            act.put(payout)
            enter(act, WITHDRAWAL, payout, -amount)
            made.append(payout)
    if not made:
        raise impossible(Issue.CANNOT_BE_ZERO_OR_NEGATIVE)
    return made


def fail(act: Act, payout: Json) -> Json:
    """Let the bank send a withdrawal back; the money is on the account again, by a transaction of its own."""
    if payout.get("failed"):
        raise impossible(Issue.INVALID_PARAMETER_VALUE, field="status", value="FAILED")
    failed = act.put({**payout, "failed": True})
    returned = {"id": new_id(), "object": "return", "currency": failed["currency"], "withdrawal": failed["id"]}
    enter(act, WITHDRAWAL_FAILED, returned, failed["amount"])
    return failed


def move(act: Act, kind: str, currency: str, amount: int) -> Json:
    """Move the balance by hand: a fee, a reserve and its release, or a correction."""
    return enter(act, MOVEMENTS[kind], {"id": new_id(), "object": "hand", "currency": currency}, amount)


def convert(act: Act, amount: int, currency: str, into: str, rate: str) -> list[Json]:
    """Change part of the balance into another currency, which PayPal tells as two transactions, without the rate."""
    step = money.smallest_step(into)
    scaled = (Decimal(amount) * Decimal(rate)).scaleb(money.decimals(into) - money.decimals(currency))
    got = int((scaled / step).to_integral_value(ROUND_HALF_UP)) * step
    away = enter(act, CONVERSION, {"id": new_id(), "object": "hand", "currency": currency}, -amount)
    return [away, enter(act, CONVERSION, {"id": new_id(), "object": "hand", "currency": into}, got)]


def balances(act: Act) -> dict[str, int]:
    """Sum up what stands on the account, by currency."""
    found: dict[str, int] = {}
    for movement in act.change.select("movement"):
        net = movement["amount"] - movement["fee"]
        found[movement["currency"]] = found.get(movement["currency"], 0) + net
    return found


def transactions(act: Act, fields: Fields) -> Answered:
    """List movements between two moments, oldest first, page by page."""
    start, end = instant(fields, "start_date"), instant(fields, "end_date")
    size = fields.count("page_size", usual=page_size_usual, most=page_size_max)
    page = fields.count("page", usual=1, most=2**31 - 1)
    wanted, code = fields.text("transaction_id"), fields.text("transaction_type")
    if end - start > timedelta(days=range_days_max):
        raise malformed(Issue.INVALID_PARAMETER_VALUE, "end_date", value=fields.needed("end_date"), location="query")
    created = {"gte": int(start.timestamp()), "lte": int(end.timestamp())}
    where = {name: value for name, value in (("transaction", wanted), ("code", code)) if value is not None}
    found = act.change.select("movement", where=where, created=created)[::-1]
    if len(found) > result_items_max:
        message = "Result set size is greater than the maximum limit. Change the filter criteria and try again."
        raise PayPalError(HTTPStatus.BAD_REQUEST, name="RESULTSET_TOO_LARGE", message=message)
    shown = found[(page - 1) * size : page * size]
    body: Json = {
        "account_number": MERCHANT_ID,
        "start_date": moment(int(start.timestamp())),
        "end_date": moment(int(end.timestamp())),
        "last_refreshed_datetime": moment(act.now),
        "page": page,
        "total_items": len(found),
        "total_pages": -(-len(found) // size),
        "links": [{"href": f"{act.api}/v1/reporting/transactions", "rel": "self", "method": "GET"}],
    }
    if shown:
        body["transaction_details"] = [{"transaction_info": _info(each)} for each in shown]
    return Answered(HTTPStatus.OK, body=body)


def _info(movement: Json) -> Json:
    currency = movement["currency"]
    told = {
        "paypal_account_id": PAYER["payer_id"],
        "transaction_id": movement["transaction"],
        "paypal_reference_id": movement["reference"],
        "paypal_reference_id_type": "TXN" if movement["reference"] else None,
        "transaction_event_code": movement["code"],
        "transaction_initiation_date": moment(movement["created"]),
        "transaction_updated_date": moment(movement["created"]),
        "transaction_amount": money.written(movement["amount"], currency),
        "fee_amount": money.written(-movement["fee"], currency) if movement["fee"] else None,
        "transaction_status": movement.get("status", "S"),
        "invoice_id": movement["invoice_id"],
        "custom_field": movement["custom_id"],
    }
    return {name: value for name, value in told.items() if value is not None}
