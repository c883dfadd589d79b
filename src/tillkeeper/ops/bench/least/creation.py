"""The least that creating a payment can be: find who asks, commit the wish, call the gateway, commit its answer.

No rule is asked, nothing is booked and nobody is told.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
import httpx2
from fastapi import FastAPI, Header
from pydantic import BaseModel

from tillkeeper.kernel import ids, trust
from tillkeeper.kernel.crypto import sha256
from tillkeeper.ops.bench.least.serving import serve

connections = 10
patience_seconds = 60


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


if __name__ == "__main__":
    serve(build)
