"""What is done about lists and rules of risk; rules are gone again afterwards."""

from dataclasses import replace

from tests.browser.hands import Hands
from tests.browser.walking import walk
from tests.flows.test_assess import rule

from tillkeeper.flows.guard import Listing, put_on_list, set_rule
from tillkeeper.risk import Fact, Side, Trait


def _rule(hands: Hands) -> str:
    """Add a rule that no payment meets, and look at all of them."""
    name = f"rule_{next(hands.house.numbers)}"
    hands.house.do(set_rule(hands.house.shop.till, replace(rule(Fact.AMOUNT, 10**9, 1), id=name), new=True))
    hands.visit("/risk/rules")
    return name


def _remove(hands: Hands, name: str) -> None:
    hands.ask("Remove", beside=name)
    hands.press("Remove the rule")
    hands.told(f"The rule “{name}” is gone.")


@walk("/risk/lists/add")
def add_entry(hands: Hands) -> None:
    user = hands.house.buyer()
    hands.visit("/risk/lists")
    hands.ask("Put somebody on a list")
    hands.fill("Who", user)
    hands.fill("Why", "a thief")
    hands.press("Put on the list")
    hands.told(f"{user} is blocked from now on.")


@walk("/risk/lists/{entry}/remove")
def remove_entry(hands: Hands) -> None:
    user = hands.house.buyer()
    listing = Listing(side=Side.BLOCK, trait=Trait.USER, value=user, note="a mistake")
    hands.house.do(put_on_list(hands.house.shop.till, listing))
    hands.visit("/risk/lists")
    hands.ask("Take off", beside=user)
    hands.press("Take off the list")
    hands.told(f"{user} is off the list.")


@walk("/risk/rules/add")
def add_rule(hands: Hands) -> None:
    name = f"rule_{next(hands.house.numbers)}"
    hands.visit("/risk/rules")
    hands.ask("Add a rule")
    for label, text in (("Name", name), ("With", "1000000000"), ("Score", "1"), ("Reason", "a very large amount")):
        hands.fill(label, text)
    hands.tick("In force")
    hands.press("Add the rule")
    hands.told(f"The rule “{name}” is in force.")
    _remove(hands, name)


@walk("/risk/rules/{rule}/change")
def change_rule(hands: Hands) -> None:
    name = _rule(hands)
    hands.ask("Change", beside=name)
    hands.fill("Score", "2")
    hands.press("Change the rule")
    hands.told(f"The rule “{name}” was changed")
    _remove(hands, name)


@walk("/risk/rules/{rule}/remove")
def remove_rule(hands: Hands) -> None:
    _remove(hands, _rule(hands))
