"""JSON without doubt: one meaning for each line, and MongoDB's Extended JSON in plain values."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

depth_max = 32
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE = re.compile(r"-?\d{1,19}")


class UnreadableError(ValueError):
    """Say why a line cannot be taken over."""


class Inexact(str):
    """Hold a number that was written in a way in which not every amount can be written."""

    __slots__ = ()


class Strange(str):
    """Hold the name of a type that means nothing here."""

    __slots__ = ()


def parse(line: bytes) -> dict[str, Any]:
    """Read a line as one object of plain values; raises UnreadableError."""
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} is not UTF-8"
        raise UnreadableError(message) from error
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=Inexact)
    except UnreadableError:
        raise
    except (ValueError, RecursionError) as error:
        message = "it is not JSON"
        raise UnreadableError(message) from error
    if isinstance(found, list):
        message = "it is a list: each line holds one object, so export without --jsonArray"
        raise UnreadableError(message)
    if not isinstance(found, dict):
        message = "it is not an object"
        raise UnreadableError(message)
    return {name: _plain(value, 0) for name, value in found.items()}


def _plain(value: Any, depth: int) -> Any:
    if depth > depth_max:
        message = f"it is nested deeper than {depth_max} levels"
        raise UnreadableError(message)
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        name = next(iter(value), "")
        if name.startswith("$"):
            return _typed(name, value[name]) if len(value) == 1 else Strange(name)
        return {inner: _plain(item, depth + 1) for inner, item in value.items()}
    return value


def _typed(name: str, value: Any) -> Any:
    read = TYPES.get(name)
    if read is None:
        return Strange(name)
    try:
        return read(value)
    except (TypeError, ValueError, OverflowError, InvalidOperation) as error:
        message = f"{name} holds something else than it says"
        raise UnreadableError(message) from error


def _whole(value: Any) -> int:
    if not isinstance(value, str) or not WHOLE.fullmatch(value):
        raise TypeError
    return int(value)


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str):
        raise TypeError
    return Decimal(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _date(value: Any) -> datetime:
    """Read ISO text, or milliseconds since 1970 in any of the ways in which they are written."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    plain = _plain(value, 0)
    if not isinstance(plain, int) or isinstance(plain, bool):
        raise TypeError
    return EPOCH + timedelta(milliseconds=plain)


TYPES: dict[str, Callable[[Any], Any]] = {
    "$oid": _text,
    "$uuid": _text,
    "$numberInt": _whole,
    "$numberLong": _whole,
    "$numberDecimal": _decimal,
    "$numberDouble": Inexact,
    "$date": _date,
}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        message = f"it says `{next(name for name in names if names.count(name) > 1)[:40]}` twice"
        raise UnreadableError(message)
    return found


def _refuse(name: str) -> NoReturn:
    message = f"{name} is not a number that JSON knows"
    raise UnreadableError(message)
