"""The least that taking webhooks in can be: check Stripe's signature, read id and type, store the body once, answer.

It is a bare ASGI application with two writers, each of which stores what came during the commit before. Nothing is
encrypted, no digest is kept, nobody's requests are counted, no copy is written down, and no worker is woken.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import asyncpg
import msgspec

from tillkeeper.ops.bench.least.serving import serve

batch_max = 100
writers = 2
STORE = """
INSERT INTO bench_arrival (event, type, body) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])
ON CONFLICT DO NOTHING RETURNING event"""
ACCEPTED, COPY, FORGED = b'{"status":"accepted"}', b'{"status":"duplicate"}', b'{"error":"signature_invalid"}'

Parts = MutableMapping[str, Any]


class Head(msgspec.Struct):
    """Hold what is read of an event."""

    id: str
    type: str


HEAD = msgspec.json.Decoder(Head)


@dataclass(slots=True)
class Intake:
    """Hold what waits to be stored."""

    database_url: str
    secret: bytes
    waiting: asyncio.Queue[tuple[Head, bytes, asyncio.Future[bool]]] = field(default_factory=asyncio.Queue)
    writing: list[asyncio.Task[None]] = field(default_factory=list)

    async def __call__(
        self, scope: Parts, receive: Callable[[], Awaitable[Parts]], send: Callable[[Parts], Awaitable[None]]
    ) -> None:
        """Answer one request, or run for as long as the server does."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        heard = await receive()
        body: bytes = heard["body"]
        while heard["more_body"]:
            heard = await receive()
            body += heard["body"]
        status, answer = 400, FORGED
        if self._is_signed(dict(scope["headers"])[b"stripe-signature"], body):
            stored = asyncio.get_running_loop().create_future()
            self.waiting.put_nowait((HEAD.decode(body), body, stored))
            status, answer = 200, ACCEPTED if await stored else COPY
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _is_signed(self, given: bytes, body: bytes) -> bool:
        parts = dict(part.split(b"=", 1) for part in given.split(b","))
        right = hmac.new(self.secret, parts[b"t"] + b"." + body, sha256).hexdigest().encode()
        return hmac.compare_digest(right, parts[b"v1"])

    async def _live(self, receive: Callable[[], Awaitable[Parts]], send: Callable[[Parts], Awaitable[None]]) -> None:
        await receive()
        async with asyncpg.create_pool(self.database_url, min_size=writers, max_size=writers) as pool:
            self.writing += [asyncio.create_task(self._write(pool)) for _ in range(writers)]
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for task in self.writing:
                task.cancel()
            await asyncio.gather(*self.writing, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _write(self, pool: asyncpg.Pool) -> None:
        async with pool.acquire() as connection:
            store = await connection.prepare(STORE)
            while True:
                batch = [await self.waiting.get()]
                while len(batch) < batch_max and not self.waiting.empty():
                    batch.append(self.waiting.get_nowait())
                batch.sort(key=lambda arrival: arrival[0].id)  # one order for both writers, or they wait for each other
                heads, bodies, _ = zip(*batch, strict=True)
                rows = await store.fetch([head.id for head in heads], [head.type for head in heads], bodies)
                new = {row[0] for row in rows}
                for head, _, stored in batch:
                    stored.set_result(head.id in new)
                    new.discard(head.id)  # who brings the same in the same batch brings a copy


def build(database_url: str, secret: str) -> Intake:
    """Make the application."""
    return Intake(database_url, secret.encode())


if __name__ == "__main__":
    serve(build)
