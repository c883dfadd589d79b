"""A week of a small shop, written by the flows that write it in production, at the same moments in each run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.browser.house import House
from tests.browser.stillness import Still
from tests.dashboard.test_reconciliation import HEADER
from tests.flows.conftest import KEY, uuid_of

from tillkeeper.flows.expire import expire
from tillkeeper.flows.import_settlement import import_file, import_settlement
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.request_refund import Asked, request_refund
from tillkeeper.kernel import ids
from tillkeeper.refund_requests import Person, ReasonCode
from tillkeeper.risk import Context

SALES: Sequence[tuple[int, str, str, str, str]] = (
    (2, "ana", "credits_120", "EUR", "pay"),
    (5, "ben", "credits_300", "EUR", "pay"),
    (9, "chidi", "credits_50", "USD", "pay"),
    (7, "dora", "credits_120", "EUR", "decline"),
    (4, "ana", "credits_600", "EUR", "pay"),
    (11, "emil", "credits_300", "JPY", "pay"),
    (6, "farah", "credits_120", "EUR", "pay"),
    (8, "ben", "credits_120", "USD", "pay"),
    (10, "gita", "credits_300", "EUR", "decline"),
    (5, "gita", "credits_300", "EUR", "pay"),
    (9, "hugo", "credits_50", "EUR", "pay"),
    (12, "ines", "credits_600", "EUR", "pay"),
    (7, "chidi", "credits_120", "USD", "pay"),
    (6, "jonas", "credits_120", "EUR", "abandon"),
    (8, "dora", "credits_300", "EUR", "pay"),
    (10, "kim", "credits_50", "JPY", "pay"),
    (9, "farah", "credits_600", "EUR", "pay"),
    (6, "lea", "credits_120", "EUR", "pay"),
)
"""After how many hours who buys what in which currency, and what becomes of it."""
STRANGERS = 2
LOOKS = 10
"""After so many looks at a webhook that nobody knows, it is a dead letter."""
HURRY = "UPDATE inbox_message SET due_at = still.now() WHERE status = 'parked'"
INTENT_OF = "SELECT reference FROM payment_reference WHERE payment_id = $1 AND reference LIKE 'pi_%'"


@dataclass(frozen=True)
class Written:
    """Name what the pictures show of the history."""

    payment: str


def write(house: House, still: Still) -> Written:
    """Let the week go by."""
    for hours, user, package, currency, deed in SALES:
        still.move(house, hours=hours)
        _sell(house, still, user=user, package=package, currency=currency, deed=deed)
    _end(house, still)
    _differ(house, still)
    _hold(house, still)
    _give_up(house, still)
    payment = _trouble(house, still)
    still.move(house, minutes=40)
    return Written(payment=payment["id"])


def _sell(house: House, still: Still, *, deed: str, **wanted: Any) -> Any:
    """Sell something; the buyer takes a while, and so does the webhook."""
    shop = house.shop
    payment = house.do(shop.opened(**wanted))
    still.move(house, seconds=50)
    house.do(shop.act(f"sessions/{payment['gateway_reference']}/{deed}"))
    still.move(house, seconds=1)
    house.do(shop.catch_up())
    return payment


def _end(house: House, still: Still) -> None:
    """Let go what nobody has paid."""
    still.move(house, hours=2)
    house.do(expire(house.shop.till))
    house.do(house.shop.operate())
    house.do(house.shop.catch_up())


def _differ(house: House, still: Still) -> None:
    """Compare the gateway's account with ours: it names a charge that is not ours, and money moved by hand."""
    shop, charged, moved = house.shop, still.now() - timedelta(days=2), still.now() - timedelta(days=1)
    lines = (
        f"txn_stray,{charged:%Y-%m-%d %H:%M:%S},charge,eur,10.00,0.00,10.00,ch_stray\n"
        f"txn_moved,{moved:%Y-%m-%d %H:%M:%S},other_adjustment,eur,-12.50,0.00,-12.50,\n"
    )
    house.do(import_settlement(shop.till))
    house.do(import_file(shop.till, "stripe", (HEADER + lines).encode()))
    still.move(house, hours=3)
    while house.do(reconcile(shop.till)):
        pass


def _hold(house: House, still: Still) -> None:
    """Let somebody new buy for a large amount, which waits for a person, and somebody else not pay yet."""
    shop, begun = house.shop, still.now() - timedelta(hours=2)
    wanted = {"package": "credits_600", "quantity": 126, "currency": "EUR", "user": "new-here"}
    _sell(house, still, deed="pay", **wanted, context=Context(account_created_at=begun))
    still.move(house, minutes=9)
    house.do(shop.opened(user="mats", package="credits_300", currency="EUR"))


def _give_up(house: House, still: Still) -> None:
    """Let webhooks come that speak of payments which are not here, until nobody looks at them any more."""
    shop = house.shop
    for _ in range(STRANGERS):
        form = {"currency": "eur", "amount": 1_900, "metadata[payment]": ids.text("payment", ids.new())}
        url, headers = f"{shop.line.sandbox}/stripe/v1/payment_intents", {"Authorization": f"Bearer {KEY}"}
        intent = house.do(shop.http.post(url, data=form, headers=headers)).json()
        house.do(shop.act(f"payment_intents/{intent['id']}/decline"))
        house.do(shop.hear_news())
        for _ in range(LOOKS):
            still.move(house, seconds=20)
            house.do(shop.settle())
            house.do(shop.owner.execute(HURRY))


def _trouble(house: House, still: Still) -> Any:
    """Sell something whose webhook comes three times, give a part of it back, and hear of a dispute over another."""
    shop = house.shop
    payment = _sell(house, still, deed="pay", user="nora", package="credits_600", currency="EUR")
    [event] = house.do(shop.events("checkout.session.completed"))[-1:]
    for _ in range(2):
        still.move(house, seconds=30)
        house.do(shop.hear(event))
    still.move(house, minutes=20)
    wish = RefundWish(payment=uuid_of(payment), amount=200, reason="one of them broke")
    house.do(refund(shop.by("mara@example.com"), shop.wish(), wish))
    house.do(shop.catch_up())
    still.move(house, minutes=5)
    intent = house.do(shop.owner.fetchval(INTENT_OF, uuid_of(payment)))
    house.do(shop.act("disputes", {"payment_intent": intent}))
    house.do(shop.catch_up())
    broken = _sell(house, still, deed="pay", user="otto", package="credits_50", currency="EUR", quantity=80)
    asked = Asked(
        payment=uuid_of(broken),
        by=Person(id="key_shop", name="the shop"),
        reason_code=ReasonCode.DEFECTIVE,
        note="it broke",
    )
    house.do(request_refund(shop.till, shop.wish(), asked))
    return payment
