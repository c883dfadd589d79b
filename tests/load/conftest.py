"""Log as the application does: pictures of tracebacks take a second each."""

import pytest

from tillkeeper.kernel import logs


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    logs.configure()
