"""The sandbox of every gateway, started once, and a trial for each test of the conformance suite."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.gateways.serving import Receiver, free_listener, serving
from tests.gateways.subject import SUBJECTS, Subject
from tests.gateways.trial import House, Trial, connect
from tests.gateways.wire import Wire

from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig


@pytest.fixture(scope="session", params=SUBJECTS)
def subject(request: Any) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    receiver = Receiver()
    (ears, heard_at), (door, url) = free_listener(), free_listener()
    books: Path = tmp_path_factory.mktemp("conformance") / "books.sqlite"
    config = SandboxConfig(
        books=books,
        public_url=url,
        keys={name: subject.key for name, subject in SUBJECTS.items()},
        webhook_urls={name: f"{heard_at}/webhooks/{name}" for name in SUBJECTS},
        webhook_secrets={name: subject.secret for name, subject in SUBJECTS.items()},
    )
    with serving(receiver, ears), serving(build(config), door):
        yield House(url, receiver)


@pytest.fixture
async def trial(subject: Subject, house: House) -> AsyncIterator[Trial]:
    wire = Wire(house.url, subject.signs_in)
    await wire.open()
    gateway = connect(subject, wire.base)
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield Trial(subject, gateway, wire, house, http, len(house.receiver.letters))
    await gateway.close()
    await wire.close()
