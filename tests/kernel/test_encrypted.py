"""Files in chunks: what is changed, cut off, put in another order or taken from another file is found."""

import io
from collections.abc import Callable

import pytest

from tillkeeper.kernel import encrypted
from tillkeeper.kernel.encrypted import DamagedFileError, Reader, Writer, WrongKeyError

SECRET, OTHER = "a secret of its own", "another secret of its own"
HEAD = b'{"who": "everybody can read this"}'
CHUNK = encrypted.chunk_bytes
SEALED = CHUNK + encrypted.tag_bytes
BEGIN = encrypted.START_BYTES + len(HEAD)


def write(*parts: bytes, secret: str = SECRET) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, secret, HEAD)
    for part in parts:
        writer.write(part)
    writer.close()
    assert writer.size == len(file.getvalue())
    return file.getvalue()


def read(data: bytes, *secrets: str) -> bytes:
    return b"".join(Reader.begin(io.BytesIO(data)).chunks(secrets or [SECRET]))


def letters(count: int) -> bytes:
    return bytes(number % 251 for number in range(1000)) * (count // 1000 + 1)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17])
def test_what_was_written_is_read_again(size: int) -> None:
    plain = letters(size)[:size]
    assert read(write(plain[: size // 3], plain[size // 3 :])) == plain


def test_a_file_hides_what_it_holds_but_for_its_head() -> None:
    data = write(b"nobody reads this" * 100)
    assert b"nobody" not in data
    assert HEAD in data


def test_two_files_of_the_same_look_different() -> None:
    assert write(b"the same")[BEGIN:] != write(b"the same")[BEGIN:]


def test_the_previous_key_opens_a_file_too() -> None:
    assert read(write(b"plain"), OTHER, SECRET) == b"plain"


def test_another_key_is_told_from_a_damaged_file() -> None:
    with pytest.raises(WrongKeyError):
        read(write(b"plain"), OTHER)


def swap(data: bytes) -> bytes:
    first, second = data[BEGIN : BEGIN + SEALED], data[BEGIN + SEALED : BEGIN + 2 * SEALED]
    return data[:BEGIN] + second + first + data[BEGIN + 2 * SEALED :]


def mix(data: bytes) -> bytes:
    other = write(letters(3 * CHUNK))
    return data[: BEGIN + SEALED] + other[BEGIN + SEALED : BEGIN + 2 * SEALED] + data[BEGIN + 2 * SEALED :]


def flip(place: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda data: data[:-1], id="a byte is missing at the end"),
        pytest.param(lambda data: data[: BEGIN + 2 * SEALED], id="the last chunk is missing"),
        pytest.param(lambda data: data[:BEGIN], id="every chunk is missing"),
        pytest.param(lambda data: data[: BEGIN - 3], id="the head is cut off"),
        pytest.param(lambda data: data[:20], id="it ends before its head"),
        pytest.param(lambda data: data[:BEGIN] + data[BEGIN + SEALED :], id="the first chunk is missing"),
        pytest.param(lambda data: data + b"x", id="something follows"),
        pytest.param(lambda data: data + data[-100:], id="its end is there twice"),
        pytest.param(swap, id="two chunks are exchanged"),
        pytest.param(mix, id="a chunk is another file's"),
        pytest.param(flip(BEGIN + SEALED + 5), id="a bit of a chunk"),
        pytest.param(flip(BEGIN - 5), id="a bit of the head"),
        pytest.param(flip(0), id="a bit of the beginning"),
        pytest.param(flip(-1), id="a bit of the last tag"),
    ],
)
def test_every_harm_is_found(harm: Callable[[bytes], bytes]) -> None:
    data = write(letters(2 * CHUNK + 100))
    with pytest.raises((DamagedFileError, WrongKeyError)):
        read(harm(data))


def test_no_chunk_is_handed_over_that_was_not_proved() -> None:
    data = flip(BEGIN + SEALED + 5)(write(letters(2 * CHUNK + 100)))
    chunks = Reader.begin(io.BytesIO(data)).chunks([SECRET])
    assert len(next(chunks)) == CHUNK
    with pytest.raises(DamagedFileError, match="Chunk 1"):
        next(chunks)
