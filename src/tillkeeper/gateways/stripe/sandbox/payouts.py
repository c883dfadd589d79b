"""Payouts: what a settlement run sends to the merchant's bank, and the balance transactions it is made of."""

from collections import defaultdict

from tillkeeper.gateways.stripe.sandbox import balance, events, lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

day_seconds = 86_400
trace_length = 15
BANK = "ba_SandboxBankAccount000001"
COMPLETED, IN_PROGRESS, MANUAL = "completed", "in_progress", "not_applicable"
RECONCILED = "payout.reconciliation_completed"
STATUSES = ("canceled", "failed", "in_transit", "paid", "pending")


def run(act: Act, *, currency: str | None = None, early: bool = False, membership: str = COMPLETED) -> list[Json]:
    """Send every available balance above zero on its way; `early` takes what is still pending too.

    `membership` says how far Stripe is with the list of what a payout is made of; of a manual payout it makes none.
    """
    gathered = defaultdict(list)
    for transaction in act.change.loose("balance_transaction"):
        if currency in {None, transaction["currency"]} and (early or transaction["available_on"] <= act.now):
            gathered[transaction["currency"]].append(transaction)
    owed = {unit: sum(transaction["net"] for transaction in found) for unit, found in gathered.items()}
    # What the merchant owes stays on the balance and is taken from the next payout.
    sent = [(unit, amount) for unit, amount in sorted(owed.items()) if amount > 0]
    return [_send(act, unit, gathered[unit], amount, membership) for unit, amount in sent]


def pay(act: Act, payout: Json, *, traced: bool = True) -> Json:
    """Let a payout arrive at the bank; by what the bank's line is known may be told later."""
    _checked_status(payout, ("in_transit",), doing="paid")
    paid = act.put({**payout, "status": "paid"} | ({"trace_id": _trace()} if traced else {}))
    events.emit(act, "payout.paid", paid)
    return paid


def trace(act: Act, payout: Json) -> Json:
    """Tell by what the bank's line of a payout is known; Stripe sends no event about it."""
    _checked_status(payout, ("paid", "failed"), doing="traced")
    return act.put({**payout, "trace_id": _trace()})


def reconcile(act: Act, payout: Json) -> Json:
    """Put together what an automatic payout is made of."""
    if payout["reconciliation_status"] != IN_PROGRESS:
        message = f"This payout could not be reconciled: its reconciliation is {payout['reconciliation_status']}."
        raise StripeError(message)
    payout = act.put({**payout, "reconciliation_status": COMPLETED})
    events.emit(act, RECONCILED, payout)
    return payout


def fail(act: Act, payout: Json) -> Json:
    """Let the bank send a payout back, which may happen after it had arrived; the money is on the balance again."""
    _checked_status(payout, ("in_transit", "paid"), doing="failed")
    transaction = balance.enter(act, "payout_failure", payout, payout["amount"])
    failed = act.put(
        {
            **payout,
            "status": "failed",
            "failure_balance_transaction": transaction["id"],
            "failure_code": "account_closed",
            "failure_message": "The bank account has been closed.",
        }
    )
    events.emit(act, "payout.failed", failed)
    return failed


def retrieve(act: Act, params: Params, payout_id: str) -> Json:
    """Show a payout."""
    params.done()
    return act.load("payout", payout_id, param="payout")


def listing(act: Act, params: Params) -> Json:
    """List payouts, all or those with one status."""
    status = params.choice("status", STATUSES)
    where = {"status": status} if status else {}
    return lists.page(act, params, lists.Shelf("payout", "/v1/payouts", where))


def _send(act: Act, currency: str, transactions: list[Json], amount: int, membership: str) -> Json:
    payout: Json = {
        "id": new_id("po"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": (act.now // day_seconds + 1) * day_seconds,
        "automatic": membership != MANUAL,
        "created": act.now,
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": BANK,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": membership,
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "in_transit",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }
    transaction = balance.enter(act, "payout", payout, -amount)
    payout = act.put({**payout, "balance_transaction": transaction["id"]})
    act.change.tie([entry["id"] for entry in (*transactions, transaction)], payout["id"])
    events.emit(act, "payout.created", payout)
    if membership == COMPLETED:
        events.emit(act, RECONCILED, payout)
    return payout


def _trace() -> Json:
    return {"status": "supported", "value": token(trace_length).upper()}


def _checked_status(payout: Json, allowed: tuple[str, ...], *, doing: str) -> None:
    if payout["status"] not in allowed:
        message = f"This payout could not be {doing} because it has a status of {payout['status']}."
        raise StripeError(message)
