"""Serve the least of something on a free port, for as long as somebody holds standard input open."""

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn

from tillkeeper.kernel import loop
from tillkeeper.ops.bench.ground import HOST

backlog = 2048


def serve(build: Callable[..., Any]) -> None:
    """Build an application from the line of JSON on standard input, say at which port it listens, and serve it."""
    app = build(**json.loads(sys.stdin.readline()))
    listener = socket.create_server((HOST, 0), backlog=backlog)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    with loop.runner() as runner:
        runner.run(_serve(server, listener))


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve([listener]))
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving
