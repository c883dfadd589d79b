"""Structured logs: JSON lines with the loggers that operators know, and nothing secret in them."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from functools import lru_cache
from numbers import Number
from pathlib import Path
from typing import Any

import structlog

from tillkeeper.kernel import cards, ibans, meters
from tillkeeper.kernel.logfile import LogFile

MASK = "***"
NAMES = (
    r"secret|token|passw|pwd|authorization|cookie|signature|api[_-]?key|cvc|cvv|cvn|security_?code|card_?number|track_?data"
    r"|phone|iban|till_session"
)
SECRET_NAMES = re.compile(rf"({NAMES}|^(?:pan|mobile|contact|vpa|upi)$)", re.IGNORECASE)
SECRET_TEXTS = re.compile(
    r"(?:sk|rk|pk)_(?:live|test)_\w+|whsec_[\w+/=]+|till_[sp]k_\w+_[\w-]+|Bearer\s+\S+"
    # A JWT, and the beginning of one that was cut: what follows in its letters is read once and never again.
    r"|eyJ[\w-]{8,}(?:\.[\w-]*){0,2}|(?<!\w)\w+_secret_\w+"
    r"|rzp_(?:live|test)_\w+|\bEAAA[\w-]{8,}|\bsq0[a-z]{3}-[\w-]+|\bA21AA[\w-]+|access_token\$\w+\$\w+\$\w+|Basic\s+[\w+/=]{8,}"
    r"|-----BEGIN[^-]+-----[^-]*(?:-----END[^-]+-----)?|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
    # The tracks of a magnetic stripe: number, name, expiry and what proves that the card is there.
    r"|%?[Bb][0-9]{13,19}\^[^\^\n]{2,26}\^[0-9= ]{0,64}\??|;?(?<![0-9])[0-9]{13,19}=[0-9]{7,64}\??"
    # What PostgreSQL quotes when it refuses a row.
    r"|(?<=Failing row contains )\([\s\S]*"
)
SECRET_VALUES = (
    # What PostgreSQL quotes of a key: from the first one of a line on, so that no line is read twice.
    re.compile(r"^((?>[^\n]*?\)=(?=\()))\([^\n]*\)(?= (?:already|is not|is still))", re.MULTILINE),
    re.compile(
        r"((?:authorization|cookie|signature)(?:\\?[\"']\s?[,:]|\s?:|%3[Aa])\s{0,3}(?:b?\\?[\"'])?)[^\r\n\"'\\]+",
        re.IGNORECASE,
    ),
    re.compile(
        rf"((?:{NAMES})[\w-]{{0,32}}(?:\\?[\"']\s?[,:=]|\s?[:=]|%3[ADad])\s{{0,3}}(?:b?\\?[\"'])?)"
        r"(?:\+?[0-9](?:[ .-]?[0-9])+|[^\s&;,\"'\\<>(){}\[\]]+)",
        re.IGNORECASE,
    ),
    re.compile(r"(\b(?:cvc|cvv|cvn)2?\W{1,4})[0-9]{3,4}\b", re.IGNORECASE),
)
"""What is masked behind a name, which stays: a header to the end of its line, anything else to the end of the word."""
SEPARATOR = re.compile("[=:,]|[cC][vV]|%3")
"""What stands between each of these names and its value: most texts have none."""
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL takes in no text."""
LOCAL = r"[^\s@<>\"'(),:;=&?/\[\]{}\\]"
PERSON = re.compile(
    rf"(?<!{LOCAL}){LOCAL}+(?:@|%(?:25)?40)(?:[\w\-]{{1,63}}(?:\.[\w\-]{{1,63}})+|[A-Za-z][A-Za-z0-9]{{2,63}})"
)
"""An address of a person, for mail or for UPI; what stands before the @ of a database's address is masked with it, and
that is fine."""
PHONE = re.compile(r"(?:\+|%2B)[1-9](?:[ ().\-/]{0,3}[0-9]){6,14}(?![0-9])")
"""A number of a telephone as the world writes it; without its + it could be anything."""
rounds_max = 3
"""How often a text is gone through: what is masked can lay bare that the digits beside it are no part of an id."""
names_kept_max = 1024

intent = structlog.get_logger("payment.intent")
webhook = structlog.get_logger("payment.webhook")
fraud = structlog.get_logger("payment.fraud")
goods = structlog.get_logger("payment.goods")
reconciliation = structlog.get_logger("payment.reconciliation")
worker = structlog.get_logger("payment.worker")
books = structlog.get_logger("payment.ledger")
events = structlog.get_logger("payment.events")


files: list[LogFile] = []
"""Where the log is kept instead of standard error, if anywhere."""


class Line(structlog.PrintLogger):
    """Print lines to standard error, or to the file that is named for it, under a logger's name."""

    def __init__(self, name: str = "tillkeeper") -> None:
        super().__init__(sys.stderr)
        self.name = name

    def msg(self, message: str) -> None:
        """Print one line; where the log has no room, what it tells of goes on all the same."""
        with suppress(OSError):
            if files:
                files[0].write(message)
            else:
                super().msg(message)

    log = debug = info = warn = warning = error = exception = critical = fatal = failure = err = msg


class Bridge(logging.Handler):
    """Carry what libraries log into our own lines, where it is scrubbed."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record of a library."""
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def configure(level: str = "INFO") -> None:
    """Send everything to standard error as one JSON object a line."""
    logging.basicConfig(handlers=[Bridge()], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _word,
            # Locals would carry secrets and card data into the log.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            scrub,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=Line,
        cache_logger_on_first_use=False,
    )


def _word(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say an event's name in words, for those who read lines and not fields."""
    event.setdefault("message", str(event.get("event", "")).replace("_", " "))
    return event


def keep(path: str) -> None:
    """Write to a file from now on, if one is named; raises OSError."""
    if path:
        files[:] = [LogFile(Path(path))]


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask secrets, card numbers and addresses of people, by the name of the field and by the look of the value."""
    cleaned = _clean_names(event)
    if str(cleaned).count(MASK) > str(event).count(MASK):
        meters.count(meters.redactions)
    return cleaned


def clean(value: Any) -> Any:
    """Mask the same in whatever is stored or shown, as deep as it goes."""
    match value:
        case str():
            return _mask(value)
        case dict():
            return _clean_names(value)
        case list() | tuple() | set() | frozenset():
            return [clean(item) for item in value]
        case bytes() | bytearray():
            return _mask(value.decode(errors="replace"))
        case _:
            return value if _is_harmless(value) else _mask(repr(value))


def mask(text: str) -> str:
    """Mask secrets, card numbers and people's addresses in what is stored or shown, and what cannot be stored."""
    return UNSTORABLE.sub("\ufffd", _mask(text))


def mask_in(thing: object, *fields: str) -> None:
    """Mask texts that others said in the fields of a frozen value that is being made."""
    for field in fields:
        text = getattr(thing, field)
        if isinstance(text, str):
            object.__setattr__(thing, field, mask(text))


def _clean_names(event: MutableMapping[str, Any]) -> dict[str, Any]:
    names = {name: _name(str(name)) for name in event}
    return {names[name][0]: MASK if names[name][1] else clean(item) for name, item in event.items()}


@lru_cache(maxsize=names_kept_max)
def _name(name: str) -> tuple[str, bool]:
    """Mask a name, and tell whether it is that of a secret: most are those that stand in our own code."""
    return _mask(name), SECRET_NAMES.search(name) is not None


def _is_harmless(value: object) -> bool:
    """Tell whether what is no text holds nothing secret when it is written as its repr, as logs do it."""
    said = repr(value)
    return not cards.holds_number(said) if isinstance(value, Number) else _mask(said) == said


def _mask(text: str) -> str:
    for _ in range(rounds_max):
        masked = _mask_once(text)
        if masked == text:
            break
        text = masked
    return text


def _mask_once(text: str) -> str:
    text = SECRET_TEXTS.sub(MASK, text)
    if SEPARATOR.search(text):
        for values in SECRET_VALUES:
            text = values.sub(rf"\g<1>{MASK}", text)
    text = PHONE.sub(MASK, PERSON.sub(MASK, text))
    return cards.mask(ibans.mask(text, MASK), MASK)
