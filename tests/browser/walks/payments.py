"""What is done with payments, one by one and many at once."""

from datetime import timedelta

from tests.browser.hands import Hands
from tests.browser.walking import walk

from tillkeeper.risk import Context


def _held(hands: Hands) -> str:
    """Let somebody new buy for a large amount, which a person has to look at."""
    house = hands.house
    begun = house.shop.till.now() - timedelta(hours=2)
    wanted = {"package": "credits_600", "quantity": 126, "user": house.buyer()}
    payment = house.do(house.shop.opened(**wanted, context=Context(account_created_at=begun)))
    house.do(house.shop.pay(payment))
    house.do(house.shop.catch_up())
    return str(payment["id"])


@walk("/payments/{payment}/refund")
def refund(hands: Hands) -> None:
    payment = hands.house.do(hands.house.shop.paid(user=hands.house.buyer()))
    hands.visit(f"/payments/{payment['id']}")
    hands.ask("Refund")
    hands.fill("Amount", "0.60")
    hands.press("Refund")
    hands.told("€0.60 is on its way back")


@walk("/payments/{payment}/capture")
def capture(hands: Hands) -> None:
    shop = hands.house.shop
    payment = hands.house.do(shop.opened(user=hands.house.buyer(), capture_method="manual"))
    hands.house.do(shop.pay(payment))
    hands.house.do(shop.catch_up())
    hands.visit(f"/payments/{payment['id']}")
    hands.ask("Capture")
    hands.fill("Amount", "1.99")
    hands.press("Capture")
    hands.told("The money was asked for")


@walk("/payments/{payment}/cancel")
def cancel(hands: Hands) -> None:
    payment = hands.house.do(hands.house.shop.opened(user=hands.house.buyer()))
    hands.visit(f"/payments/{payment['id']}")
    hands.ask("Let go")
    hands.press("Let go")
    hands.told("The payment was let go.")


@walk("/payments/{payment}/sync")
def sync(hands: Hands) -> None:
    payment = hands.house.do(hands.house.shop.opened(user=hands.house.buyer()))
    hands.house.do(hands.house.shop.pay(payment))
    hands.visit(f"/payments/{payment['id']}")
    hands.ask("Ask the gateway")
    hands.press("Ask")
    hands.told("The gateway was asked. The payment’s state: Succeeded.")


@walk("/payments/{payment}/approve")
def approve(hands: Hands) -> None:
    hands.visit(f"/payments/{_held(hands)}")
    hands.ask("Approve")
    hands.fill("Reason", "a customer of old")
    hands.press("Approve")
    hands.told("Approved: the money is being captured.")


@walk("/payments/{payment}/reject")
def reject(hands: Hands) -> None:
    payment = _held(hands)
    hands.visit("/risk")
    hands.ask("Block", beside=payment[-4:])
    hands.tick("Also block this buyer, their address and device")
    hands.fill("Reason", "a stolen card")
    hands.press("Reject")
    hands.told("Rejected: the authorised money is released.")


@walk("/payments/{payment}/note")
def note(hands: Hands) -> None:
    payment = hands.house.do(hands.house.shop.paid(user=hands.house.buyer()))
    hands.visit(f"/payments/{payment['id']}")
    hands.ask("Note")
    hands.fill("Note", "called, and was kind")
    hands.press("Keep it")
    hands.told("Noted; it stands in the timeline.")


@walk("/payments/{payment}/fulfil")
def fulfil(hands: Hands) -> None:
    payment = hands.house.do(hands.house.shop.paid(user=hands.house.buyer()))
    hands.visit(f"/payments/{payment['id']}")
    hands.ask("Re-run delivery")
    hands.press("Run it again")
    hands.told("nothing was given twice.")


@walk("/payments/refund-many")
def refund_many(hands: Hands) -> None:
    made = [hands.house.do(hands.house.shop.paid(user=hands.house.buyer()))["id"] for _ in range(2)]
    hands.visit("/payments")
    for payment in made:
        hands.page.get_by_label(f"Tick {payment}").check()
    hands.ask("Refund")
    hands.press("Refund 2")
    hands.told("2 of 2 asked for")


@walk("/payments/sync-many")
def sync_many(hands: Hands) -> None:
    payment = hands.house.do(hands.house.shop.opened(user=hands.house.buyer()))
    hands.visit("/payments")
    hands.page.get_by_label(f"Tick {payment['id']}").check()
    hands.ask("Ask the gateways")
    hands.press("Ask about 1")
    hands.told("1 of 1 asked about")
