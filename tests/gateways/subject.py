"""What the conformance suite must be told of a gateway: one file each, `tests/gateways/<name>/subject.py`.

It ends with `SUBJECT = …` and is found by being there; nothing else is edited for a new gateway.
"""

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Any, Protocol

import pytest

from tillkeeper import gateways
from tillkeeper.facts import LineKind
from tillkeeper.gateway import Accepted, Feature, Order

Json = dict[str, Any]
Act = Callable[..., Awaitable[Json]]
"""Post to a control verb of the gateway's sandbox: `await act("sessions/cs_1/pay", {"copies": 2})`."""


class Habit(StrEnum):
    """Name what the suite expects beside the features that the contract names; a subject lists what is missing."""

    VOID = "money that was set aside can be let go"
    END_CHECKOUT = "an open checkout can be ended"
    KEYED_CREATE = "a key opens one checkout only"
    FINDS_CHECKOUTS = "a checkout that was never opened can be told from one that was"
    SAYS_LISTS = "an answer with nothing in it is not a list without entries"
    NAMES_EVENTS = "the list of events has the ids that webhooks have"
    DECLINES_TOLD = "a declined attempt is told by a webhook"
    SIGNED_TIME = "a webhook is signed with the time at which it is sent"
    SHARED_SECRET = "webhooks are signed with a secret that can be rotated"
    LIVE_KEYS = "its keys say whether they are live"
    DISPUTES = "disputes are told by webhooks"
    PAYOUTS = "payouts are told by webhooks"
    MEMBERS = "settlement lines say which payout took them along"
    CARRIED = "settlement lines carry our own id"


Trait = Feature | Habit
MONEY = "the name of the captured money"
Moves = Mapping[LineKind, Sequence[tuple[str, Json]]]
"""Control verbs that cause a movement, one after the other; `{id}` is that of what the verb before made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold what the sandbox's own books say of one payment, in ISO 4217 minor units."""

    captured: int
    refunded: int
    disputed: int
    fee: int
    charges: int
    """How often money was taken or set aside: more than one is what must never happen."""


class Subject(Protocol):
    """Play the customer, the dashboard and the bookkeeper at one gateway's sandbox."""

    name: str
    lacks: frozenset[Trait]
    secret_name: str
    """The variable of what signs webhooks; `_PREVIOUS` and `_PREVIOUS_UNTIL` are added for a rotation."""
    signature_headers: Sequence[str]
    """In lower case: each of them is needed for a webhook to verify."""
    live_keys: Mapping[str, str]
    """Variables with the keys of a live account; empty where keys do not tell."""

    absent: str
    """What money could be called there, and none is."""

    amount: int
    """A usual price, in minor units of `currency`; it can be refunded in parts."""
    currency: str
    exact: Sequence[tuple[int, str]]
    """Amounts that the gateway takes exactly: with 0, 2 and 3 decimals as far as it knows such currencies."""
    inexact: Sequence[tuple[int, str]]
    """Amounts that it cannot take exactly, or whose currency it does not know."""

    moves: Moves
    """What else can move the balance, in the dashboard; in the body, MONEY stands for the name of captured money."""

    def in_parts(self, patch: pytest.MonkeyPatch, size: int) -> None:
        """Have the adapter read its account in parts of so many lines."""

    def hurry(self, patch: pytest.MonkeyPatch, seconds: int) -> None:
        """Shorten the time after which the adapter gives a silent gateway up."""

    def signs_in(self, path: str) -> bool:
        """Tell whether a call only fetches a token; the suite's faults spare such calls."""

    async def pay(self, act: Act, opened: Accepted) -> Mapping[str, str]:
        """Pay as the customer; with manual capture the money is set aside. Return what the browser then brings us."""

    async def decline(self, act: Act, opened: Accepted) -> None:
        """Try a card that is declined."""

    async def authenticate(self, act: Act, opened: Accepted) -> None:
        """Pay with a card whose bank wants to see the customer, who passes."""

    async def abandon(self, act: Act, opened: Accepted) -> None:
        """Close the tab."""

    async def refund(self, act: Act, reference: str, amount: int, currency: str) -> None:
        """Refund in the gateway's dashboard; `reference` is the name of the money, `amount` in minor units."""

    async def dispute(self, act: Act, reference: str) -> str:
        """Let the customer's bank take back what was not refunded of a payment; return the dispute's name."""

    async def decide(self, act: Act, dispute: str, *, won: bool) -> None:
        """Let the bank decide a dispute."""

    async def pay_out(self, act: Act) -> None:
        """Run a settlement, at once and with everything in it."""

    def line(self, books: Json, order: Order) -> Line:
        """Find a payment in `/_control/books/<name>`; all zero where nobody tried to pay."""


def subjects() -> dict[str, Subject]:
    """Find the subject of every gateway; the suite says which gateways have none."""
    found = ((connector.name, f"{FOLDER}.{connector.name}.subject") for connector in gateways.connectors())
    return {name: importlib.import_module(where).SUBJECT for name, where in found if find_spec(where)}


FOLDER = __name__.rpartition(".")[0]
SUBJECTS = subjects()


def having(*traits: Trait) -> pytest.MarkDecorator:
    """Run a test with every gateway that has all these features and habits."""
    names = [name for name, subject in SUBJECTS.items() if not subject.lacks & {*traits}]
    return pytest.mark.parametrize("subject", names, indirect=True)
