"""Applications served from threads, and a receiver for the webhooks that they send."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

patience_seconds = 10


@dataclass(frozen=True)
class Letter:
    """One webhook as it arrived."""

    headers: dict[str, str]
    body: bytes
    path: str = ""

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Receiver:
    """Take webhooks; `statuses` are answered first, one each, and then 200."""

    letters: list[Letter] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.letters.append(Letter(headers, body, scope["path"]))
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def types(self) -> list[str]:
        return [letter.event["type"] for letter in self.letters]


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true, or fail."""
    pause = threading.Event()
    for _ in range(patience_seconds * 50):
        if true():
            return
        pause.wait(0.02)
    message = f"It did not become true within {patience_seconds} seconds."
    raise TimeoutError(message)


@contextmanager
def serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serve an app on a listening socket, from a thread."""
    lifespan: Any = "off" if isinstance(app, Receiver) else "on"
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan=lifespan, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def free_listener() -> tuple[socket.socket, str]:
    """Listen on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"
