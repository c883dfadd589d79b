"""A running demo and a real Chromium; every page that is visited must be free of errors and fit its window."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.cli.demo import Demo

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TWICE = "[...document.querySelectorAll('[id]')].map(each => each.id).filter((id, at, all) => all.indexOf(id) !== at)"
"""A label means the first thing of its id, which in a dialog would be one of the page behind it."""
TONGUE = {"LANGUAGE": "en_US", "LANG": "en_US.UTF-8"}
"""In which the browser itself speaks, as in a field for a date: the same on every machine."""
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
"""axe-core, run by the browser itself: a page's own policy lets no such script in."""
WIDE = {"width": 1280, "height": 900}
patience_ms = 20_000


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests that need Chromium."""
    config.addinivalue_line("markers", "browser: drives a real Chromium against a running demo")


@dataclass(frozen=True)
class Shop:
    """The shop of a demo that was started for these tests, and its API to check against."""

    demo: Demo

    @property
    def url(self) -> str:
        return str(self.demo.told["shop"])

    def call(self, path: str) -> Any:
        answer = self.demo.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def balance(self, user: str) -> int:
        return int(self.call(f"/api/v1/users/{user}/wallet")["balance"])

    def payments(self, user: str) -> list[str]:
        return [payment["id"] for payment in self.call(f"/api/v1/payments?user={user}&limit=100")["data"]]

    def trigger(self, *words: str) -> None:
        answer = self.demo.till("trigger", *words)
        assert answer.returncode == 0, answer.stderr


@dataclass
class Desk:
    """One browser window; what goes wrong in it is written down."""

    page: Page
    pictures: Path
    wrong: list[str] = field(default_factory=list)

    def check_access(self, name: str) -> None:
        """Let axe look for what keeps people with disabilities out."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        for each in found:
            where = "; ".join(node["html"][:160] for node in each["nodes"][:3])
            self.wrong.append(f"{name}: {each['id']} ({each['help']}): {where}")
        self.wrong += [f"{name}: the id {each} stands twice" for each in self.page.evaluate(TWICE)]

    def picture(self, name: str) -> None:
        """Keep a picture, and check that nothing sticks out to the right."""
        # Hiding the caret would leave empty styles behind, which a strict page refuses when htmx copies them.
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True, caret="initial")
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.wrong.append(f"{name}: {wide} px stick out to the right")


OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    demo = Demo(tmp_path_factory.mktemp("browser") / "demo", command=(str(ROOT / "till"),))
    try:
        demo.start()
        yield Shop(demo)
    finally:
        demo.remove()


@pytest.fixture(scope="module")  # its loop would be in the way of asynchronous tests in the same process
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"Chromium is not here: install it, for example with apt-get install chromium ({CHROMIUM})")
    expect.set_options(timeout=patience_ms)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), env={**os.environ, **TONGUE})
        yield browser
        browser.close()


@pytest.fixture
def open_desk(chromium: Browser, tmp_path: Path) -> Iterator[OpenDesk]:
    """Open windows; at the end of the test, none of them may have seen anything go wrong."""
    desks: list[Desk] = []

    def open_one(**settings: Any) -> Desk:
        context = chromium.new_context(**({"viewport": WIDE, "locale": "en-GB"} | settings))
        context.set_default_timeout(patience_ms)
        desk = Desk(page=context.new_page(), pictures=tmp_path)
        context.on("console", lambda said: desk.wrong.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda error: desk.wrong.append(str(error.error)))
        desks.append(desk)
        return desk

    yield open_one
    for desk in desks:
        desk.page.context.close()
    print(f"pictures: {tmp_path}")  # noqa: T201 (shown with -s and when a test fails)
    assert [wrong for desk in desks for wrong in desk.wrong] == []
