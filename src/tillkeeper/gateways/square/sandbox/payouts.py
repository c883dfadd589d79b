"""Payouts: what a settlement run sends to the merchant's bank, and the entries it is made of."""

from collections import defaultdict
from datetime import UTC, datetime

from tillkeeper.gateways.square.sandbox import account, balance, events, lists
from tillkeeper.gateways.square.sandbox.act import Act, new_uuid
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

day_seconds = 86_400
end_to_end_length = 15
entries_max = 100
STATUSES = ("SENT", "PAID", "FAILED")
BANK = "bact:SandboxBankAccount"


def run(act: Act, *, currency: str | None = None) -> list[Json]:
    """Send every balance above zero on its way."""
    gathered = defaultdict(list)
    for entry in act.change.loose("entry"):
        unit = entry["shown"]["net_amount_money"]["currency"]
        if currency in {None, unit}:
            gathered[unit].append(entry)
    owed = {
        unit: sum(each["shown"]["net_amount_money"]["amount"] for each in found) for unit, found in gathered.items()
    }
    # What the merchant owes stays on the balance and is taken from the next payout.
    return [_send(act, unit, gathered[unit], amount) for unit, amount in sorted(owed.items()) if amount > 0]


def pay(act: Act, payout: Json) -> Json:
    """Let a payout arrive at the bank."""
    return _move(act, payout, "PAID", allowed=("SENT",))


def fail(act: Act, payout: Json) -> Json:
    """Let the bank send a payout back; the money is on the balance again."""
    payout = _move(act, payout, "FAILED", allowed=("SENT", "PAID"))
    money = payout["shown"]["amount_money"]
    balance.enter(act, "RETURNED_PAYOUT", money["amount"], money["currency"])
    return payout


def retrieve(act: Act, params: Params, payout_id: str) -> Json:
    """Show a payout."""
    params.done()
    return act.load("payout", payout_id)


def listing(act: Act, params: Params) -> Json:
    """List payouts, narrowed by time and status."""
    status = params.choice("status", STATUSES)
    account.checked_location(act, params.text("location_id"))
    where = {"shown.status": status} if status else {}
    created, oldest_first = lists.span(params), lists.oldest_first(params)
    shelf = lists.Shelf("payout", "payouts", where, created=created, oldest_first=oldest_first)
    return lists.page(act, params, shelf)


def entries(act: Act, params: Params, payout_id: str) -> Json:
    """List what a payout is made of."""
    act.load("payout", payout_id)
    oldest_first = lists.oldest_first(params)
    ids = act.change.tied(payout_id)
    return lists.page(act, params, lists.Shelf("entry", "payout_entries", ids=ids, oldest_first=oldest_first))


def _net(entry: Json) -> int:
    return int(entry["shown"]["net_amount_money"]["amount"])


def _send(act: Act, currency: str, gathered: list[Json], amount: int) -> Json:
    arrives = datetime.fromtimestamp((act.now // day_seconds + 1) * day_seconds, UTC)
    shown = {
        "id": f"po_{new_uuid()}",
        "status": "SENT",
        "location_id": account.location(act),
        "amount_money": {"amount": amount, "currency": currency},
        "destination": {"type": "BANK_ACCOUNT", "id": BANK},
        "version": 1,
        "type": "BATCH",
        "payout_fee": [],
        "arrival_date": f"{arrives:%Y-%m-%d}",
        "end_to_end_id": token(end_to_end_length).upper(),
    }
    payout = act.add("payout", shown)
    for entry in gathered:
        act.change.put({**entry, "shown": {**entry["shown"], "payout_id": payout["id"]}})
    act.change.tie([entry["id"] for entry in gathered], payout["id"])
    events.emit(act, "payout.sent", payout)
    return payout


def _move(act: Act, payout: Json, status: str, *, allowed: tuple[str, ...]) -> Json:
    if payout["shown"]["status"] not in allowed:
        detail = f"This payout could not become {status}: its status is {payout['shown']['status']}."
        raise SquareError(detail)
    payout = act.amend(payout, {"status": status, "version": payout["version"] + 1})
    events.emit(act, f"payout.{status.lower()}", payout)
    return payout
