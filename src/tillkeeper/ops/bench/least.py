"""The least that creating a payment can be: find who asks, commit the wish, call the gateway, commit its answer.

No rule is asked, nothing is booked and nobody is told. What it takes on this machine is what ours is compared with.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
import httpx2
import uvicorn
from fastapi import FastAPI, Header
from pydantic import BaseModel

from tillkeeper.kernel import ids, loop, trust
from tillkeeper.kernel.crypto import sha256
from tillkeeper.ops.bench.ground import HOST

connections = 10
patience_seconds = 60
backlog = 2048


class Wish(BaseModel):
    """Hold what is wished for."""

    amount: int
    currency: str
    user: str
    description: str


def build(database_url: str, gateway: str) -> FastAPI:
    """Make an application with one address."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        caller = httpx2.AsyncClient(
            base_url=gateway,
            verify=trust.authorities(),
            trust_env=False,
            limits=httpx2.Limits(),
            timeout=patience_seconds,
        )
        async with asyncpg.create_pool(database_url, max_size=connections) as pool, caller:
            app.state.pool, app.state.caller = pool, caller
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/v1/payments", status_code=201)
    async def create(
        wish: Wish, idempotency_key: Annotated[str, Header()], authorization: Annotated[str, Header()]
    ) -> dict[str, object]:
        digest = sha256(authorization.removeprefix("Bearer ").encode())
        assert await app.state.pool.fetchval("SELECT id FROM api_key WHERE digest = $1", digest), "the key is ours"
        payment = ids.new()
        await app.state.pool.execute(
            "INSERT INTO bench_wish (id, key, wish) VALUES ($1, $2, $3)",
            payment,
            idempotency_key,
            wish.model_dump_json(),
        )
        opened = await app.state.caller.post("/v1/checkout/sessions", data=wish.model_dump())
        await app.state.pool.execute("UPDATE bench_wish SET answer = $2 WHERE id = $1", payment, opened.text)
        return {"id": str(payment), "url": opened.json()["url"], "status": "requires_action"}

    return app


def main(database_url: str, gateway: str) -> None:
    """Listen, say at which port, and serve until standard input closes."""
    listener = socket.create_server((HOST, 0), backlog=backlog)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server = uvicorn.Server(uvicorn.Config(build(database_url, gateway), log_level="error", access_log=False))
    with loop.runner() as runner:
        runner.run(_serve(server, listener))


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve([listener]))
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    main(**json.loads(sys.stdin.readline()))
