"""The sandbox of every gateway, started once, and a trial for each test of the conformance suite."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from tests.gateways import counter as counters
from tests.gateways.counter import Counter
from tests.gateways.serving import Receiver, free_listener, serving
from tests.gateways.subject import SUBJECTS, Subject
from tests.gateways.trial import House, Trial, connect
from tests.gateways.wire import Wire

from tillkeeper import gateways
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig


@pytest.fixture(scope="session", params=SUBJECTS)
def subject(request: Any) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    receiver = Receiver()
    (ears, heard_at), (door, url) = free_listener(), free_listener()
    books = tmp_path_factory.mktemp("conformance") / "books.sqlite"
    secrets = {name: value for stand in gateways.stands() for name, value in stand.invent(url).items()}
    house = House(url, books, receiver, heard_at, secrets)
    config = SandboxConfig(
        books=books, public_url=url, secrets=secrets, webhook_urls={name: house.webhook_url(name) for name in SUBJECTS}
    )
    with serving(receiver, ears), serving(build(config), door):
        yield house


@pytest.fixture
async def trial(subject: Subject, house: House) -> AsyncIterator[Trial]:
    wire = Wire(house.url, subject.signs_in)
    await wire.open()
    gateway = connect(subject, house.environment(subject.name, wire.base))
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield Trial(subject, gateway, wire, house, http, len(house.receiver.letters))
    await gateway.close()
    await wire.close()


@pytest.fixture
async def counter(trial: Trial, database_url: str, owner_url: str) -> AsyncIterator[Counter]:
    async with counters.opened(trial, database_url, owner_url) as counter:
        yield counter
