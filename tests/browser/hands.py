"""What people do at a page: open what asks, fill it in, press, and read what comes of it; also without scripts."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Response, expect
from tests.browser.conftest import Desk
from tests.browser.house import House, Member

from tillkeeper.web.dashboard.rail import HOME

REFUSED_FROM = 400


@dataclass
class Hands:
    """Work at one window; what was sent is remembered, so that a walk cannot claim what it did not do."""

    desk: Desk
    house: House
    scripts: bool
    sent: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.context.on("response", self._note)

    @property
    def page(self) -> Page:
        return self.desk.page

    @property
    def asked(self) -> Locator:
        """Find what is asked: in a dialog, or on a page of its own where there are no scripts."""
        return self.page.locator("dialog[open] #asked" if self.scripts else "#asked")

    def _note(self, response: Response) -> None:
        if response.request.method == "POST":
            self.sent.append((urlsplit(response.url).path.removeprefix(HOME), response.status))

    def has_sent(self, deed: str) -> bool:
        """Tell whether the form of a deed was sent, and taken."""
        pattern = re.compile(re.sub(r"{\w+}", "[^/]+", deed))
        return any(pattern.fullmatch(path) and status < REFUSED_FROM for path, status in self.sent)

    def sit(self, member: Member) -> None:
        """Let somebody else, or the same in another session, go on at this window."""
        self.page.context.add_cookies(self.house.cookies(member))

    def visit(self, path: str) -> None:
        """Look at a page."""
        self.page.goto(f"{self.house.url}{HOME}{path}")
        expect(self.page.locator("h1").first).to_be_visible()

    def ask(self, label: str, *, beside: str = "") -> None:
        """Press what opens a dialog, in the row with some words where there are several; axe reads the dialog."""
        place = self.page.locator("main")
        place = place.locator("tr, article, li").filter(has_text=beside).first if beside else place
        opener = place.get_by_role("link", name=label, exact=True)
        opener.or_(place.get_by_role("button", name=label, exact=True)).first.click()
        self.read(label)

    def read(self, name: str) -> None:
        """Wait for what is asked, and let axe read it."""
        expect(self.asked.get_by_role("heading").first).to_be_visible()
        if self.scripts:
            self.desk.check_access(f"dialog {name}")

    def fill(self, label: str, text: str) -> None:
        """Fill in a field of what is asked."""
        self.asked.get_by_label(label).first.fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose from a list of what is asked."""
        self.asked.get_by_label(label).first.select_option(label=option)

    def tick(self, label: str) -> None:
        """Tick a box of what is asked."""
        self.asked.get_by_label(label, exact=True).check()

    def press(self, label: str) -> None:
        """Press a button of what is asked, and wait until it was taken."""
        with self.page.expect_response(lambda response: response.request.method == "POST"):
            self.asked.get_by_role("button", name=label, exact=True).click()

    def told(self, words: str) -> None:
        """Wait for words that say what was done."""
        expect(self.page.get_by_text(words).first).to_be_visible()
