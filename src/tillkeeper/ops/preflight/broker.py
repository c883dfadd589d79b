"""The broker that wakes Celery's workers, if there is one, and what a Redis says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tillkeeper.kernel.errors import TillError

REDIS = ("redis", "rediss")


class BrokerSilentError(TillError):
    """Report a broker that does not answer, without its address, which may hold a password."""

    code = "broker_silent"
    title = "The broker does not answer"
    next_step = "Start it, and check host, port and password in CELERY_BROKER_URL or REDIS_URL."


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Hold which kind of broker answered, and for a Redis all that `INFO` says."""

    kind: str
    info: Mapping[str, object]


def ask(url: str, *, seconds: int) -> Broker:
    """Connect, and ask a Redis how it is; raises BrokerSilentError."""
    kind = urlsplit(url).scheme
    try:
        return Broker(kind=kind, info=_redis(url, seconds) if kind in REDIS else _other(url, seconds))
    except ImportError as error:
        message = "The extra `celery` is not installed here, so that the broker cannot be asked."
        raise BrokerSilentError(message) from error
    except Exception as error:  # each kind of broker has errors of its own
        message = f"The broker does not answer ({type(error).__name__})."
        raise BrokerSilentError(message) from error


def _redis(url: str, seconds: int) -> dict[str, object]:
    import redis  # noqa: PLC0415 (of the extra `celery`)

    with redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds) as client:
        said: dict[str, object] = dict(client.info())
    return said


def _other(url: str, seconds: int) -> dict[str, object]:
    import kombu  # noqa: PLC0415 (of the extra `celery`)

    with kombu.Connection(url, connect_timeout=seconds) as connection:
        connection.ensure_connection(max_retries=1, timeout=seconds)
    return {}
