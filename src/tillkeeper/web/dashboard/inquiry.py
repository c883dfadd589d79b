"""Questions to our own API in the name of whoever looks at a page, answered as a program would be."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import Message

FORWARDED = frozenset({b"cookie", b"host"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold an answer: its status, and what it says."""

    status: int
    body: Any

    @property
    def fine(self) -> bool:
        """Tell whether it is what was asked for."""
        return self.status == HTTPStatus.OK


async def ask(request: Request, target: str) -> Answer:
    """Send a GET request through the API's own routes, with the session of this request and without a network."""
    path, _, query = target.partition("?")
    heard: list[Message] = []

    async def send(message: Message) -> None:
        heard.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await request.app(_scope(request, path, query), receive, send)
    body = b"".join(message.get("body", b"") for message in heard)
    return Answer(status=heard[0]["status"], body=json.loads(body))


def _scope(request: Request, path: str, query: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": request.scope["asgi"],
        "http_version": "1.1",
        "method": "GET",
        "scheme": request.scope["scheme"],
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": request.scope.get("root_path", ""),
        "headers": [(name, value) for name, value in request.scope["headers"] if name in FORWARDED],
        "client": request.scope["client"],
        "server": request.scope["server"],
        "state": {"request_id": request.state.request_id},
    }
