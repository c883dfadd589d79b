"""One of the merchant's people in front of a browser that keeps cookies."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyotp
from tests.web.conftest import Front

from tillkeeper.access import staff
from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import employ
from tillkeeper.flows.sign_in import recognise
from tillkeeper.kernel import clock
from tillkeeper.till import Till
from tillkeeper.web import cookie

SESSION = "/api/v1/session"


@dataclass(frozen=True)
class Browser:
    """Hold what somebody knows, and what the browser keeps for them."""

    front: Front
    id: UUID
    email: str
    password: str
    token: str = ""
    form_token: str = ""

    async def call(self, method: str, path: str, content: object = b"", **more: str) -> Any:
        """Send one request as a page of ours would, unless other headers are given."""
        sent = content if method in {"POST", "PUT", "PATCH"} else b""
        headers = {
            "Cookie": f"{cookie.NAME}={self.token}",
            "X_CSRF_Token": self.form_token,
            "Origin": "http://till.test",
            "Sec_Fetch_Site": "same-origin",
        } | more
        return await self.front.call(method, path, sent, key="", **headers)

    async def again(self) -> "Browser":
        """Begin one more session, without the slow password."""
        till = self.front.till
        async with till.db.transaction() as tx:
            member = await staff.find(tx, self.email)
            token = await staff.begin(tx, member, till.now())
        session = await recognise(till, token)
        return replace(self, token=token, form_token=cookie.form_token(session, till.settings))

    async def sign_in(self, **more: Any) -> Any:
        """Try to sign in."""
        wish = {"email": self.email, "password": self.password} | more
        return await self.front.call("POST", SESSION, wish, key="")

    async def enter(self, **more: Any) -> "Browser":
        """Sign in and keep the cookie."""
        return self.keep(await self.sign_in(**more))

    def keep(self, answer: Any) -> "Browser":
        """Take over what an answer begins."""
        assert answer.status_code in {200, 201}, answer.text
        return replace(self, token=answer.cookies[cookie.NAME], form_token=answer.json()["csrf_token"])


async def hire(front: Front, email: str, *, role: Role) -> Browser:
    """Take somebody in who has not signed in yet."""
    made, password = await employ(front.till, email, role=role)
    return Browser(front, made, email, password)


async def browse(front: Front, email: str, *, role: Role) -> Browser:
    """Take somebody in and begin a session, without a password that would take a third of a second to hash."""
    async with front.till.db.transaction() as tx:
        member = await staff.add(tx, email, role=role, password="", at=front.till.now())
    return await Browser(front, member.id, email, "").again()


async def signed_in(till: Till, email: str, *, role: Role, minutes: int) -> dict[str, str]:
    """Lend the headers of somebody who gave the password some minutes ago; whoever is new is taken in."""
    async with till.db.transaction(read_only=True) as tx:
        known = await staff.look_up(tx, email)
    if not known:
        await employ(till, email, role=role)
    async with till.db.transaction() as tx:
        member = await staff.find(tx, email)
        token = await staff.begin(tx, member, till.now() - timedelta(minutes=minutes))
    session = await recognise(till, token)
    return {"Cookie": f"{cookie.NAME}={token}", "X-CSRF-Token": cookie.form_token(session, till.settings)}


def code_of(secret: str, *, later_seconds: int = 0) -> str:
    """Read the code that an app shows."""
    return pyotp.TOTP(secret).at(int(clock.now().timestamp()) + later_seconds)
