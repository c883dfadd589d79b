"""The fields of a line, read strictly: each is what it must be, or the line is refused with the field's name."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from tillkeeper.adoption.rules.extended import Inexact, Strange, UnreadableError
from tillkeeper.kernel import cards, money
from tillkeeper.kernel.money import CurrencyNotSupportedError

text_length_max = 200
digits_max = 28
"""As many as decimals are counted with; more would be rounded."""
credits_max = 10**12
amount_max = 10**15
"""In minor units; far below what the database can add up."""
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Fields:
    """Hold the fields of one object under names_like_this; what is asked for is remembered."""

    def __init__(self, given: Mapping[str, Any], *, major_units: bool) -> None:
        self._given: dict[str, Any] = {}
        self._written: dict[str, str] = {}
        self._major_units = major_units
        self._asked: set[str] = set()
        self._parts: dict[str, list[Fields]] = {}
        for written, value in given.items():
            name = HUMP.sub("_", written).lower()
            if name in self._given:
                message = f"it says `{name[:40]}` twice, as {self._written[name][:40]} and as {written[:40]}"
                raise UnreadableError(message)
            self._given[name], self._written[name] = value, written

    @property
    def ignored(self) -> frozenset[str]:
        """List the fields that nobody asked for, also those of parts."""
        inner = (f"{name}.{each}" for name, parts in self._parts.items() for part in parts for each in part.ignored)
        return frozenset(self._written[name] for name in self._given.keys() - self._asked) | frozenset(inner)

    def has(self, name: str) -> bool:
        """Tell whether a field says something."""
        return self._given.get(name) is not None

    def text(self, *names: str, needed: bool = True) -> str | None:
        """Read the first of these that is there as a text; raises UnreadableError."""
        name, value = self._first(names)
        if value is None:
            return self._absent(names[0]) if needed else None
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or isinstance(value, Inexact | Strange):
            message = f"`{name}` is not a text"
            raise UnreadableError(message)
        if not 1 <= len(value) <= text_length_max or not value.isprintable() or value != value.strip():
            message = f"`{name}` is not 1 to {text_length_max} printable characters without spaces around them"
            raise UnreadableError(message)
        if cards.holds_number(value):
            message = f"`{name}` looks like a card number, and those are not stored here"
            raise UnreadableError(message)
        return value

    def whole(self, name: str, *, least: int = 0, otherwise: int | None = None) -> int:
        """Read a number of credits; raises UnreadableError."""
        _, value = self._first((name,))
        if value is None:
            return self._absent(name) if otherwise is None else otherwise
        return _in_range(name, _whole(name, value), least, credits_max)

    def amount(self, name: str, currency: str, *, least: int = 0, otherwise: int | None = None) -> int:
        """Read money in minor units, or in whole units with decimals where the file is said to be written so."""
        _, value = self._first((name,))
        if value is None:
            return self._absent(name) if otherwise is None else otherwise
        if self._major_units:
            # A number with decimals counts as it is written: 1.99 are 199 cents, and 1.999 are refused.
            written = str(value) if isinstance(value, Inexact) else value
            value = _exact(name, written).scaleb(money.exponent(currency))
        elif isinstance(value, Decimal):
            message = f"`{name}` is a decimal: say with --major-units that amounts are written as 1.99"
            raise UnreadableError(message)
        return _in_range(name, _whole(name, value), least, amount_max)

    def currency(self, name: str = "currency") -> str:
        """Read a currency; raises UnreadableError."""
        try:
            return money.currency(self.text(name) or "")
        except CurrencyNotSupportedError as error:
            message = f"`{name}` is not three letters of ISO 4217, such as EUR"
            raise UnreadableError(message) from error

    def moment(self, name: str, *, needed: bool = False) -> datetime | None:
        """Read a moment with its time zone; raises UnreadableError."""
        _, value = self._first((name,))
        if value is None:
            return self._absent(name) if needed else None
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            if moment.tzinfo:
                return moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            pass
        message = f"`{name}` is not a moment with its time zone, such as 2026-01-31T12:00:00Z"
        raise UnreadableError(message)

    def parts(self, name: str) -> list["Fields"]:
        """Read a list of objects; raises UnreadableError."""
        _, value = self._first((name,))
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            message = f"`{name}` is not a list of objects"
            raise UnreadableError(message)
        self._parts[name] = [Fields(item, major_units=self._major_units) for item in value]
        return self._parts[name]

    def _first(self, names: tuple[str, ...]) -> tuple[str, Any]:
        """Find the first of these that says something."""
        name = next((name for name in names if self.has(name)), names[0])
        self._asked.add(name)
        return name, self._given.get(name)

    def _absent(self, name: str) -> NoReturn:
        message = f"`{name}` is missing"
        raise UnreadableError(message)


def _exact(name: str, value: Any) -> Decimal:
    if isinstance(value, Inexact):
        message = f"`{name}` is {value}, which is not exact: write it as a whole number or as text"
        raise UnreadableError(message)
    try:
        found = Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    except ArithmeticError:
        found = None
    if not isinstance(found, Decimal) or not found.is_finite() or _length(found) > digits_max:
        message = f"`{name}` is not a number that can be an amount"
        raise UnreadableError(message)
    return found


def _length(number: Decimal) -> int:
    return max(len(number.as_tuple().digits), abs(number.adjusted()))


def _whole(name: str, value: Any) -> int:
    if isinstance(value, str) and not isinstance(value, Inexact):
        message = f"`{name}` is a text, and must be a whole number"
        raise UnreadableError(message)
    found = _exact(name, value)
    if found != found.to_integral_value():
        message = f"`{name}` is {found}, and must be a whole number"
        raise UnreadableError(message)
    return int(found)


def _in_range(name: str, number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        message = f"`{name}` is {number}, and must be from {least} to {most}"
        raise UnreadableError(message)
    return number
