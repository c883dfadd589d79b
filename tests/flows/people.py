"""One of the merchant's people in front of the door, with or without an app that shows codes."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pyotp

from tillkeeper.access.limits import Meter
from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import employ, offer_second_factor, use_second_factor
from tillkeeper.flows.sign_in import Proof, sign_in
from tillkeeper.kernel import clock
from tillkeeper.till import Till

EMAIL = "finn@example.com"


@dataclass
class Person:
    """Hold what somebody knows and has; every try is from a new process, so that limits are those of the database."""

    till: Till
    id: Any
    password: str
    secret: str = ""
    recovery: list[str] = field(default_factory=list)

    def code(self, at: datetime | None = None) -> str:
        """Read the code that the app shows."""
        return pyotp.TOTP(self.secret).at((at or clock.now()).timestamp().__trunc__())

    async def enter(self, *, till: Till | None = None, **given: Any) -> str:
        """Try to sign in."""
        email = given.pop("email", EMAIL)
        return await sign_in(till or self.till, Meter(), email, self.proof(**given))

    def proof(self, **given: Any) -> Proof:
        """Show what somebody knows."""
        return Proof(**{"password": self.password, "address": "192.0.2.1"} | given)


def later(till: Till, **passed: int) -> Till:
    """Lend the till as it is after some time."""
    return replace(till, now=lambda: clock.now() + timedelta(**passed))


async def hire(till: Till, *, role: Role = Role.FINANCE) -> Person:
    """Take somebody in."""
    made, password = await employ(till, EMAIL, role=role)
    return Person(till, made, password)


async def equip(person: Person) -> None:
    """Give somebody a second factor; its code of this moment is used up by that."""
    person.secret = await offer_second_factor(person.till, person.id)
    person.recovery = await use_second_factor(person.till, person.id, person.code())
