"""A real Square sandbox on a free port, a receiver for its webhooks, and the official client to drive it."""

import importlib.util
import json
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from square import Square as Client
from tests.gateways.serving import Receiver, free_listener, serving, until

from tillkeeper.gateway import Order
from tillkeeper.gateways.square import GATEWAY
from tillkeeper.gateways.square.adapter import Square
from tillkeeper.gateways.square.sandbox import SANDBOX
from tillkeeper.kernel import ids
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig

Validate = Callable[[str, dict[str, Any]], list[str]]


@dataclass
class Wire:
    """What the official client was answered: method, path and body of each call."""

    answers: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def note(self, response: Any) -> None:
        response.read()
        path = response.request.url.path.partition("/square")[2]
        self.answers.append((response.request.method, path, json.loads(response.content)))


@dataclass
class House:
    """One running sandbox, its controls and what it sent."""

    url: str
    secrets: dict[str, str]
    receiver: Receiver
    client: Client
    wire: Wire
    http: httpx2.Client
    books: Path

    @property
    def location(self) -> str:
        return self.secrets["SQUARE_LOCATION_ID"]

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def act(self, path: str, body: object = None) -> Any:
        """Act as the customer or in the dashboard."""
        return self.control("POST", f"square/{path}", body or {})

    def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Call the API by hand."""
        authorized = {"Authorization": f"Bearer {self.secrets['SQUARE_ACCESS_TOKEN']}", **headers}
        return self.http.request(method, f"{self.url}/square/v2/{path}", json=body, headers=authorized)

    def charge(self, *, amount: int = 1200, source: str = "cnon:card-nonce-ok", **more: Any) -> Any:
        """Charge a card by the official client."""
        key = more.pop("idempotency_key", None) or ids.text("attempt", ids.new())
        money: Any = {"amount": amount, "currency": "USD"}
        return self.client.payments.create(source_id=source, idempotency_key=key, amount_money=money, **more).payment

    def link(self, *, amount: int = 1200, note: str = "payment_note", **more: Any) -> Any:
        """Open a payment link by the official client."""
        price: Any = {"amount": amount, "currency": "USD"}
        quick: Any = {"name": "120 credits", "price_money": price, "location_id": self.location}
        options: Any = {"redirect_url": "https://shop.example/done?shop=1"}
        answer = self.client.checkout.payment_links.create(
            quick_pay=quick, checkout_options=options, payment_note=note, **more
        )
        return answer.payment_link

    def paid(self, **more: Any) -> str:
        """Pay a new link and return its payment."""
        paid: str = self.act(f"links/{self.link(**more).id}/pay")["id"]
        return paid

    def events(self) -> list[str]:
        """List what happened, oldest first."""
        sort: Any = {"sort": {"field": "DEFAULT", "order": "ASC"}}
        return [str(event.type) for event in self.client.events.search_events(query=sort).events or []]

    def line(self, payment: str) -> Any:
        """Read the books' line of a payment."""
        [line] = [line for line in self.control("GET", "books/square")["payments"] if line["payment"] == payment]
        return line


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], bool]], None]:
    return until


@pytest.fixture
def free_port() -> int:
    listener, _ = free_listener()
    port: int = listener.getsockname()[1]
    listener.close()
    return port


@dataclass
class Ears:
    """A receiver at its address."""

    receiver: Receiver
    url: str


@pytest.fixture
def ears() -> Iterator[Ears]:
    receiver = Receiver()
    listener, url = free_listener()
    with serving(receiver, listener):
        yield Ears(receiver, f"{url}/webhooks/square")


@pytest.fixture
def house(tmp_path: Path, ears: Ears) -> Iterator[House]:
    listener, url = free_listener()
    secrets = SANDBOX.invent(url) | {"SQUARE_WEBHOOK_URL": ears.url}
    books = tmp_path / "books.sqlite"
    config = SandboxConfig(books=books, public_url=url, secrets=secrets, webhook_urls={"square": ears.url})
    client = Client(token=secrets["SQUARE_ACCESS_TOKEN"], base_url=secrets["SQUARE_API_BASE"])
    carrier: Any = client._client_wrapper.httpx_client
    wire = Wire()
    carrier.httpx_client.event_hooks["response"].append(wire.note)
    with serving(build(config), listener), httpx2.Client() as http:
        yield House(url, secrets, ears.receiver, client, wire, http, books)
        carrier.httpx_client.close()


@pytest.fixture
async def square(house: House) -> AsyncIterator[Square]:
    """Connect to the sandbox."""
    opened = GATEWAY.connect(Secrets(house.secrets), mode="sandbox")
    assert isinstance(opened, Square)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def validate(oracles: Path) -> Validate:
    """Check a body against the schema of its name in Square's specification."""
    schemas = str(next((oracles / "specs" / "square").glob("*.json")))
    spec = importlib.util.spec_from_file_location("oracle_validate", oracles / "validate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings():
        # The oracle leaves the file that it reads to the garbage collector; read it once, here.
        warnings.simplefilter("ignore", ResourceWarning)
        module.validate(schemas, "Money", {})

    def check(schema: str, thing: dict[str, Any]) -> list[str]:
        errors: list[str] = module.validate(schemas, schema, thing)
        return [f"{schema}: {error}" for error in errors]

    return check


def an_order(**change: Any) -> Order:
    """Write an order for 12.00 USD."""
    now = datetime.now(UTC)  # noqa: TID251 (a real server hears it)
    wanted: dict[str, Any] = {
        "payment": ids.new(),
        "key": ids.text("attempt", ids.new()),
        "amount": 1200,
        "currency": "USD",
        "title": "120 credits",
        "return_url": "https://shop.example/done",
        "manual_capture": False,
        "embedded": False,
        "created_at": now,
        "expires_at": (now + timedelta(hours=1)).replace(microsecond=0),
    }
    return Order(**wanted | change)
