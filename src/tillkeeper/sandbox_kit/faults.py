"""The fault dial: what goes wrong on purpose, and by how much."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

day_seconds = 86_400
webhook_copies_max = 100


@dataclass(frozen=True, slots=True)
class Dial:
    """Hold every setting; a new fault is one line here and one limit below."""

    webhook_copies: int = 1
    webhook_shuffle: bool = False
    webhook_delay_ms: int = 0
    webhooks_held: bool = False
    latency_ms: int = 0
    clock_ahead_seconds: int = 0


LIMITS: Mapping[str, tuple[int, int]] = {
    "webhook_copies": (1, webhook_copies_max),
    "webhook_delay_ms": (0, day_seconds * 1000),
    "latency_ms": (0, 120_000),
    "clock_ahead_seconds": (0, 400 * day_seconds),
}

EXPLANATIONS: Mapping[str, str] = {
    "webhook_copies": "how often each event is delivered (1 to 100)",
    "webhook_shuffle": "deliver the events of one change in random order",
    "webhook_delay_ms": "wait this long before the first delivery of an event",
    "webhooks_held": "keep new webhooks back until they are released; switching it off releases them",
    "latency_ms": "every API call takes this much longer",
    "clock_ahead_seconds": "the gateway's clock runs ahead, so that sessions and authorisations lapse",
}


class RefusedError(Exception):
    """Say in plain words why a wish for the dial was not taken."""


def turned(dial: Dial, wishes: Mapping[str, object]) -> Dial:
    """Apply wishes to a dial, or refuse all of them."""
    known = {field.name: field.type for field in fields(Dial)}
    for name, value in wishes.items():
        if name not in known:
            message = f"There is no fault called {name!r}. Choose from: {', '.join(sorted(known))}."
            raise RefusedError(message)
        _check(name, value, wants_bool=known[name] is bool)
    return Dial(**{**asdict(dial), **wishes})


def _check(name: str, value: object, *, wants_bool: bool) -> None:
    if wants_bool:
        if not isinstance(value, bool):
            message = f"{name} is true or false, not {value!r}."
            raise RefusedError(message)
        return
    lowest, highest = LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        message = f"{name} is a whole number from {lowest} to {highest}, not {value!r}."
        raise RefusedError(message)
