"""Form-encoded parameters with nested brackets, read strictly: whatever is not taken is unknown."""

from collections.abc import Sequence
from typing import Self
from urllib.parse import parse_qsl

from tillkeeper.gateways.stripe.sandbox.refusals import absent, invalid, unknown
from tillkeeper.sandbox_kit.books import Json

pairs_max = 1000
depth_max = 8
integer_digits_max = 18
metadata_keys_max = 50
metadata_key_length_max = 40
metadata_value_length_max = 500
text_length_max = 5000


def parse(raw: str) -> Json:
    """Read `a[b][0][c]=1` into nested dictionaries; a list is a dictionary of its indexes until it is asked for."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=pairs_max, errors="strict")
    except ValueError as problem:
        message = f"Invalid form encoding: {problem}"
        raise invalid(message) from problem
    tree: Json = {}
    for name, value in pairs:
        _plant(tree, _steps(name), value, name)
    return tree


def _steps(name: str) -> list[str]:
    head, *rest = name.split("[")
    steps = [head, *(part.removesuffix("]") for part in rest)]
    if len(steps) > depth_max or not head or not all(part.endswith("]") for part in rest):
        raise unknown(name)
    return steps


def _plant(tree: Json, steps: Sequence[str], value: str, name: str) -> None:
    *path, last = steps
    for step in path:
        inner = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(inner, dict):
            message = f"Invalid parameter: {name} is given both as a value and as a group."
            raise invalid(message, param=name)
        tree = inner
    tree[last or str(len(tree))] = value


class Params:
    """Take parameters one by one, each checked; `done` refuses what nobody took."""

    def __init__(self, tree: Json, prefix: str = "") -> None:
        """Wrap a parsed tree."""
        self.tree = tree
        self.prefix = prefix
        self.taken: list[Params] = []
        self.left = set(tree)

    def name(self, key: str) -> str:
        """Spell a parameter as the caller did."""
        return f"{self.prefix}[{key}]" if self.prefix else key

    def has(self, key: str) -> bool:
        """Say whether the parameter was sent at all."""
        return key in self.tree

    def done(self) -> None:
        """Refuse parameters that were not taken, at any depth."""
        if self.left:
            raise unknown(self.name(min(self.left)))
        for inner in self.taken:
            inner.done()

    def text(self, key: str, *, length_max: int = text_length_max) -> str | None:
        """Take a text; an empty one means null."""
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, str):
            message = f"Invalid string: {self.name(key)}"
            raise invalid(message, param=self.name(key))
        if len(value) > length_max:
            message = f"Invalid string: {self.name(key)} must be at most {length_max} characters"
            raise invalid(message, param=self.name(key))
        return value or None

    def needed_text(self, key: str) -> str:
        """Take a text that must be there."""
        value = self.text(key)
        if value is None:
            raise self._absent(key)
        return value

    def integer(self, key: str) -> int | None:
        """Take a whole number."""
        value = self.text(key)
        if value is None:
            return None
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= integer_digits_max):
            message = f"Invalid integer: {value[:integer_digits_max]}"
            raise invalid(message, param=self.name(key), code="parameter_invalid_integer")
        return int(value)

    def needed_integer(self, key: str) -> int:
        """Take a whole number that must be there."""
        value = self.integer(key)
        if value is None:
            raise self._absent(key)
        return value

    def boolean(self, key: str) -> bool | None:
        """Take true or false."""
        value = self.text(key)
        if value is not None and value not in {"true", "false"}:
            message = f"Invalid boolean: {value}"
            raise invalid(message, param=self.name(key))
        return None if value is None else value == "true"

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        """Take one of a few words."""
        value = self.text(key)
        if value is not None and value not in choices:
            listed = ", ".join(choices[:-1]) + (", or " if len(choices) > 1 else "") + choices[-1]
            message = f"Invalid {self.name(key)}: must be one of {listed}"
            raise invalid(message, param=self.name(key))
        return value

    def group(self, key: str) -> Self | None:
        """Take nested parameters; None when there are none."""
        value = self._take(key)
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            message = f"Invalid object: {self.name(key)}"
            raise invalid(message, param=self.name(key))
        inner = type(self)(value, self.name(key))
        self.taken.append(inner)
        return inner

    def groups(self, key: str) -> list[Self]:
        """Take a list of nested parameters."""
        outer = self.group(key)
        if outer is None:
            return []
        items = [outer.group(index) for index in outer.indexes()]
        return [item for item in items if item is not None]

    def texts(self, key: str) -> list[str]:
        """Take a list of texts."""
        outer = self.group(key)
        return [] if outer is None else [outer.needed_text(index) for index in outer.indexes()]

    def indexes(self) -> list[str]:
        """Put the keys of a list in order, or refuse when this is no list."""
        if not all(key.isascii() and key.isdigit() and len(key) <= integer_digits_max for key in self.tree):
            message = f"Invalid array: {self.prefix}"
            raise invalid(message, param=self.prefix)
        return sorted(self.tree, key=int)

    def metadata(self, before: Json | None = None) -> Json:
        """Take metadata laid over what is there: an empty value removes its key, empty metadata removes all."""
        value = self._take("metadata")
        if value is None:
            return dict(before or {})
        if value == "":
            return {}
        if not isinstance(value, dict) or any(not isinstance(text, str) for text in value.values()):
            message = "Invalid metadata: it is a set of key-value pairs"
            raise invalid(message, param=self.name("metadata"))
        merged = {key: text for key, text in {**(before or {}), **value}.items() if text}
        self._check_metadata(merged)
        return merged

    def _check_metadata(self, merged: Json) -> None:
        if len(merged) > metadata_keys_max:
            message = f"Metadata can have at most {metadata_keys_max} keys"
            raise invalid(message, param=self.name("metadata"))
        for key, text in merged.items():
            if len(key) > metadata_key_length_max:
                message = f"Metadata keys can have up to {metadata_key_length_max} characters"
                raise invalid(message, param=self.name("metadata"))
            if len(text) > metadata_value_length_max:
                message = f"Metadata values can have up to {metadata_value_length_max} characters"
                raise invalid(message, param=f"{self.name('metadata')}[{key}]")

    def _take(self, key: str) -> object:
        self.left.discard(key)
        return self.tree.get(key)

    def _absent(self, key: str) -> Exception:
        if self.tree.get(key) == "":
            message = f"You passed an empty string for '{self.name(key)}'. It must not be empty."
            return invalid(message, param=self.name(key), code="parameter_invalid_empty")
        return absent(self.name(key))
