"""What is answered to a bank that took money back."""

from uuid import UUID

from tests.browser.hands import Hands
from tests.browser.walking import walk
from tests.dashboard.test_disputes import disputed

from tillkeeper.kernel import ids


def _disputed(hands: Hands) -> str:
    """Name where a new dispute is shown."""
    id_ = hands.house.do(disputed(hands.house.shop, user=hands.house.buyer()))
    return f"/disputes/{ids.text('dispute', UUID(id_))}"


@walk("/disputes/{dispute}/evidence")
def evidence(hands: Hands) -> None:
    hands.visit(_disputed(hands))
    hands.ask("Hand in evidence")
    hands.fill("What you say", "The credits were delivered and spent.")
    hands.press("Hand in")
    hands.told("The evidence was handed in")


@walk("/disputes/{dispute}/accept")
def accept(hands: Hands) -> None:
    hands.visit(_disputed(hands))
    hands.ask("Accept")
    hands.press("Accept the dispute")
    hands.told("the customer keeps the money")
