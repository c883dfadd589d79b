"""What everybody does for themselves: prove who they are, set their looks and secrets, and leave."""

import re

from playwright.sync_api import expect
from tests.browser.hands import Hands
from tests.browser.walking import walk
from tests.dashboard.conftest import PASSWORD
from tests.web.people import code_of


@walk("/sign-out")
def sign_out(hands: Hands) -> None:
    hands.visit("")
    hands.page.get_by_role("button", name="Sign out").click()
    expect(hands.page).to_have_url(re.compile("/sign-in"))
    hands.page.goto(f"{hands.house.url}/admin/payments")
    expect(hands.page).to_have_url(re.compile("/sign-in"))


@walk("/prove")
def prove(hands: Hands) -> None:
    hands.sit(hands.house.seat(minutes=11))
    hands.visit("/settings/keys")
    hands.page.get_by_role("link", name="Make a key").click()
    expect(hands.page.get_by_role("heading", name="Prove once more that it is you")).to_be_visible()
    hands.page.get_by_label("Password").fill(PASSWORD)
    hands.page.get_by_role("button", name="Go on").click()
    expect(hands.page.get_by_role("heading", name="Make a key")).to_be_visible()


@walk("/look")
def look(hands: Hands) -> None:
    hands.visit("/payments")
    hands.page.get_by_role("button", name="Colours: system. Change to light.").click()
    expect(hands.page.locator("html")).to_have_attribute("data-theme", "light")
    hands.page.get_by_role("button", name="Rows: airy. Change to dense.").click()
    expect(hands.page.locator("body")).to_have_attribute("data-density", "dense")
    expect(hands.page).to_have_url(re.compile("/payments$"))


@walk("/you/password")
def set_password(hands: Hands) -> None:
    hands.visit("/you")
    hands.page.get_by_label("Password now").fill(PASSWORD)
    hands.page.get_by_label("New password").fill("another one of them, and long")
    hands.page.get_by_role("button", name="Change the password").click()
    hands.told("Your password was changed.")


@walk("/you/factor")
def set_factor(hands: Hands) -> None:
    hands.visit("/you")
    hands.page.get_by_role("button", name="Set up an app").click()
    secret = hands.page.locator("p.mono.strong").inner_text()
    hands.page.get_by_label("Code").fill(code_of(secret))
    hands.page.get_by_role("button", name="Put it to use").click()
    hands.told("The second factor is in use.")
