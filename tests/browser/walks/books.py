"""What is done about the books, where they differ from a gateway's account, and to prove them."""

from typing import Any

from playwright.sync_api import FilePayload
from tests.browser.hands import Hands
from tests.browser.walking import walk
from tests.dashboard.test_reconciliation import HEADER, charge

from tillkeeper.flows.import_settlement import import_file
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.kernel import ids

OPEN = "SELECT id FROM discrepancy WHERE status = 'open' LIMIT 1"


def _differing(hands: Hands) -> str:
    """Take in a charge that we know nothing of, compare its day, and name where the difference is shown."""
    till = hands.house.shop.till
    report = (HEADER + charge(f"txn_{hands.house.buyer()}", "10.00")).encode()
    hands.house.do(import_file(till, "stripe", report))
    while hands.house.do(reconcile(till)):
        pass
    found: Any = hands.house.do(hands.house.shop.owner.fetchval(OPEN))
    return f"/reconciliation/{ids.text('discrepancy', found)}"


@walk("/ledger/verify")
def verify(hands: Hands) -> None:
    hands.visit("/ledger")
    hands.ask("Verify the books")
    hands.press("Verify")
    hands.told("The books balance")


@walk("/reconciliation/compare")
def compare(hands: Hands) -> None:
    hands.visit("/reconciliation")
    hands.ask("Compare a day")
    hands.fill("Day", "2026-10-01")
    hands.press("Compare")
    hands.told("The worker compares 2026-10-01 at Stripe")


@walk("/reconciliation/fetch")
def fetch(hands: Hands) -> None:
    hands.visit("/reconciliation/runs")
    hands.ask("Read an account")
    hands.press("Read")
    hands.told("new lines")


@walk("/reconciliation/import")
def import_lines(hands: Hands) -> None:
    report = (HEADER + charge(f"txn_{hands.house.buyer()}", "10.00")).encode()
    hands.visit("/reconciliation")
    hands.ask("Import a file")
    file = FilePayload(name="report.csv", mimeType="text/csv", buffer=report)
    hands.asked.get_by_label("File", exact=True).set_input_files(file)
    hands.press("Import")
    hands.told("1 new, 0 changed, 0 known already")


@walk("/reconciliation/{discrepancy}/accept")
def accept(hands: Hands) -> None:
    hands.visit(_differing(hands))
    hands.ask("Accept")
    hands.fill("Reason", "a gift")
    hands.press("Accept")
    hands.told("Accepted in your name.")


@walk("/reconciliation/{discrepancy}/ignore")
def ignore(hands: Hands) -> None:
    hands.visit(_differing(hands))
    hands.ask("Ignore")
    hands.fill("Reason", "a charge of another shop")
    hands.press("Ignore")
    hands.told("the books stay as they are")


@walk("/proof/fire")
def fire(hands: Hands) -> None:
    hands.house.do(hands.house.shop.paid(user=hands.house.buyer()))
    hands.visit("/proof")
    hands.ask("Fire 50 duplicates")
    hands.press("Fire")
    hands.told("Nothing moved")
