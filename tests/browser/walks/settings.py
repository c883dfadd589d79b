"""What is set: the catalogue, people, keys, and the rules for refunds."""

from tests.browser.hands import Hands
from tests.browser.walking import walk

from tillkeeper.catalog import Package
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.offer import offer


def _package(hands: Hands) -> str:
    """Put something up for sale that nobody buys, and look at what is for sale."""
    name = f"unsold_{next(hands.house.numbers)}"
    package = Package(id=name, kind="credits", title=f"Never {name}", quantity=9, prices={"EUR": 199})
    hands.house.do(offer(hands.house.shop.till, [package]))
    hands.visit("/settings")
    return name


@walk("/settings/packages/add")
def add_package(hands: Hands) -> None:
    name = f"unsold_{next(hands.house.numbers)}"
    hands.visit("/settings")
    hands.ask("Add a package")
    fields = {"Name": name, "Title": "Nine", "How many credits or cards": "9", "Prices": "EUR 1.99 19%\nJPY 240"}
    for label, text in fields.items():
        hands.fill(label, text)
    hands.press("Put it up for sale")
    hands.told("“Nine” is for sale.")


@walk("/settings/packages/{package}/change")
def change_package(hands: Hands) -> None:
    name = _package(hands)
    hands.ask("Change", beside=name)
    hands.fill("Prices", "EUR 2.49")
    hands.press("Change the package")
    hands.told(f"“Never {name}” was changed.")


@walk("/settings/packages/{package}/retire")
def retire_package(hands: Hands) -> None:
    name = _package(hands)
    hands.ask("Retire", beside=name)
    hands.press("Retire")
    hands.told(f"“Never {name}” is not for sale any more.")


@walk("/settings/people/add")
def add_person(hands: Hands) -> None:
    hands.visit("/settings/people")
    hands.ask("Take somebody in")
    hands.fill("E-mail", f"finn-{next(hands.house.numbers)}@example.com")
    hands.choose("Role", "Finance")
    hands.press("Take in")
    hands.told("it is shown this once and never again")


@walk("/settings/people/{member}/role")
def set_role(hands: Hands) -> None:
    email = hands.house.seat(role="viewer").email
    hands.visit("/settings/people")
    hands.ask("Role", beside=email)
    hands.choose("Role", "Support")
    hands.press("Set the role")
    hands.told(f"{email} is support, and signed out everywhere.")


@walk("/settings/people/{member}/reset")
def reset_password(hands: Hands) -> None:
    email = hands.house.seat(role="viewer").email
    hands.visit("/settings/people")
    hands.ask("New password", beside=email)
    hands.press("Make a new password")
    hands.told("it is shown this once and never again")


@walk("/settings/people/{member}/disable")
def let_go(hands: Hands) -> None:
    email = hands.house.seat(role="viewer").email
    hands.visit("/settings/people")
    hands.ask("Let go", beside=email)
    hands.press("Let go")
    hands.told(f"{email} is signed out everywhere, and let in no more.")


@walk("/settings/keys/add")
def make_key(hands: Hands) -> None:
    hands.visit("/settings/keys")
    hands.ask("Make a key")
    hands.fill("Name", "game server")
    hands.fill("Until the end of", "2099-01-31")
    hands.press("Make the key")
    hands.told("it is shown this once and never again")


@walk("/settings/keys/{api_key}/revoke")
def end_key(hands: Hands) -> None:
    name = f"key {next(hands.house.numbers)}"
    hands.house.do(issue(hands.house.shop.till, name, scopes=["read"]))
    hands.visit("/settings/keys")
    hands.ask("End", beside=name)
    hands.press("End the key")
    hands.told(f"The key “{name}” is ended")


@walk("/settings/policy/change")
def change_policy(hands: Hands) -> None:
    hands.visit("/settings/policy")
    hands.ask("Change the rules")
    hours = hands.asked.get_by_label("Asked for within (hours of the capture)")
    fewer = str(int(hours.input_value()) - 1)  # fewer hours count at once; more would wait for a second person
    hours.fill(fewer)
    hands.fill("Why", "a shorter time")
    hands.press("Set the rules")
    hands.told("are in force")
