"""What a request asks for, read strictly: each field once, of the right type, and nothing that is not taken."""

from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

import msgspec

from tillkeeper.gateways.razorpay.sandbox.refusals import absent, invalid, unwanted
from tillkeeper.sandbox_kit import multipart
from tillkeeper.sandbox_kit.books import Json

notes_max = 15
note_length_max = 256
text_length_max = 2048
integer_digits_max = 18


def parse(raw: bytes) -> Json:
    """Read a JSON body, or a form with a file; an empty one means that nothing was asked for."""
    if not raw.strip():
        return {}
    if multipart.is_form(raw):
        parts = multipart.read(raw)
        return {name: held if name == "file" else held.decode(errors="replace") for name, held in parts.items()}
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        message = "The request body is not valid JSON."
        raise invalid(message) from problem
    if not isinstance(body, dict):
        message = "The request body must be a JSON object."
        raise invalid(message)
    return body


class Fields:
    """Take fields one by one; `done` refuses what nobody took."""

    def __init__(self, values: Json, *, query: bool = False) -> None:
        """Wrap a body, or a query in which every value is a text."""
        self.values = values
        self.query = query
        self.left = set(values)
        self.inner: list[Fields] = []

    def done(self) -> None:
        """Refuse fields that were not taken, at any depth."""
        if self.left:
            raise unwanted(sorted(self.left))
        for inner in self.inner:
            inner.done()

    def text(self, name: str, *, length_max: int = text_length_max) -> str | None:
        """Take a text, or None."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            message = f"The {name} must be a string."
            raise invalid(message, field=name)
        if len(value) > length_max:
            message = f"The {name} may not be greater than {length_max} characters."
            raise invalid(message, field=name)
        return value or None

    def needed_text(self, name: str) -> str:
        """Take a text that must be there."""
        value = self.text(name)
        if value is None:
            raise absent(name)
        return value

    def integer(self, name: str) -> int | None:
        """Take a whole number, or None."""
        value = self._take(name)
        if isinstance(value, str) and self.query:
            digits = value.removeprefix("-")
            value = int(value) if digits.isascii() and digits.isdigit() and len(digits) <= integer_digits_max else value
        if value is not None and type(value) is not int:
            message = f"The {name} must be an integer."
            raise invalid(message, field=name)
        return value

    def needed_integer(self, name: str) -> int:
        """Take a whole number that must be there."""
        value = self.integer(name)
        if value is None:
            raise absent(name)
        return value

    def flag(self, name: str) -> bool | None:
        """Take true or false, which Razorpay also reads from 1 and 0."""
        value = self._take(name)
        if value is None:
            return None
        if value not in (True, False, "0", "1"):
            message = f"The {name} field must be true or false."
            raise invalid(message, field=name)
        return value in (True, "1")

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """Take one of a few words, or None."""
        value = self.text(name)
        if value is not None and value not in choices:
            message = f"The selected {name} is invalid. It is one of {', '.join(choices)}."
            raise invalid(message, field=name)
        return value

    def group(self, name: str) -> Self | None:
        """Take nested fields, or None."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            message = f"The {name} must be an object."
            raise invalid(message, field=name)
        inner = type(self)(value)
        self.inner.append(inner)
        return inner

    def notes(self) -> Json:
        """Take the merchant's own notes."""
        value = self._take("notes")
        if value in (None, [], ""):
            return {}
        if not isinstance(value, dict) or any(isinstance(note, dict | list) for note in value.values()):
            message = "The notes must be key-value pairs."
            raise invalid(message, field="notes")
        if len(value) > notes_max:
            message = f"The notes may not have more than {notes_max} items."
            raise invalid(message, field="notes")
        if any(len(str(text)) > note_length_max for pair in value.items() for text in pair):
            message = f"A note may not be greater than {note_length_max} characters."
            raise invalid(message, field="notes")
        return value

    def url(self, name: str) -> str | None:
        """Take an address, or None."""
        value = self.text(name)
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc):
            message = f"The {name} format is invalid."
            raise invalid(message, field=name)
        return value

    def _take(self, name: str) -> object:
        self.left.discard(name)
        return self.values.get(name)
