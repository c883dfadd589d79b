"""An answer leaves in one piece and none is lost, whether the lane gave it or the application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from tillkeeper.web.wire import Fields, Gathering, HandOver, Reply, protocol


class Socket(asyncio.Transport):
    """Write down what would go over the wire, in what pieces."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 5)})
        self.sent: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


@pytest.fixture
async def wire() -> tuple[Socket, Gathering]:
    """Stand a gathering transport before a socket that remembers."""
    socket = Socket()
    return socket, Gathering(socket, asyncio.get_running_loop())


async def test_what_one_turn_of_the_loop_writes_leaves_in_one_piece(wire: tuple[Socket, Gathering]) -> None:
    socket, gathering = wire
    for answer in (b"first", b"second"):
        gathering.write(b"head of ")
        gathering.write(answer)
        assert answer not in b"".join(socket.sent)
        await asyncio.sleep(0)
    assert socket.sent == [b"head of first", b"head of second"]


async def test_what_was_written_is_sent_before_the_connection_closes(wire: tuple[Socket, Gathering]) -> None:
    socket, gathering = wire
    gathering.write(b"last words")
    gathering.close()
    assert (socket.sent, socket.ended) == ([b"last words"], "closed")


async def test_a_connection_that_is_cut_sends_nothing_more(wire: tuple[Socket, Gathering]) -> None:
    socket, gathering = wire
    gathering.write(b"never told")
    gathering.abort()
    await asyncio.sleep(0)
    assert (socket.sent, socket.ended) == ([], "aborted")


async def test_everything_else_is_left_to_the_transport(wire: tuple[Socket, Gathering]) -> None:
    assert wire[1].get_extra_info("peername") == ("127.0.0.1", 5)


@dataclass
class Server:
    """Answer by the lane what begins with /fast, and by the application everything else."""

    by_lane: list[tuple[Reply, HandOver]] = field(default_factory=list)
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    running: Any = None

    def lane(self, scope: Scope, body: bytes, reply: Reply, hand_over: HandOver) -> bool:
        if not scope["path"].startswith("/fast"):
            return False
        if scope["path"] == "/fast/later":
            self.by_lane.append((reply, hand_over))
            self.taken.set()
        else:
            asyncio.get_running_loop().call_soon(reply, fields(), b"lane " + body)
        return True

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = [(b"content-length", str(len(body) + 4).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"app " + body})

    async def asked(self, *parts: bytes) -> str:
        """Send parts with a pause between them; return what comes until the server closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.05)
        found = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                while part := await reader.read(4096):
                    found += part
        writer.close()
        return found.decode()


def fields() -> Fields:
    return [(b"content-type", b"text/plain")]


def post(path: str, body: str, head: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: till\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    config = uvicorn.Config(
        made.app, port=0, log_config=None, lifespan="off", http=protocol(made.lane), interface="asgi3"
    )
    made.running = uvicorn.Server(config)
    task = asyncio.create_task(made.running._serve())
    while not made.running.started:  # noqa: ASYNC110 (uvicorn offers no event)
        await asyncio.sleep(0.01)
    made.port = made.running.servers[0].sockets[0].getsockname()[1]
    yield made
    made.running.should_exit = True
    await task


async def test_a_request_that_arrives_as_a_whole_is_answered_by_the_lane(server: Server) -> None:
    told = await server.asked(post("/fast", "hello"))
    head, _, body = told.partition("\r\n\r\n")
    assert (head.splitlines()[0], body) == ("HTTP/1.1 200 OK", "lane hello")
    assert "content-length: 10" in head
    assert "content-type: text/plain" in head
    assert "date: " in head


async def test_a_connection_goes_on_after_the_lane_has_answered(server: Server) -> None:
    told = await server.asked(post("/fast", "1"), post("/slow", "2"), post("/fast", "3"))
    assert [told.find(text) > 0 for text in ("lane 1", "app 2", "lane 3")] == [True] * 3


async def test_a_request_that_arrives_in_parts_is_answered_by_the_application(server: Server) -> None:
    whole = post("/fast", "hello")
    assert (await server.asked(whole[:-2], whole[-2:])).endswith("app hello")


async def test_what_the_lane_does_not_take_is_answered_by_the_application(server: Server) -> None:
    assert (await server.asked(post("/slow", "hello"))).endswith("app hello")


async def test_what_the_lane_hands_over_is_answered_by_whom_it_named(server: Server) -> None:
    asking = asyncio.create_task(server.asked(post("/fast/later", "hello")))
    await server.taken.wait()
    server.by_lane[0][1](server.app)
    assert (await asking).endswith("app hello")


async def test_requests_in_one_packet_are_answered_in_their_order(server: Server) -> None:
    told = await server.asked(post("/fast", "1") + post("/fast", "2") + post("/slow", "3"))
    assert 0 < told.find("lane 1") < told.find("app 2") < told.find("app 3")


async def test_whoever_wants_the_connection_closed_is_answered_by_the_application(server: Server) -> None:
    assert (await server.asked(post("/fast", "hello", "Connection: close\r\n"))).endswith("app hello")


async def test_an_answer_for_somebody_who_has_gone_is_dropped(server: Server) -> None:
    await server.asked(post("/fast/later", "hello"))
    await asyncio.sleep(0.05)
    server.by_lane[0][0](fields(), b"too late")
    assert (await server.asked(post("/fast", "hello"))).endswith("lane hello")


async def test_a_server_that_ends_answers_what_it_took_and_says_that_it_closes(server: Server) -> None:
    asking = asyncio.create_task(server.asked(post("/fast/later", "hello")))
    await server.taken.wait()
    server.running.should_exit = True
    await asyncio.sleep(0.15)
    server.by_lane[0][0](fields(), b"last words")
    told = await asking
    assert "connection: close" in told
    assert told.endswith("last words")


CHUNKED = "Transfer-Encoding: chunked\r\n"
HIDDEN = "0\r\n\r\nPOST /slow/hidden HTTP/1.1\r\nHost: till\r\nContent-Length: 6\r\n\r\nhidden"


@pytest.mark.parametrize(
    "head",
    [
        f"{CHUNKED}Content-Length: {len(HIDDEN)}\r\n",
        f"Content-Length: {len(HIDDEN)}\r\n{CHUNKED}",
        f"Content-Length: 5\r\nContent-Length: {len(HIDDEN)}\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: +5\r\n",
    ],
)
@pytest.mark.parametrize("path", ["/fast", "/slow"])
async def test_a_request_whose_end_could_be_in_two_places_is_refused(server: Server, path: str, head: str) -> None:
    told = await server.asked(f"POST {path} HTTP/1.1\r\nHost: till\r\n{head}\r\n{HIDDEN}".encode())
    assert told.startswith("HTTP/1.1 400")
    assert told.count("HTTP/1.1") == 1
    assert "hidden" not in told
