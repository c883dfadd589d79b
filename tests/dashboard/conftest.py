"""The pages of the dashboard on the shop of the flow tests, and somebody of each role in front of them."""

import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from tests.flows.conftest import line, plain_logs, shop, till

from tillkeeper.access import staff
from tillkeeper.access.staff import Role
from tillkeeper.till import Till
from tillkeeper.web import cookie
from tillkeeper.web.app import build

__all__ = ["line", "plain_logs", "shop", "till"]

PASSWORD = "everybody here has this password"
HASH = PasswordHasher().hash(PASSWORD)
"""Made once: a hash takes a third of a second, as it should, and not for each of some hundred people."""
ORIGIN = {"Origin": "http://till.test", "Sec-Fetch-Site": "same-origin"}
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
TAGS = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Seat:
    """Somebody who is signed in, in a browser without scripts."""

    http: httpx2.AsyncClient
    email: str
    password: str = ""

    async def get(self, path: str, **query: str) -> Any:
        """Look at a page."""
        return await self.http.get(f"/admin{path}", params=query or None)

    async def read(self, path: str, **query: str) -> str:
        """Look at a page that must be there, and read its words."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return words(answer.text)

    async def post(self, path: str, /, **fields: str) -> Any:
        """Open a dialog, fill it in and send it; what follows is not looked at yet."""
        return await self.send(path, await self.hidden(path), **fields)

    async def hidden(self, path: str) -> dict[str, str]:
        """Read what the form of a dialog carries unseen."""
        found: dict[str, str] = {}
        for form in re.findall(r"<form.*?</form>", (await self.get(path)).text, re.DOTALL):
            fields = {name: html.unescape(value) for name, value in HIDDEN.findall(form)}
            found = fields if "key" in fields else found or fields
        return found

    async def send(self, path: str, hidden: dict[str, str], /, **fields: str) -> Any:
        """Send a form as it is."""
        return await self.http.post(f"/admin{path}", data=hidden | fields, headers=ORIGIN)

    async def told(self, answer: Any) -> str:
        """Follow to where an action leads, and read the words of that page."""
        assert answer.status_code == 303, words(answer.text)
        followed = await self.http.get(answer.headers["location"])
        assert followed.status_code == 200, followed.text
        return words(followed.text)


def words(text: str) -> str:
    """Read what a page says, without its tags."""
    return " ".join(html.unescape(TAGS.sub(" ", text)).split())


def window(till: Till) -> httpx2.AsyncClient:
    """Open a browser window in which nobody is signed in."""
    transport = httpx2.ASGITransport(app=build(till), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://till.test")


@pytest.fixture
async def desk_of(shop: Any) -> AsyncIterator[Callable[..., Awaitable[Seat]]]:
    """Sign somebody of a role in, who gave the password some minutes ago."""
    opened: list[httpx2.AsyncClient] = []

    async def sit(role: str, *, minutes: int = 0) -> Seat:
        email = f"{role}-{len(opened)}@example.com"
        async with shop.till.db.transaction() as tx:
            member = await staff.add(tx, email, role=Role(role), password=HASH, at=shop.till.now())
            token = await staff.begin(tx, member, shop.till.now() - timedelta(minutes=minutes))
        http = window(shop.till)
        http.cookies.set(cookie.NAME, token)
        opened.append(http)
        return Seat(http, email, PASSWORD)

    yield sit
    for http in opened:
        await http.aclose()
