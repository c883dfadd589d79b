"""`till serve`, `till worker` and `till sandbox`: the parts, by hand or in production."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn

from tillkeeper import gateways, settings, telemetry
from tillkeeper.cli import crew
from tillkeeper.cli.context import open_till
from tillkeeper.gateway import ConfigurationError
from tillkeeper.kernel import logs, loop
from tillkeeper.kernel.errors import TillError
from tillkeeper.sandbox.app import build as build_sandbox
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.web import wire
from tillkeeper.web.app import build
from tillkeeper.web.dashboard.live import Live
from tillkeeper.web.intake import Webhooks
from tillkeeper.worker.loop import work

drain_seconds = 10
idle_seconds = 75
"""Longer than clients keep a connection for their next call, so that none is closed while that call is on its way."""
backlog = 2048
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)]
Leash = Annotated[bool, typer.Option("--leash", hidden=True, help="Stop when standard input closes.")]


class AddressInUseError(TillError):
    """Report that nothing can listen at an address."""

    code = "address_in_use"
    title = "The address cannot be listened at"
    next_step = "Choose another --port, or stop whoever has this one."


def serve(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    processes: Annotated[int, typer.Option(help="How many processes serve, on one port.", min=1, max=64)] = 1,
    worker: Annotated[bool, typer.Option(help="Also run the worker: in this process, or beside several.")] = True,
    leash: Leash = False,
) -> None:
    """Serve the API, the shop and the webhooks."""
    logs.configure()
    if processes > 1:
        _serve_many(host, port, processes, with_worker=worker, leash=leash)
        return
    with telemetry.exposed(settings.load()), loop.runner() as runner:
        runner.run(_serve(partial(_serve_at, host, port), with_worker=worker, leash=leash))


def _serve_many(host: str, port: int, processes: int, *, with_worker: bool, leash: bool) -> None:
    """Serve by several processes that share one socket, and let a process of its own work beside them."""
    configured = settings.load()  # what cannot be used is said once, and not by each of them again and again
    listener = _listen(host, port)

    def answer(place: int) -> None:
        with telemetry.counted_as(f"api-{place}"), loop.runner() as runner:
            runner.run(_serve(partial(_serve_on, listener), with_worker=False, leash=True))

    def work_beside() -> None:
        with telemetry.counted_as("worker"), loop.runner() as runner:
            runner.run(_worker(leash=True))

    with telemetry.shared(configured) as counting:
        duties = [partial(answer, place) for place in range(processes)] + [work_beside] * with_worker
        crew.keep(duties + [partial(telemetry.show, configured)] * counting, leash=leash)


def worker(*, leash: Leash = False) -> None:
    """Run the worker: it settles webhooks, makes gateway calls and does what is due."""
    logs.configure()
    with telemetry.exposed(settings.load()), loop.runner() as runner:
        runner.run(_worker(leash=leash))


def sandbox(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8010,
    books: Annotated[Path, typer.Option(help="Where the sandbox keeps its own books.")] = Path(".till/sandbox"),
    leash: Leash = False,
) -> None:
    """Serve the imitated gateways, which keep books of their own."""
    logs.configure()
    with loop.runner() as runner:
        runner.run(_serve_at(host, port, _imitations(books, f"http://{host}:{port}"), leash=leash, lifespan=True))


Server = Callable[..., Awaitable[None]]


async def _serve(run: Server, *, with_worker: bool, leash: bool) -> None:
    till = await open_till(settings.load())
    stop = asyncio.Event()
    working = asyncio.create_task(work(till, stop)) if with_worker else None
    try:
        live = Live(till)
        await run(build(till, live), leash=leash, lifespan=False, closing=live.close)
    finally:
        stop.set()
        if working:
            await working
        await till.close()


async def _worker(*, leash: bool) -> None:
    till = await open_till(settings.load())
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    try:
        await _leashed(work(till, stop), stop.set, leash=leash)
    finally:
        await till.close()


class _Server(uvicorn.Server):
    """End what would never end by itself, before waiting for what is under way."""

    closing: Callable[[], None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop on a signal, and come back from it: the worker and the till are to be closed too."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()  # uvicorn would raise them again, which ends the process where it stands

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving."""
        if self.closing:
            self.closing()
        await super().shutdown(sockets)


async def _serve_at(host: str, port: int, app: Callable[..., Any], **how: Any) -> None:
    await _run(app, None, host=host, port=port, **how)


async def _serve_on(listener: socket.socket, app: Callable[..., Any], **how: Any) -> None:
    await _run(app, [listener], host="", port=0, **how)


def _listen(host: str, port: int) -> socket.socket:
    """Open the socket that several processes answer at; raises AddressInUseError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        message = f"Nothing can listen on {host} port {port}: {error.strerror}."
        raise AddressInUseError(message) from error


async def _run(
    app: Callable[..., Any],
    sockets: list[socket.socket] | None,
    *,
    host: str,
    port: int,
    leash: bool,
    lifespan: bool,
    closing: Callable[[], None] | None = None,
) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="on" if lifespan else "off",
            http=wire.protocol(app.take_at_once if isinstance(app, Webhooks) else None),
            ws="none",
            server_header=False,
            proxy_headers=False,  # uvicorn would believe whoever calls from this machine
            backlog=backlog,
            timeout_keep_alive=idle_seconds,
            timeout_graceful_shutdown=drain_seconds,
        )
    )

    server.closing = closing

    def stop() -> None:
        server.should_exit = True

    await _leashed(server.serve(sockets), stop, leash=leash)


async def _leashed(running: Awaitable[None], stop: Callable[[], None], *, leash: bool) -> None:
    """Run until done, or until whoever holds the other end of standard input is gone."""
    holding = asyncio.create_task(_hold(stop)) if leash else None
    try:
        await running
    finally:
        if holding:
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding


async def _hold(stop: Callable[[], None]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop()


def _imitations(books: Path, url: str) -> Callable[..., Any]:
    """Open every gateway whose test credentials are set, and send its webhooks to TILL_PUBLIC_URL."""
    books.mkdir(parents=True, exist_ok=True)
    public_url = os.environ.get("TILL_PUBLIC_URL", "http://127.0.0.1:8000")
    stands = gateways.stands()
    config = SandboxConfig(
        books=books / "books.sqlite",
        public_url=url,
        secrets=os.environ,
        webhook_urls={stand.name: f"{public_url}/webhooks/{stand.name}" for stand in stands},
    )
    try:
        return build_sandbox(config)
    except ValueError as error:
        variables = ", ".join(name for stand in stands for name in stand.variables)
        message = f"{error} The sandbox reads TILL_PUBLIC_URL and {variables}."
        raise ConfigurationError(message) from error
