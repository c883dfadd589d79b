"""What is done by hand about who buys."""

from tests.browser.hands import Hands
from tests.browser.walking import walk

from tillkeeper.flows.guard import Listing, put_on_list
from tillkeeper.risk import Side, Trait

INTENT = "SELECT reference FROM payment_reference WHERE reference LIKE 'pi_%' ORDER BY payment_id DESC LIMIT 1"
"""What the gateway calls the newest payment."""


def _bought(hands: Hands) -> str:
    """Let somebody new buy 120 credits, and look at their page."""
    user = hands.house.buyer()
    hands.house.do(hands.house.shop.paid(user=user))
    hands.visit(f"/customers/user?name={user}")
    return user


@walk("/customers/user/adjust")
def adjust(hands: Hands) -> None:
    user = _bought(hands)
    hands.ask("Adjust credits")
    hands.fill("Credits", "30")
    hands.fill("Reason", "for the wait")
    hands.press("Go on")
    hands.told("150 afterwards")
    hands.read("adjust, its second step")
    hands.press("Give the credits")
    hands.told("holds 150 credits")
    assert hands.house.do(hands.house.shop.wallet(user)) == (150, 0)


@walk("/customers/user/write-off")
def write_off(hands: Hands) -> None:
    house, user = hands.house, hands.house.buyer()
    payment = house.do(house.shop.paid(user=user))
    house.do(house.shop.spend(120, user=user))
    intent = house.do(house.shop.owner.fetchval(INTENT))
    house.do(house.shop.act("refunds", {"payment_intent": intent, "amount": payment["amount"]}))
    house.do(house.shop.catch_up())
    hands.visit(f"/customers/user?name={user}")
    hands.ask("Write off the debt")
    hands.fill("Credits", "100")
    hands.fill("Reason", "too old")
    hands.press("Write off")
    hands.told("debt is 20 credits")


@walk("/customers/user/block")
def block(hands: Hands) -> None:
    _bought(hands)
    hands.ask("Block")
    hands.fill("Reason", "three chargebacks")
    hands.fill("Until", "2099-01-01")
    hands.press("Block")
    hands.told("Blocked. What they had open and had not paid is ended.")


@walk("/customers/user/allow")
def allow(hands: Hands) -> None:
    _bought(hands)
    hands.ask("Trust")
    hands.fill("Reason", "my aunt")
    hands.press("Trust")
    hands.told("Trusted: payments are not held up.")


@walk("/customers/user/unlist")
def unlist(hands: Hands) -> None:
    user = hands.house.buyer()
    hands.house.do(hands.house.shop.paid(user=user))
    listing = Listing(side=Side.BLOCK, trait=Trait.USER, value=user, note="a mistake")
    hands.house.do(put_on_list(hands.house.shop.till, listing))
    hands.visit(f"/customers/user?name={user}")
    hands.ask("Take off the list")
    hands.press("Take off")
    hands.told("Taken off: payments are judged by the rules again.")


@walk("/customers/user/erase")
def erase(hands: Hands) -> None:
    user = _bought(hands)
    hands.ask("Erase")
    hands.fill("Type the name again", user)
    hands.fill("Reason", "asked for it")
    hands.press("Erase for good")
    hands.told("Erased.")
