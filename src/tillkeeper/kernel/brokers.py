"""Ask whether a broker is there: Redis is greeted in its own words, of others it is enough that they listen."""

import asyncio
import ssl
from urllib.parse import unquote, urlsplit

PORTS = {"redis": 6379, "rediss": 6379, "sentinel": 26379, "amqp": 5672, "amqps": 5671}
reply_seconds_max = 5


async def greet(url: str) -> None:
    """Raise OSError unless whoever is at a URL answers as it should."""
    parts = urlsplit(url)
    redis = parts.scheme in {"redis", "rediss"}
    secure = ssl.create_default_context() if parts.scheme in {"rediss", "amqps"} else None
    async with asyncio.timeout(reply_seconds_max):
        port = parts.port or PORTS[parts.scheme]
        reader, writer = await asyncio.open_connection(parts.hostname or "127.0.0.1", port, ssl=secure)
        try:
            if redis:
                await _ping(reader, writer, unquote(parts.username or ""), unquote(parts.password or ""))
        finally:
            writer.close()


async def _ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, password: str) -> None:
    if password:
        await _say(reader, writer, "AUTH", *([user] if user else []), password, wanted=b"+OK")
    await _say(reader, writer, "PING", wanted=b"+PONG")


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str, wanted: bytes) -> None:
    sent = [word.encode() for word in words]
    writer.write(b"*%d\r\n" % len(sent) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in sent))
    answer = (await reader.readline()).strip()
    if answer != wanted:
        said = answer.decode(errors="replace")[:80] or "nothing"
        message = f"it answered {said} to {words[0]}"
        raise OSError(message)
