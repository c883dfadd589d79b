"""How gateways are steered; afterwards they stand as before."""

from tests.browser.hands import Hands
from tests.browser.walking import walk


@walk("/gateways/maintenance")
def maintenance(hands: Hands) -> None:
    hands.visit("/gateways")
    hands.ask("Begin maintenance")
    hands.fill("Reason", "a larger machine")
    hands.press("Begin maintenance")
    hands.told("are kept waiting")
    hands.ask("Take payments again")
    hands.press("Take payments")
    hands.told("are taken again")


@walk("/gateways/{gateway}/config")
def config(hands: Hands) -> None:
    hands.visit("/gateways")
    hands.ask("Order and fees")
    hands.fill("Place in the order", "5")
    hands.fill("Fee in percent", "2.9")
    hands.fill("Fixed fee in minor units", "30")
    hands.press("Change")
    hands.told("2.90 % + 30 minor units")


@walk("/gateways/{gateway}/{verb}")
def switch(hands: Hands) -> None:
    hands.visit("/gateways")
    for verb, said in (
        ("Drain", "takes no new payments"),
        ("Disable", "told nothing any more"),
        ("Enable", "New payments go through Stripe"),
    ):
        hands.ask(verb)
        hands.press(verb)
        hands.told(said)
