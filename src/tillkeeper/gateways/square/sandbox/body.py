"""Parameters, from a JSON body or a query, read strictly: whatever is not taken is unknown."""

from collections.abc import Sequence
from typing import NoReturn, Self

from tillkeeper.gateways.square.sandbox.act import moment_of
from tillkeeper.gateways.square.sandbox.currencies import checked_currency
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json

text_length_max = 4096
integer_digits_max = 18
amount_max = 2**63 - 1


class Params:
    """Take parameters one by one, each checked; `done` refuses what nobody took."""

    def __init__(self, tree: Json, prefix: str = "", *, query: bool = False) -> None:
        """Wrap parsed parameters; in a query every value is text."""
        self.tree = tree
        self.prefix = prefix
        self.query = query
        self.left = set(tree)
        self.taken: list[Params] = []

    def name(self, key: str) -> str:
        """Spell a parameter as the caller did."""
        return f"{self.prefix}.{key}" if self.prefix else key

    def has(self, key: str) -> bool:
        """Say whether the parameter was sent with a value."""
        return self.tree.get(key) is not None

    def done(self) -> None:
        """Refuse parameters that were not taken, at any depth."""
        if self.left:
            field = self.name(min(self.left))
            code = "UNKNOWN_QUERY_PARAMETER" if self.query else "UNKNOWN_BODY_PARAMETER"
            detail = f"Unknown parameter, or one that this sandbox does not imitate: {field}"
            raise SquareError(detail, code=code, field=field)
        for inner in self.taken:
            inner.done()

    def text(self, key: str, *, most: int = text_length_max) -> str | None:
        """Take a text; an empty one counts as absent."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(key, "Expected a string value.", "EXPECTED_STRING")
        if len(value) > most:
            self.refuse(key, f"Field must not be greater than {most} length", "VALUE_TOO_LONG")
        return value or None

    def needed_text(self, key: str, *, most: int = text_length_max) -> str:
        """Take a text that must be there."""
        value = self.text(key, most=most)
        if value is None:
            self.lack(key)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Take true or false."""
        value = self._take(key)
        if self.query and value in ("true", "false"):
            return value == "true"
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(key, "Expected a boolean value.", "EXPECTED_BOOLEAN")
        return value

    def integer(self, key: str) -> int | None:
        """Take a whole number."""
        value = self._take(key)
        if self.query and isinstance(value, str):
            digits = value.removeprefix("-")
            value = int(value) if digits.isascii() and digits.isdigit() and len(digits) <= integer_digits_max else value
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(key, "Expected an integer value.", "EXPECTED_INTEGER")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        """Take one of a few words."""
        value = self.text(key)
        if value is not None and value not in choices:
            self.refuse(key, f"`{value}` is not a valid enum value for `{self.name(key)}`.", "INVALID_ENUM_VALUE")
        return value

    def moment(self, key: str) -> int | None:
        """Take a time in RFC 3339 as Unix seconds."""
        value = self.text(key)
        if value is None:
            return None
        try:
            return moment_of(value)
        except ValueError:
            self.refuse(key, "Invalid date. It must be in RFC 3339 format.", "INVALID_TIME")

    def money(self, key: str, *, least: int = 1) -> Json | None:
        """Take an amount of money in a currency that the imitated account takes."""
        group = self.group(key)
        if group is None:
            return None
        amount, currency = group.integer("amount"), group.needed_text("currency")
        if amount is None:
            group.lack("amount")
        if amount < least:
            group.refuse("amount", f"Amount must be at least {least}.", "VALUE_TOO_LOW")
        if amount > amount_max:
            group.refuse("amount", f"Amount must be at most {amount_max}.", "VALUE_TOO_HIGH")
        return {"amount": amount, "currency": checked_currency(currency, field=group.name("currency"))}

    def needed_money(self, key: str, *, least: int = 1) -> Json:
        """Take an amount of money that must be there."""
        money = self.money(key, least=least)
        if money is None:
            self.lack(key)
        return money

    def group(self, key: str) -> Self | None:
        """Take nested parameters."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(key, "Expected an object.", "EXPECTED_OBJECT")
        inner = type(self)(value, self.name(key))
        self.taken.append(inner)
        return inner

    def groups(self, key: str) -> list[Self]:
        """Take a list of nested parameters."""
        inner = [type(self)({"": item}, f"{self.name(key)}[{at}]") for at, item in enumerate(self._list(key))]
        found = [each.group("") for each in inner]
        self.taken.extend(each for each in found if each is not None)
        return [each for each in found if each is not None]

    def texts(self, key: str) -> list[str]:
        """Take a list of texts."""
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            self.refuse(key, "Expected a list of strings.", "EXPECTED_STRING")
        return [str(value) for value in values]

    def metadata(self, key: str) -> dict[str, str]:
        """Take a map of texts."""
        value = self._take(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            self.refuse(key, "Expected a map of strings.", "EXPECTED_MAP")
        return dict(value)

    def ignore(self, *keys: str) -> None:
        """Take what makes no difference here."""
        self.left.difference_update(keys)

    def lack(self, key: str) -> NoReturn:
        """Refuse because a parameter must be there."""
        self.refuse(key, "Missing required parameter.", "MISSING_REQUIRED_PARAMETER")

    def refuse(self, key: str, detail: str, code: str = "INVALID_VALUE") -> NoReturn:
        """Refuse a value that cannot be right."""
        raise SquareError(detail, code=code, field=self.name(key))

    def _list(self, key: str) -> list[object]:
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(key, "Expected an array.", "EXPECTED_ARRAY")
        return value

    def _take(self, key: str) -> object:
        self.left.discard(key)
        return self.tree.get(key)
