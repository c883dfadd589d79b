"""Read JSON so that nothing doubtful passes: one meaning for each body, and no card data in any."""

import json
from typing import Any, NoReturn

from tillkeeper.kernel import cards, logs
from tillkeeper.kernel.errors import MalformedJsonError
from tillkeeper.web.errors import CardDataError

depth_max = 16


def parse(body: bytes) -> Any:
    """Parse a body; raises MalformedJsonError or CardDataError."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        message = "The body is not valid JSON in UTF-8."
        raise MalformedJsonError(message) from error
    _walk(value, 0)
    return value


def check_text(text: str) -> None:
    """Raise for a text that cannot be stored or that holds a card number."""
    if logs.UNSTORABLE.search(text):
        message = "The body holds a NUL or half of a surrogate pair."
        raise MalformedJsonError(message)
    if cards.holds_number(text):
        raise CardDataError


def _walk(value: Any, depth: int) -> None:
    if depth > depth_max:
        message = f"The body is nested deeper than {depth_max} levels."
        raise MalformedJsonError(message)
    match value:
        case str():
            check_text(value)
        case int() if not isinstance(value, bool):
            check_text(str(abs(value)))
        case dict():
            for name, item in value.items():
                check_text(name)
                _walk(item, depth + 1)
        case list():
            for item in value:
                _walk(item, depth + 1)
        case _:
            pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "The body has the same key twice."
        raise MalformedJsonError(message)
    return found


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not a number that JSON knows."
    raise MalformedJsonError(message)
