"""Things that nobody should send, and ways to spoil what somebody might."""

import json
import random
from collections.abc import Iterator
from typing import Any

CARD = "4242424242424242"
ABSENT = "payment_01h455vb4pex5vsknk084sn02q"
LEAVES = (
    *(None, True, False, 0, -1, 1, 7, 100, 10**30, 2**63, 2**31, 1.5, 1e300, float("nan"), float("inf"), -0.0),
    *("", "x", "\x00", "\ud800", "🤷", "x" * 3000, "EUR", "JPY", "stripe", "credits_120", "ana", CARD, ABSENT),
    *("'; DROP TABLE payment; --", "${jndi:x}", "{{7*7}}", "<script>alert(1)</script>", "%s%n", "../../etc/passwd"),
    *("2026-11-21T10:00:00Z", "0001-01-01T00:00:00+14:00", "10000-01-01", "1e3", "NaN", "null", "\u202e\u0661\uff11"),
)
NAMES = (
    *("package", "amount", "currency", "user", "metadata", "quantity", "payment", "reason", "gateway", "customer"),
    *("email", "name", "external_id", "id", "object", "data", "x", "", "__proto__", CARD, "n" * 300),
)
BYTES = (
    b"",
    b"{",
    b"[",
    b"null",
    b"[]",
    b'""',
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 5000,
    b'{"a":' * 2000,
    b"1" * 5000,
)
depth_max = 4
path_steps_max = 8


def word(dice: random.Random) -> str:
    """Write a few letters of any alphabet."""
    return "".join(chr(dice.choice((32, 65, 97, 0x430, 0x4E00, 0x1F600)) + dice.randrange(24)) for _ in range(5))


def anything(dice: random.Random, mark: str, depth: int = 0) -> Any:
    """Make something that JSON can hold, and sometimes something that it cannot."""
    if depth > depth_max or dice.random() < 0.6:
        return dice.choice((*LEAVES, mark, mark, word(dice)))
    if dice.random() < 0.3:
        return [anything(dice, mark, depth + 1) for _ in range(dice.randint(0, 4))]
    return {dice.choice(NAMES): anything(dice, mark, depth + 1) for _ in range(dice.randint(0, 6))}


def changed(dice: random.Random, thing: Any, mark: str) -> Any:
    """Change one place somewhere inside, or all of it."""
    spots = [(thing, name) for thing, name in _spots(thing) if dice.random() < 0.9]
    if not spots or dice.random() < 0.05:
        return anything(dice, mark)
    inside, name = dice.choice(spots)
    match dice.randrange(5):
        case 0 if isinstance(inside, dict):
            del inside[name]
        case 1 if isinstance(inside, dict):
            inside[dice.choice(NAMES)] = anything(dice, mark)
        case 2 if isinstance(inside[name], int | float):
            inside[name] = dice.choice((-1, 0, 10**12, str(inside[name]), inside[name] + 1, inside[name] / 2))
        case _:
            inside[name] = anything(dice, mark)
    return thing


def _spots(thing: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    if depth < path_steps_max and isinstance(thing, dict | list):
        for name, inside in thing.items() if isinstance(thing, dict) else enumerate(thing):
            yield thing, name
            yield from _spots(inside, depth + 1)


def written(dice: random.Random, thing: Any) -> bytes:
    """Write something as JSON, and sometimes a key twice or with bytes that do not belong there."""
    content = json.dumps(thing, ensure_ascii=dice.random() < 0.9).encode(errors="surrogatepass")
    if dice.random() < 0.02:
        content = content.replace(b"{", b'{"user": "eve", "user": 1, ', 1)
    return bitten(dice, content) if dice.random() < 0.1 else content


def bitten(dice: random.Random, content: bytes) -> bytes:
    """Change some bytes."""
    if not content:
        return dice.choice(BYTES)
    place = dice.randrange(len(content))
    return content[:place] + dice.randbytes(dice.randint(0, 3)) + content[place + dice.randint(0, 2) :]
