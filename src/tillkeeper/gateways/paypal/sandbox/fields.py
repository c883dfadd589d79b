"""JSON and query parameters, each read strictly; like PayPal it overlooks the names that it does not know."""

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import NoReturn, Self
from urllib.parse import parse_qsl, urlsplit

from tillkeeper.gateways.paypal.sandbox import money
from tillkeeper.gateways.paypal.sandbox.refusals import DESCRIPTIONS, Issue, PayPalError, impossible, malformed
from tillkeeper.sandbox_kit import multipart
from tillkeeper.sandbox_kit.books import Json

text_length_max = 2000


class Fields:
    """Take fields one by one, each checked; a refusal points to the field as PayPal does."""

    def __init__(self, tree: Json, pointer: str = "", *, location: str = "body") -> None:
        """Wrap a parsed object."""
        self.tree = tree
        self.pointer = pointer
        self.location = location

    def place(self, name: str) -> str:
        """Point to a field."""
        return f"{self.pointer}/{name}" if self.location == "body" else name

    def text(
        self, name: str, *, least: int = 1, most: int = text_length_max, pattern: re.Pattern[str] | None = None
    ) -> str | None:
        """Take a text, or None when it is left out."""
        value = self.tree.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self._refuse(Issue.INVALID_PARAMETER_SYNTAX, name)
        if not least <= len(value) <= most:
            self._refuse(Issue.INVALID_STRING_LENGTH, name, value)
        if pattern is not None and not pattern.fullmatch(value):
            self._refuse(Issue.INVALID_PARAMETER_SYNTAX, name, value)
        return value

    def needed(self, name: str, *, most: int = text_length_max, pattern: re.Pattern[str] | None = None) -> str:
        """Take a text that must be there."""
        value = self.text(name, most=most, pattern=pattern)
        if value is None:
            self._refuse(Issue.MISSING_REQUIRED_PARAMETER, name)
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """Take one of a few words."""
        value = self.text(name)
        if value is not None and value not in choices:
            self._refuse(Issue.INVALID_PARAMETER_VALUE, name, value)
        return value

    def flag(self, name: str) -> bool:
        """Take true or false; false is the default."""
        value = self.tree.get(name, False)
        if not isinstance(value, bool):
            self._refuse(Issue.INVALID_PARAMETER_SYNTAX, name)
        return value

    def count(self, name: str, *, usual: int, most: int) -> int:
        """Take a whole number from a query."""
        value = self.text(name)
        if value is None:
            return usual
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most):
            self._refuse(Issue.INVALID_PARAMETER_VALUE, name, value)
        return int(value)

    def address(self, name: str) -> str | None:
        """Take an address that a browser can go to."""
        url = self.text(name, most=4000)
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            self._refuse(Issue.INVALID_PARAMETER_SYNTAX, name, url)
        return url

    def group(self, name: str) -> Self | None:
        """Take an object, or None when it is left out."""
        value = self.tree.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._refuse(Issue.INVALID_PARAMETER_SYNTAX, name)
        return type(self)(value, self.place(name), location=self.location)

    def groups(self, name: str) -> list[Self]:
        """Take a list of objects."""
        value = self.tree.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._refuse(Issue.INVALID_PARAMETER_SYNTAX, name)
        place = self.place(name)
        return [type(self)(item, f"{place}/{index}", location=self.location) for index, item in enumerate(value)]

    def money(self, name: str) -> tuple[int, str] | None:
        """Take an amount in minor units with its currency, or None when it is left out."""
        group = self.group(name)
        if group is None:
            return None
        currency = group.needed("currency_code", most=3)
        value = group.needed("value", most=money.value_length_max, pattern=money.VALUE)
        place = group.place("value")
        if currency not in money.SUPPORTED:
            raise impossible(Issue.INVALID_CURRENCY_CODE, field=group.place("currency_code"), value=currency)
        fraction = value.partition(".")[2].rstrip("0")
        if fraction and not money.decimals_allowed(currency):
            raise impossible(Issue.DECIMALS_NOT_SUPPORTED, field=place, value=value)
        if len(fraction) > money.decimals_allowed(currency):
            raise impossible(Issue.DECIMAL_PRECISION, field=place, value=value)
        amount = money.minor(value, currency)
        if amount <= 0:
            raise impossible(Issue.CANNOT_BE_ZERO_OR_NEGATIVE, field=place, value=value)
        return amount, currency

    def needed_money(self, name: str) -> tuple[int, str]:
        """Take an amount that must be there."""
        found = self.money(name)
        if found is None:
            self._refuse(Issue.MISSING_REQUIRED_PARAMETER, name)
        return found

    def _refuse(self, issue: Issue, name: str, value: str | None = None) -> NoReturn:
        raise malformed(issue, self.place(name), value=value, location=self.location)


def of_body(raw: bytes) -> Fields:
    """Read a JSON body, or that part of a form; an empty one is an empty object."""
    if multipart.is_form(raw):
        raw = multipart.read(raw).get("input") or b""
    try:
        tree = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as problem:
        issue = Issue.MALFORMED_REQUEST_JSON
        detail = {"location": "body", "issue": issue, "description": DESCRIPTIONS[issue]}
        raise PayPalError(HTTPStatus.BAD_REQUEST, [detail]) from problem
    if not isinstance(tree, dict):
        raise malformed(Issue.INVALID_PARAMETER_SYNTAX, "/")
    return Fields(tree)


def of_query(raw: str) -> Fields:
    """Read query parameters."""
    return Fields(dict(parse_qsl(raw, keep_blank_values=True)), location="query")
