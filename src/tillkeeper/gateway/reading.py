"""What a gateway told, read into facts: of the right kind, or not at all."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from tillkeeper.facts import Notice
from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.gateway.lines import UNREADABLE

P = ParamSpec("P")


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
