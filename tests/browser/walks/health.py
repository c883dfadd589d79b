"""What is asked for on the page Health."""

from tests.browser.hands import Hands
from tests.browser.walking import walk


@walk("/health/drill")
def drill(hands: Hands) -> None:
    hands.house.do(hands.house.shop.owner.execute("DELETE FROM drill"))
    hands.visit("/health")
    hands.ask("Try a restore")
    hands.press("Try it")
    hands.told("A worker tries to restore")
