"""The JSON API: thin routes that read a request, call one flow or report, and answer."""

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tillkeeper.idempotency import Replay
from tillkeeper.kernel.errors import TillError
from tillkeeper.web import strict
from tillkeeper.web.errors import UnsupportedMediaTypeError


class Body(BaseModel):
    """Read a request strictly: no unknown fields, and an integer is an integer."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class StrictRequest(Request):
    """Parse bodies with our own parser."""

    async def json(self) -> Any:
        """Parse the body; raises MalformedJsonError, CardDataError or UnsupportedMediaTypeError."""
        return strict.parse(await self.body())


class StrictRoute(APIRoute):
    """Serve a route with strict requests, summed up by the first line of its docstring."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        summary, _, description = (endpoint.__doc__ or "").partition("\n")
        super().__init__(
            path, endpoint, **options | {"summary": summary.rstrip("."), "description": description.strip()}
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the route's handler."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def run(request: Request) -> Response:
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if self.body_field and media_type != "application/json":
                raise UnsupportedMediaTypeError
            try:
                return await handle(StrictRequest(request.scope, request.receive))
            except HTTPException as error:
                if isinstance(error.__cause__, TillError):  # FastAPI wraps whatever reading a body raises
                    raise error.__cause__ from None
                raise

        return run


class SortedResponse(JSONResponse):
    """Write keys in order: the store that keeps answers for replay remembers none."""

    def render(self, content: Any) -> bytes:
        """Write the content."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def router(tag: str) -> APIRouter:
    """Make a router whose requests are read strictly."""
    return APIRouter(prefix="/api/v1", tags=[tag], route_class=StrictRoute)


def replayed(replay: Replay) -> JSONResponse:
    """Answer with what a flow stored for its key."""
    problem = replay.status >= 400  # noqa: PLR2004 (HTTP's own line between answers and errors)
    return SortedResponse(
        replay.body,
        status_code=replay.status,
        media_type="application/problem+json" if problem else "application/json",
        headers={"Idempotent-Replayed": "true"} if replay.repeated else None,
    )
