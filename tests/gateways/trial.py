"""One gateway on trial: its adapter, a wire that can fail, its sandbox behind, and the webhooks that came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from tests.gateways.serving import Letter, Receiver
from tests.gateways.subject import MONEY, Json, Line, Subject
from tests.gateways.wire import Wire

from tillkeeper import gateways
from tillkeeper.facts import LineKind, Notice, NoticeKind, SettlementLine
from tillkeeper.gateway import (
    Absent,
    Accepted,
    Connector,
    CustomerOrder,
    Evidence,
    Feature,
    Gateway,
    Order,
    Outcome,
    RefundOrder,
)
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox_kit.books import Books
from tillkeeper.sandbox_kit.stand import Desk, Stand

patience_seconds = 15
clock_second = timedelta(seconds=1)
PAYING = frozenset({NoticeKind.PAYMENT_APPROVED, NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_CAPTURED})


@dataclass(frozen=True)
class House:
    """The sandbox of every gateway with made-up credentials, and the receiver of all their webhooks."""

    url: str
    books: Path
    receiver: Receiver
    heard_at: str
    secrets: Mapping[str, str]

    def environment(self, name: str, base: str) -> dict[str, str]:
        """Name the variables that connect to a gateway's imitation by way of another address."""
        stand = stand_of(name)
        invented = stand.invent(base)
        return invented | {variable: self.secrets[variable] for variable in stand.variables}

    def webhook_url(self, name: str) -> str:
        return f"{self.heard_at}/webhooks/{name}"

    def sign(
        self, name: str, body: bytes, at: datetime, *, event: str = "evt_of_the_suite", **other_secrets: str
    ) -> dict[str, str]:
        """Sign a body as the gateway would; header names come in lower case, as a server hands them over.

        The event's id is given where a gateway tells it in a header.
        """
        books = Books(self.books)
        desk = Desk(name, books, {**self.secrets, **other_secrets}, "", self.url, self.webhook_url(name))
        made = stand_of(name).sign(desk, event, body, int(at.timestamp()))
        books.close()
        return {header.lower(): value for header, value in made.items()}


@dataclass(frozen=True)
class Paid:
    """A payment after its customer acted; `reference` is the gateway's name for the money."""

    order: Order
    opened: Accepted
    reference: str


@dataclass
class Trial:
    """Play everybody around one adapter."""

    subject: Subject
    gateway: Gateway
    wire: Wire
    house: House
    http: httpx2.AsyncClient
    heard_before: int = 0
    began: datetime = field(default_factory=clock.now)

    async def act(self, path: str, body: Json | None = None) -> Json:
        """Act as the customer or in the dashboard."""
        answer = await self.http.post(f"{self.house.url}/_control/{self.subject.name}/{path}", json=body or {})
        assert answer.status_code == 200, answer.text
        done: Json = answer.json()
        return done

    def order(self, **change: Any) -> Order:
        """Write an order for something that costs the usual price."""
        now = clock.now()
        order = Order(
            payment=ids.new(),
            key=ids.text("attempt", ids.new()),
            amount=self.subject.amount,
            currency=self.subject.currency,
            title="120 credits",
            return_url="https://shop.example/done",
            manual_capture=False,
            embedded=False,
            created_at=now,
            expires_at=(now + timedelta(hours=1)).replace(microsecond=0),
        )
        return replace(order, **change)

    async def opened(self, order: Order) -> Accepted:
        """Open a checkout."""
        outcome = await self.gateway.create(order)
        assert isinstance(outcome, Accepted), outcome
        return outcome

    async def paid(self, **change: Any) -> Paid:
        """Open a checkout and pay; what is only approved at this gateway is taken, as our flows do it."""
        order = self.order(**change)
        if order.manual_capture and Feature.HOSTED_MANUAL_CAPTURE not in self.gateway.features:
            order = replace(order, embedded=True)
        opened = await self.opened(order)
        brought = await self.subject.pay(self.act, opened)
        place = next(iter(opened.references), None)
        if brought:
            [notice] = in_payment(notices(await self.gateway.confirm(order, place, brought)))
        else:
            notice = await self.money(order, opened)
        if notice.kind is NoticeKind.PAYMENT_APPROVED:
            [notice] = in_payment(notices(await self.gateway.confirm(order, place, {})))
        return Paid(order, opened, notice.references[0])

    async def money(self, order: Order, opened: Accepted) -> Notice:
        """Wait for the webhook that says that the customer has paid."""
        await until(lambda: any(fact.kind in PAYING for fact in self.about(order, opened.references)))
        return next(fact for fact in self.about(order, opened.references) if fact.kind in PAYING)

    async def told(self, reference: str) -> list[Notice]:
        """Ask the gateway what became of a payment."""
        return in_payment(notices(await self.gateway.retrieve(reference)))

    async def kinds(self, reference: str) -> list[NoticeKind]:
        """Ask the same, for the kinds of the facts only."""
        return [notice.kind for notice in await self.told(reference)]

    def refund_order(self, paid: Paid, amount: int) -> RefundOrder:
        """Write an order to give money back."""
        return RefundOrder(
            payment=paid.order.payment,
            refund=ids.new(),
            key=new_key("refund"),
            reference=paid.reference,
            amount=amount,
            currency=paid.order.currency,
        )

    def customer_order(self) -> CustomerOrder:
        """Write an order to make a customer known."""
        return CustomerOrder(customer=ids.new(), key=new_key("customer"), email="ana@shop.example", name="Ana")

    async def move(self, kind: LineKind, reference: str) -> None:
        """Cause a movement in the gateway's own dashboard."""
        made = ""
        for path, body in self.subject.moves[kind]:
            wish = {name: reference if value == MONEY else value for name, value in body.items()}
            done = await self.act(path.format(id=made), wish)
            made = done.get("id") or done.get("dispute_id") or next((each["id"] for each in done.get("data", [])), "")

    def span(self) -> tuple[datetime, datetime]:
        """Tell the time that the trial has taken so far, in whole seconds."""
        return self.began.replace(microsecond=0), clock.now().replace(microsecond=0) + clock_second

    async def account(self, since: datetime, until: datetime) -> list[SettlementLine]:
        """Read the gateway's account of us to its end; every line of it can be read."""
        found, after, more = list[SettlementLine](), None, True
        while more:
            page = await self.gateway.settlement(since, until, after)
            assert page.unread == ()
            found += page.lines
            after, more = page.after, page.after is not None
        return found

    async def settlement_file(self) -> bytes:
        """Download the file that the gateway's dashboard offers."""
        answer = await self.http.get(f"{self.house.url}/_control/{self.subject.name}/settlement_file")
        assert answer.status_code == 200, answer.text
        return answer.content

    async def line(self, order: Order) -> Line:
        """Read what the gateway's own books say of a payment."""
        answer = await self.http.get(f"{self.house.url}/_control/books/{self.subject.name}")
        return self.subject.line(answer.json(), order)

    def sign(self, body: bytes, at: datetime | None = None, **other_secrets: str) -> dict[str, str]:
        """Sign a body as the gateway does, now unless another time is given."""
        return self.house.sign(self.subject.name, body, at or clock.now(), **other_secrets)

    def letters(self) -> list[Letter]:
        """List the webhooks of this gateway that came since this trial began."""
        path = f"/webhooks/{self.subject.name}"
        return [letter for letter in self.house.receiver.letters[self.heard_before :] if letter.path == path]

    def facts(self) -> list[Notice]:
        """Translate all of them."""
        return [fact for letter in self.letters() for fact in self.gateway.translate(letter.body)]

    def about(self, order: Order, references: Iterable[str]) -> list[Notice]:
        """List what webhooks have told of one payment so far."""
        names = {*references}
        return [fact for fact in self.facts() if fact.payment == order.payment or names & {*fact.references}]

    async def hear(self, wanted: Iterable[NoticeKind], order: Order, references: Iterable[str]) -> list[Notice]:
        """Wait until webhooks have told all these kinds of facts about one payment; return every fact about it."""
        kinds_wanted, names = {*wanted}, [*references]
        await until(lambda: kinds_wanted <= {fact.kind for fact in self.about(order, names)})
        return self.about(order, names)

    async def post_is_empty(self) -> None:
        """Wait until the sandbox owes no webhook any more."""
        async with asyncio.timeout(patience_seconds):
            while True:
                answer = await self.http.get(f"{self.house.url}/_control/webhooks")
                if all(delivery["state"] == "delivered" for delivery in answer.json()["data"]):
                    return
                await asyncio.sleep(0.05)

    async def a_letter(self) -> Letter:
        """Cause a payment, and lend one webhook about it."""
        await self.paid()
        await until(lambda: bool(self.letters()))
        return self.letters()[0]


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(patience_seconds):
        while not true():  # noqa: ASYNC110 (what a thread received is looked at)
            await asyncio.sleep(0.02)


def connector_of(subject: Subject) -> Connector:
    """Find what connects to a gateway."""
    return next(each for each in gateways.connectors() if each.name == subject.name)


@cache
def stand_of(name: str) -> Stand:
    """Find the imitation of a gateway."""
    return next(each for each in gateways.stands() if each.name == name)


def connect(subject: Subject, environment: Mapping[str, str]) -> Gateway:
    """Open a gateway."""
    return connector_of(subject).connect(Secrets(environment), mode="sandbox")


def new_key(prefix: str) -> str:
    """Make a key for one call."""
    return ids.text(prefix, ids.new())


def notices(outcome: Outcome | Absent) -> list[Notice]:
    """Read what an accepted call told."""
    assert isinstance(outcome, Accepted), outcome
    return list(outcome.notices)


def is_of(notice: Notice, paid: Paid) -> bool:
    """Tell whether a notice leads to a payment: by our own id, or by a name that the gateway gave it."""
    return notice.payment == paid.order.payment or bool(
        {paid.reference, *paid.opened.references} & {*notice.references}
    )


def in_payment(found: Iterable[Notice]) -> list[Notice]:
    """Leave out what is told beside the payment itself: the fee."""
    return [notice for notice in found if notice.kind is not NoticeKind.PAYMENT_FEE]


def kinds(outcome: Outcome | Absent) -> list[NoticeKind]:
    """Read which kinds of facts it told."""
    return [notice.kind for notice in in_payment(notices(outcome))]


Verb = Callable[[Trial], Awaitable[Any]]


async def _create(trial: Trial) -> Any:
    return await trial.gateway.create(trial.order())


async def _events(trial: Trial) -> Any:
    return await trial.gateway.events(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


async def _settlement(trial: Trial) -> Any:
    return await trial.gateway.settlement(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), None)


async def _capture(trial: Trial) -> Any:
    subject = trial.subject
    return await trial.gateway.capture(subject.absent, subject.amount, subject.currency, "a-capture")


def _refund_order(trial: Trial) -> RefundOrder:
    return trial.refund_order(Paid(trial.order(), Accepted(), trial.subject.absent), trial.subject.amount)


EVIDENCE = Evidence(
    statement="She played for an hour.",
    delivery="120 credits were delivered (at once) to “ana”.",
    usage="credits spent\n" * 300,
    customer_name="Ana",
    customer_email="ana@shop.example",
    delivered_on="2026-11-21",
)
"""More than fits into one text of the gateway that takes the shortest ones."""
VERBS: Mapping[str, Verb] = {
    "create": _create,
    "capture": _capture,
    "cancel": lambda trial: trial.gateway.cancel(trial.subject.absent, "a-cancellation"),
    "refund": lambda trial: trial.gateway.refund(_refund_order(trial)),
    "look_up": lambda trial: trial.gateway.look_up(trial.order()),
    "look_up_refund": lambda trial: trial.gateway.look_up_refund(_refund_order(trial)),
    "confirm": lambda trial: trial.gateway.confirm(trial.order(), trial.subject.absent, {}),
    "create_customer": lambda trial: trial.gateway.create_customer(trial.customer_order()),
    "fetch_fee": lambda trial: trial.gateway.fetch_fee(trial.subject.absent),
    "submit_evidence": lambda trial: trial.gateway.submit_evidence(trial.subject.absent, EVIDENCE, "an-answer"),
    "accept_dispute": lambda trial: trial.gateway.accept_dispute(trial.subject.absent, "an-answer"),
    "retrieve_dispute": lambda trial: trial.gateway.retrieve_dispute(trial.subject.absent),
    "retrieve": lambda trial: trial.gateway.retrieve(trial.subject.absent),
    "events": _events,
    "settlement": _settlement,
}
"""Every call that an adapter makes, about something that need not be there."""
