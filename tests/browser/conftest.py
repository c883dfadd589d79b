"""A running demo and a real Chromium; every page that is visited must be free of errors and fit its window."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

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
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
ready_timeout_seconds = 90
stop_timeout_seconds = 30
patience_ms = 20_000


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests that need Chromium."""
    config.addinivalue_line("markers", "browser: drives a real Chromium against a running demo")


@dataclass(frozen=True)
class Demo:
    """A demo that was started for these tests, and how to reach it."""

    shop: str
    api: str
    key: str
    data_dir: Path

    def call(self, path: str) -> Any:
        answer = httpx2.get(f"{self.api}{path}", headers={"Authorization": f"Bearer {self.key}"}, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def balance(self, user: str) -> int:
        return int(self.call(f"/api/v1/users/{user}/wallet")["balance"])

    def payments(self, user: str) -> list[str]:
        return [payment["id"] for payment in self.call(f"/api/v1/payments?user={user}&limit=100")["data"]]

    def trigger(self, *words: str) -> str:
        command = [str(ROOT / "till"), "trigger", *words, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@dataclass
class Desk:
    """One browser window; what goes wrong in it is written down."""

    page: Page
    pictures: Path
    wrong: list[str] = field(default_factory=list)

    def picture(self, name: str) -> None:
        """Keep a picture, and check that nothing sticks out to the right."""
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.wrong.append(f"{name}: {wide} px stick out to the right")


OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data_dir = tmp_path_factory.mktemp("demo")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = data_dir / "demo.log"
    with log.open("wb") as out:
        command = [str(ROOT / "till"), "demo", "--port", str(port), "--data-dir", str(data_dir)]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        told = await_demo(process, data_dir / "demo.json", log)
        yield Demo(shop=told["shop"], api=told["api"], key=told["key"], data_dir=data_dir)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(stop_timeout_seconds)


def await_demo(process: "subprocess.Popen[bytes]", told: Path, log: Path) -> dict[str, str]:
    """Wait until the demo has written down where it is."""
    for _ in range(ready_timeout_seconds * 10):
        if told.exists():
            found: dict[str, str] = json.loads(told.read_text())
            return found
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"The demo did not become ready:\n{log.read_text()}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"Chromium is not here: install it, for example with apt-get install chromium ({CHROMIUM})")
    expect.set_options(timeout=patience_ms)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
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
