"""The two clients: one that waits, and one that lets others go on meanwhile."""

from types import TracebackType
from typing import Self

import httpx2

from tillkeeper_client.calls import retries_max
from tillkeeper_client.operations import AsyncOperations, Operations
from tillkeeper_client.transport import AsyncTransport, Transport

timeout_seconds = 30


class Client(Operations):
    """Call Tillkeeper; close it at the end, or use it in a `with` block.

    `key` is a secret key, a publishable key or the token of an end user. What fails in passing is tried again up to
    `retries` times, under the same Idempotency-Key.
    """

    def __init__(self, url: str, key: str, *, timeout: float = timeout_seconds, retries: int = retries_max) -> None:
        self._http = httpx2.Client(base_url=url, timeout=timeout)
        super().__init__(Transport(self._http, key, retries))

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(AsyncOperations):
    """Call Tillkeeper without keeping others waiting; close it, or use it in an `async with` block.

    What it takes and does is what `Client` takes and does.
    """

    def __init__(self, url: str, key: str, *, timeout: float = timeout_seconds, retries: int = retries_max) -> None:
        self._http = httpx2.AsyncClient(base_url=url, timeout=timeout)
        super().__init__(AsyncTransport(self._http, key, retries))

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
