"""What somebody sent: the fields of a form or of an address, what was ticked, and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tillkeeper.flows.sign_in import recognise
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.web import caller, cookie, strict

TOKEN = "token"  # noqa: S105 (the name of a field)
KEY = "key"
UNSEEN = frozenset({TOKEN, KEY})
"""What forms carry without anybody having typed it."""
CHOSEN = "chosen"
WITH_FILES = "multipart/form-data"
UNREADABLE = "What was sent cannot be read: it is no text in UTF-8, or no form."
fields_max = 200
files_max = 1

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Hold what was typed, which rows were ticked, and what forms carry unseen."""

    fields: Mapping[str, str]
    chosen: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    token: str = ""
    key: str = ""


async def read(request: Request) -> Sent:
    """Read a form, or the query of an address, in which no key counts; raises InvalidFieldError and CardDataError."""
    if request.method != "POST":
        pairs = _checked(_pairs(request.scope["query_string"]))
        typed = {name: value for name, value in pairs if name not in UNSEEN}
        return Sent(fields=typed, chosen=_chosen(pairs))
    pairs, files = await _form(request)
    fields = dict(_checked(pairs))
    token, key = fields.pop(TOKEN, ""), fields.pop(KEY, "")
    return Sent(fields=fields, chosen=_chosen(pairs), files=files, token=token, key=key[: caller.key_length_max])


async def of_stranger(request: Request) -> Mapping[str, str]:
    """Read a form of somebody who is not signed in; raises InvalidFieldError."""
    return dict(_checked(_pairs(await request.body())))


def _chosen(pairs: Pairs) -> list[str]:
    return [value for name, value in pairs if name == CHOSEN]


def _checked(pairs: Pairs) -> Pairs:
    """Refuse what cannot be stored or must not be, in each field alone: two beside each other are no number."""
    for name, value in pairs:
        if name not in UNSEEN:
            strict.check_text(value)
    return pairs


def _pairs(body: bytes) -> Pairs:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=fields_max)
    except ValueError as error:
        raise InvalidFieldError(UNREADABLE) from error


async def _form(request: Request) -> tuple[Pairs, dict[str, bytes]]:
    """Read a form with its files; whoever is not signed in gets no file read."""
    if not request.headers.get("content-type", "").startswith(WITH_FILES):
        return _pairs(await request.body()), {}
    await recognise(caller.till_of(request), cookie.token_of(request) or "")
    try:
        async with request.form(max_files=files_max, max_fields=fields_max) as form:
            typed = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
            sent = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
            return typed, {name: await file.read() for name, file in sent}
    except HTTPException as error:
        raise InvalidFieldError(UNREADABLE) from error
