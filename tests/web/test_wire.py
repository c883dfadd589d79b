"""An answer leaves in one piece, and nothing of it is lost when the connection closes."""

import asyncio

import pytest

from tillkeeper.web.wire import Gathering


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
