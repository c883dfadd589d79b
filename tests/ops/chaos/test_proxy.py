"""The proxy on a link: it carries everything, and does to a connection what a network can do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tillkeeper.kernel import clock
from tillkeeper.ops.chaos.processes import free_ports
from tillkeeper.ops.chaos.proxy import Proxy, Target

short_seconds = 0.3
patience_seconds = 10
CALLERS: list[asyncio.StreamWriter] = []


class Echo:
    """Answer every line with its name and the line, and remember what was asked."""

    def __init__(self, name: str = "echo") -> None:
        self.name = name
        self.heard: list[bytes] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(f"{self.name} ".encode() + line)
        writer.transport.abort()


@pytest.fixture(autouse=True)
async def callers() -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Hang up for everybody who called."""
    CALLERS.clear()
    yield CALLERS
    for caller in CALLERS:
        caller.transport.abort()
    await asyncio.sleep(0)


@asynccontextmanager
async def between(*echoes: Echo) -> AsyncIterator[Proxy]:
    """Put a proxy before some who answer."""
    ports = free_ports(len(echoes) + 1)
    servers = [
        await asyncio.start_server(echo.answer, "127.0.0.1", port) for echo, port in zip(echoes, ports[1:], strict=True)
    ]
    proxy = Proxy(ports[1:], ports[0])
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.shut()
        for server in servers:
            server.close()


async def knock(proxy: Proxy) -> Callable[[str], Coroutine[None, None, str]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    CALLERS.append(writer)

    async def ask(line: str) -> str:
        writer.write(line.encode() + b"\n")
        return (await asyncio.wait_for(reader.readline(), patience_seconds)).decode().strip()

    return ask


async def test_everything_goes_through_as_it_is() -> None:
    async with between(Echo()) as proxy:
        ask = await knock(proxy)
        assert [await ask("one"), await ask("x" * 50_000)] == ["echo one", f"echo {'x' * 50_000}"]
        assert (proxy.let_in, proxy.cut, proxy.lost) == (1, 0, 0)


async def test_whoever_answers_is_chosen_in_turn_and_the_dead_are_left_out() -> None:
    async with between(Echo("a"), Echo("b")) as proxy:
        assert {await (await knock(proxy))("who") for _ in range(4)} == {"a who", "b who"}
    [nobody] = free_ports(1)
    async with between(Echo("a")) as proxy:
        proxy._targets = [*proxy._targets, nobody]
        assert {await (await knock(proxy))("who") for _ in range(4)} == {"a who"}


async def test_nobody_behind_it_means_that_the_caller_is_sent_away() -> None:
    [port, nobody] = free_ports(2)
    proxy = Proxy([nobody], port)
    await proxy.open()
    assert await (await knock(proxy))("anybody") == ""
    await proxy.shut()


async def test_what_was_held_back_by_a_partition_comes_when_it_heals() -> None:
    echo = Echo()
    async with between(echo) as proxy:
        ask = await knock(proxy)
        await ask("before")
        proxy.part()
        asked = asyncio.create_task(ask("during"))
        await asyncio.sleep(short_seconds)
        assert (asked.done(), echo.heard) == (False, [b"before\n"])
        await proxy.open()
        assert await asked == "echo during"


async def test_behind_a_link_that_hangs_what_was_asked_is_done_and_not_answered() -> None:
    echo = Echo()
    async with between(echo) as proxy:
        ask = await knock(proxy)
        proxy.hang()
        asked = asyncio.create_task(ask("during"))
        await asyncio.sleep(short_seconds)
        assert (asked.done(), echo.heard) == (False, [b"during\n"])
        await proxy.open()
        assert await asked == "echo during"


async def test_a_reset_cuts_those_that_there_are_and_lets_new_ones_in() -> None:
    async with between(Echo()) as proxy:
        ask = await knock(proxy)
        await ask("before")
        await proxy.reset()
        with pytest.raises(ConnectionResetError):
            await ask("during")
        assert await (await knock(proxy))("after") == "echo after"
        assert proxy.cut == 1


async def test_a_lost_answer_is_that_of_something_done() -> None:
    echo = Echo()
    async with between(echo) as proxy:
        proxy.lose()
        with pytest.raises(ConnectionResetError):
            await (await knock(proxy))("charge")
        assert (echo.heard, proxy.lost, proxy.cut) == ([b"charge\n"], 1, 1)
        await proxy.open()
        assert await (await knock(proxy))("again") == "echo again"


async def test_latency_takes_its_time_in_both_directions() -> None:
    async with between(Echo()) as proxy:
        ask = await knock(proxy)
        proxy.latency_ms = 100
        elapsed_ms = clock.timer_ms()
        assert await ask("slowly") == "echo slowly"
        assert elapsed_ms() >= 200


async def test_a_shut_link_refuses_and_an_opened_one_takes_callers_again() -> None:
    async with between(Echo()) as proxy:
        await proxy.shut()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await knock(proxy)
        await proxy.open()
        assert await (await knock(proxy))("again") == "echo again"


async def test_a_socket_in_the_file_system_is_reached_as_a_port_is(tmp_path: Path) -> None:
    where: list[Target] = [tmp_path / "socket"]
    server = await asyncio.start_unix_server(Echo().answer, tmp_path / "socket")
    [port] = free_ports(1)
    proxy = Proxy(where, port)
    await proxy.open()
    assert await (await knock(proxy))("hello") == "echo hello"
    await proxy.shut()
    server.close()
