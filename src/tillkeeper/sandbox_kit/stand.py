"""What a gateway's sandbox offers its host, and what the host lends it."""

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.routing import BaseRoute

from tillkeeper.sandbox_kit import clock
from tillkeeper.sandbox_kit.books import Books, Change, Json

ALPHABET = string.ascii_letters + string.digits


def token(length: int) -> str:
    """Make letters and digits that nobody can guess."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))


@dataclass(frozen=True, slots=True)
class Desk:
    """All that one imitated gateway may touch."""

    gateway: str
    books: Books
    secrets: Mapping[str, str]
    merchant: str
    public_url: str
    webhook_url: str | None

    @property
    def hooked(self) -> bool:
        """Say whether anybody listens to this gateway's webhooks."""
        return self.webhook_url is not None

    def now(self) -> int:
        """Read the gateway's clock in Unix seconds."""
        return clock.now() + self.books.dial.clock_ahead_seconds


@dataclass(frozen=True, slots=True)
class Verb:
    """Document one control verb; the documentation page shows the body as a curl example."""

    method: str
    path: str
    says: str
    body: str = ""


class Stand(Protocol):
    """One gateway's imitation, as the host mounts it."""

    name: str
    title: str
    """How people know the gateway."""
    verbs: Sequence[Verb]
    checkout: str
    """Where the verbs of a hosted checkout are: `{checkout}/{gateway_reference}/pay`, decline and the rest."""
    currency: str
    """The currency of its test account."""
    money: str
    """What its verbs `refunds` and `disputes` call the money that was captured."""
    variables: Sequence[str]
    """The variables that hold its test credentials; all of them are needed to open it."""

    def invent(self, url: str) -> dict[str, str]:
        """Invent test credentials, and say where an adapter finds this imitation on a host at `url`."""

    def routes(self, desk: Desk) -> list[BaseRoute]:
        """List the wire and the pages, mounted under `/{name}`."""

    def control(self, desk: Desk) -> list[BaseRoute]:
        """List what a test may do as the customer or the gateway, mounted under `/_control/{name}`."""

    def sign(self, desk: Desk, event: str, body: bytes, at: int) -> dict[str, str]:
        """Make the headers under which the webhook of an event is sent at a Unix second."""

    def report(self, change: Change) -> Json:
        """Lay open the books for an oracle."""

    def tick(self, desk: Desk) -> None:
        """Do what time alone brings about, such as expiry."""
