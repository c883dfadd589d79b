"""What a gateway told, read into facts: of the right kind, or not at all."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from tillkeeper.facts import Notice
from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.gateway.lines import UNREADABLE

P = ParamSpec("P")
name_length_max = 255


def readable(translate: Callable[P, list[Notice]]) -> Callable[P, list[Notice]]:
    """Let a translation end in notices that hold what they say, or in PayloadUnreadableError, and in nothing else."""

    @wraps(translate)
    def read(*args: P.args, **named: P.kwargs) -> list[Notice]:
        try:
            notices = translate(*args, **named)
            for notice in notices:
                notice.check()
        except PayloadUnreadableError:
            raise
        except UNREADABLE as error:
            message = f"The body is not what the gateway promises of such an event: {type(error).__name__}: {error}"
            raise PayloadUnreadableError(message) from error
        return notices

    return read


def check_names(*names: str | None) -> None:
    """Raise ValueError unless these are ids and types as gateways write them, or not there.

    What else JSON strings can hold does not fit into every column. A pattern of msgspec's says the same, and asks
    Python's `re` about each of them: a sixth of what verifying a webhook takes.
    """
    for name in names:
        if name is not None and not (_is_plain(name) and 0 < len(name) <= name_length_max):
            message = f"an id or a type is 1 to {name_length_max} printable characters of ASCII without a space"
            raise ValueError(message)


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isprintable() and " " not in name
