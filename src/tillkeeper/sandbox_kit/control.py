"""Reading what a control call asks for, strictly and with plain answers."""

import json
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request

from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.courses import COURSES
from tillkeeper.sandbox_kit.faults import webhook_copies_max

COMMON = {"copies", "webhook"}
"""What every deed takes: how often each webhook is sent, and which course it takes."""
RATE = re.compile(r"(?=.*[1-9])[0-9]{1,6}(\.[0-9]{1,10})?")


async def wish(request: Request, fields: AbstractSet[str]) -> Json:
    """Read the JSON body, which may be left out, and refuse fields that mean nothing here."""
    raw = await request.body()
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as problem:
        message = f"The body is not JSON: {problem}."
        raise refusal(message) from problem
    if not isinstance(body, dict):
        message = "The body must be a JSON object."
        raise refusal(message)
    strange = sorted(set(body) - fields)
    if strange:
        message = f"Unknown field {strange[0]!r}. This verb takes: {', '.join(sorted(fields)) or 'nothing'}."
        raise refusal(message)
    return body


def refusal(message: str, status: int = HTTPStatus.UNPROCESSABLE_ENTITY) -> HTTPException:
    """Build the answer to a wish that cannot be granted."""
    return HTTPException(status, message)


def text(body: Json, name: str) -> str:
    """Take a text that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        message = f"{name} is needed, as text."
        raise refusal(message)
    return value


def choice(body: Json, name: str, choices: Sequence[str]) -> str:
    """Take one of a few words; the first is the default."""
    value = body.get(name, choices[0])
    if value not in choices:
        message = f"{name} is one of {', '.join(choices)}, not {value!r}."
        raise refusal(message)
    return str(value)


def flag(body: Json, name: str) -> bool:
    """Take true or false; false is the default."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        message = f"{name} is true or false, not {value!r}."
        raise refusal(message)
    return value


def amount(body: Json) -> int | None:
    """Take an amount in minor units, or None."""
    return _whole(body, "amount", most=None)


def signed_amount(body: Json) -> int:
    """Take an amount in minor units that moves the balance up or, below zero, down."""
    value = body.get("amount")
    if not isinstance(value, int) or isinstance(value, bool) or not value:
        message = f"amount is needed, a whole number that is not zero, not {value!r}."
        raise refusal(message)
    return value


def rate(body: Json) -> str:
    """Take an exchange rate, as decimal text."""
    value = text(body, "rate")
    if not RATE.fullmatch(value):
        message = f"rate is a decimal above zero, as text such as '0.9123', not {value!r}."
        raise refusal(message)
    return value


def copies(body: Json) -> int | None:
    """Take how often each webhook is to be sent, or None for what the dial says."""
    return _whole(body, "copies", most=webhook_copies_max)


def seconds(body: Json, *, most: int) -> int:
    """Take how long something lasts, in seconds; it must be there, and may be 0."""
    value = body.get("seconds")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        message = f"seconds is a whole number from 0 to {most}, not {value!r}."
        raise refusal(message)
    return value


def course(body: Json) -> str:
    """Take the course that the webhooks are to take, or none."""
    return choice(body, "webhook", ("", *COURSES))


def _whole(body: Json, name: str, *, most: int | None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most is not None and value > most):
        message = f"{name} is a whole number from 1{f' to {most}' if most else ' up'}, not {value!r}."
        raise refusal(message)
    return value
