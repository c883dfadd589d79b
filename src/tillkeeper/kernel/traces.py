"""What was done for a payment, and when: told to whoever listens, and to nobody otherwise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from tillkeeper.kernel import clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Hold something that was done for a payment, from one moment to another; `first` is what all the rest hangs on."""

    name: str
    payment: UUID
    begun_ns: int
    ended_ns: int
    first: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


Listener = Callable[[Span], None]

_listeners: list[Listener] = []


def record(name: str, payment: UUID, begun_ns: int, *, first: bool = False, **attributes: str) -> None:
    """Tell that something was done for a payment, from a moment until now."""
    if _listeners:
        span = Span(
            name=name,
            payment=payment,
            begun_ns=begun_ns,
            ended_ns=clock.wall_ns(),
            first=first,
            attributes=attributes,
        )
        for listener in _listeners:
            listener(span)


def listen(listener: Listener | None) -> None:
    """Let somebody hear of all that is done from now on, or nobody."""
    _listeners[:] = [listener] if listener else []
