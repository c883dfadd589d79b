"""The client against the whole application, over real sockets."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.web.conftest import TEMPLATE
from tests.web.running import Shop, opened

from tillkeeper.flows.authorize import issue
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper_client import AsyncClient, Client


@pytest.fixture(scope="module")
async def shop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for all tests of a file; each buys for users of its own."""
    name = f"client_{os.getpid()}"
    databases.clone(name, template=TEMPLATE)
    async with opened(databases.app_url(name), tmp_path_factory.mktemp("sandbox")) as shop:
        yield shop
    databases.drop(name)


@pytest.fixture(scope="module")
async def admin_key(shop: Shop) -> str:
    return (await issue(shop.till, "the client", scopes=["admin"]))[1]


@pytest.fixture
async def client(shop: Shop, admin_key: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(shop.url, admin_key) as client:
        yield client


@pytest.fixture
def waiting(shop: Shop, admin_key: str) -> Iterator[Client]:
    """Lend the client that waits; a test calls it from a thread, because the server runs in the loop."""
    with Client(shop.url, admin_key) as client:
        yield client
