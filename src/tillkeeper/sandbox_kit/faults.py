"""The fault dial: what goes wrong on purpose, and by how much."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType

day_seconds = 86_400
webhook_copies_max = 100
scope_entries_max = 20
scope_entry_length_max = 200

# One call meets at most one of these; their shares of all calls are stacked in this order.
ERROR_BEFORE = "error_before_percent"
ERROR_AFTER = "error_after_percent"
LOST_REPLY = "lost_reply_percent"
STALL = "stall_percent"
MISHAPS = (ERROR_BEFORE, ERROR_AFTER, LOST_REPLY, STALL)

BAD_SIGNATURE = "webhook_bad_signature_percent"
OLD_TIMESTAMP = "webhook_old_timestamp_percent"
DROP = "webhook_drop_percent"
MERCHANT_ERROR, MERCHANT_LOST_REPLY = "merchant_error_percent", "merchant_lost_reply_percent"


@dataclass(frozen=True, slots=True)
class Dial:
    """Hold every setting; a new fault is one line here, one explanation and, for numbers, one limit below."""

    seed: int = 0
    only_methods: tuple[str, ...] = ()
    only_paths: tuple[str, ...] = ()
    latency_ms: int = 0
    error_before_percent: int = 0
    error_after_percent: int = 0
    lost_reply_percent: int = 0
    stall_percent: int = 0
    stall_ms: int = 60_000
    not_found_first: int = 0
    not_found_ms: int = 0
    forget_keys: bool = False
    key_window_seconds: int = day_seconds
    late_fee_seconds: int = 0
    clock_ahead_seconds: int = 0
    signatures_follow_clock: bool = False
    webhook_copies: int = 1
    webhook_shuffle: bool = False
    webhook_delay_ms: int = 0
    webhook_retry_ms_max: int = 7_200_000
    webhooks_held: bool = False
    webhook_drop_percent: int = 0
    webhook_bad_signature_percent: int = 0
    webhook_old_timestamp_percent: int = 0
    merchant_error_percent: int = 0
    merchant_lost_reply_percent: int = 0


LIMITS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "seed": (0, 2**53),
        "latency_ms": (0, 120_000),
        **dict.fromkeys((*MISHAPS, DROP, BAD_SIGNATURE, OLD_TIMESTAMP, MERCHANT_ERROR, MERCHANT_LOST_REPLY), (0, 100)),
        "stall_ms": (0, 600_000),
        "not_found_first": (0, 1_000),
        "not_found_ms": (0, day_seconds * 1000),
        "key_window_seconds": (0, 400 * day_seconds),
        "late_fee_seconds": (0, 400 * day_seconds),
        "clock_ahead_seconds": (-400 * day_seconds, 400 * day_seconds),
        "webhook_copies": (1, webhook_copies_max),
        "webhook_delay_ms": (0, day_seconds * 1000),
        "webhook_retry_ms_max": (200, 7_200_000),
    }
)

EXPLANATIONS: Mapping[str, str] = MappingProxyType(
    {
        "seed": "where the dice start: the same seed and the same calls meet the same faults; setting it starts over",
        "only_methods": 'calls that latency, errors, lost replies and stalls are limited to, as ["POST"]; none: all',
        "only_paths": 'beginnings of the paths they are limited to, as ["/v1/refunds"]; none: all',
        "latency_ms": "every API call takes this much longer",
        "error_before_percent": "this share of calls is answered 500 and not executed",
        "error_after_percent": "this share of calls is executed and then answered 500, again for the same key",
        "lost_reply_percent": "this share of calls is executed; then the connection is cut without an answer",
        "stall_percent": "this share of calls is executed and answered only after stall_ms",
        "stall_ms": "how long a stalled answer takes; longer than the client waits",
        "not_found_first": "a new object is absent from this many look-ups, as where replicas lag",
        "not_found_ms": "a new object is absent from look-ups for this long",
        "forget_keys": "idempotency keys are forgotten at once: a call sent again is executed again",
        "key_window_seconds": "idempotency keys older than this are forgotten, by the gateway's clock",
        "late_fee_seconds": "the fee of a charge is known only this much later, by the gateway's clock",
        "clock_ahead_seconds": "the gateway's clock runs ahead, or behind below zero; sessions, keys, disputes lapse",
        "signatures_follow_clock": "webhooks are signed with that clock too, so that receivers find them in the future",
        "webhook_copies": "how often each event is delivered (1 to 100)",
        "webhook_shuffle": "deliver the events of one change in random order",
        "webhook_delay_ms": "wait this long before the first delivery of an event",
        "webhook_retry_ms_max": "no webhook waits longer than this for its next try",
        "webhooks_held": "keep new webhooks back until they are released; switching it off releases them",
        "webhook_drop_percent": "this share of events is never delivered; the list of events tells so",
        "webhook_bad_signature_percent": "for this share of events an extra copy is sent with a wrong signature",
        "webhook_old_timestamp_percent": "for this share of events an extra copy is sent that was signed an hour ago",
        "merchant_error_percent": "this share of what comes to /_merchant/takes is answered 503 and not taken",
        "merchant_lost_reply_percent": "this share of it is taken; then the connection is cut without an answer",
    }
)

# What the sandbox counts, each time it really happens; the rest of the dial only says how.
COUNTED = (
    "latency_ms",
    *MISHAPS,
    "not_found_first",
    "not_found_ms",
    "forget_keys",
    "key_window_seconds",
    "late_fee_seconds",
    "webhook_copies",
    "webhook_shuffle",
    "webhook_delay_ms",
    "webhooks_held",
    DROP,
    BAD_SIGNATURE,
    OLD_TIMESTAMP,
    MERCHANT_ERROR,
    MERCHANT_LOST_REPLY,
)


class RefusedError(Exception):
    """Say in plain words why a wish for the dial was not taken."""


def turned(dial: Dial, wishes: Mapping[str, object]) -> Dial:
    """Apply wishes to a dial, or refuse all of them."""
    known = {field.name: field.type for field in fields(Dial)}
    settings = asdict(dial)
    for name, value in wishes.items():
        if name not in known:
            message = f"There is no fault called {name!r}. Choose from: {', '.join(sorted(known))}."
            raise RefusedError(message)
        settings[name] = _checked(name, value, known[name])
    shares = sum(settings[name] for name in MISHAPS)
    if shares > 100:  # noqa: PLR2004 - per cent
        message = f"A call meets one mishap at most: {' + '.join(MISHAPS)} is {shares}, more than 100."
        raise RefusedError(message)
    return Dial(**settings)


def concerns(dial: Dial, method: str, path: str) -> bool:
    """Say whether the faults of calls are meant for this call."""
    return (not dial.only_methods or method in dial.only_methods) and (
        not dial.only_paths or path.startswith(dial.only_paths)
    )


def _checked(name: str, value: object, kind: object) -> object:
    if kind is bool:
        if not isinstance(value, bool):
            message = f"{name} is true or false, not {value!r}."
            raise RefusedError(message)
        return value
    if kind is not int:
        return _texts(name, value)
    lowest, highest = LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        message = f"{name} is a whole number from {lowest} to {highest}, not {value!r}."
        raise RefusedError(message)
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    entries = value if isinstance(value, list | tuple) else [None]
    texts = tuple(entry for entry in entries if isinstance(entry, str) and 0 < len(entry) <= scope_entry_length_max)
    if len(texts) < len(entries) or len(texts) > scope_entries_max:
        message = f"{name} is a list of at most {scope_entries_max} texts, not {value!r}."
        raise RefusedError(message)
    return texts
