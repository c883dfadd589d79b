"""Structured logs: JSON lines with the loggers that operators know, and nothing secret in them."""

import logging
import re
import sys
import unicodedata
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote_plus

import structlog

MASK = "***"
SECRET_NAMES = re.compile(
    r"(secret|token|password|authorization|cookie|signature|api_?key|cvc|cvv|card_?number|^pan$)", re.IGNORECASE
)
SECRET_TEXTS = re.compile(
    r"(?:sk|rk|pk)_(?:live|test)_\w+|whsec_[\w+/=]+|till_[sp]k_\w+_[\w-]+|Bearer\s+\S+|eyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|rzp_(?:live|test)_\w+|\bEAAA[\w-]{8,}|\bsq0[a-z]{3}-[\w-]+|\bA21AA[\w-]+|access_token\$\w+\$\w+\$\w+|Basic\s+[\w+/=]{8,}"
    r"|-----BEGIN[^-]+-----[^-]*(?:-----END[^-]+-----)?|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    # What PostgreSQL quotes when it refuses a row: all of the row, or the values of a key.
    r"|(?<=Failing row contains )\([\s\S]*|(?<=\)=)\([^\n]*\)(?= (?:already|is not|is still))"
)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL takes in no text."""
EMAIL = re.compile(r"[^\s@<>\"'(),:;=&?/\[\]{}\\]{1,64}(?:@|%40)[\w\-]{1,63}(?:\.[\w\-]{1,63})+")
"""An address of a person; what stands before the @ of a database's address is masked with it, and that is fine."""
GAP = r"[\s._/\-\u2010-\u2015]{0,2}"
CARD_NUMBER = re.compile(rf"(?<![0-9A-Za-z\-])\d(?:{GAP}\d){{12,18}}(?![0-9A-Za-z\-])")
"""13 to 19 digits that stand by themselves: those inside an id or a hexadecimal key are a name, not a card."""
NETWORKS = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(0[0-5]|[68]\d)\d{11}|35(2[89]|[3-8]\d)\d{12,15}|6(011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}"
    r"|(60|81|82|508)\d{13,14}|(5[06-8]|6[37])\d{11,17}"
)
"""Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay, RuPay and Maestro, by prefix and length."""

intent = structlog.get_logger("payment.intent")
webhook = structlog.get_logger("payment.webhook")
fraud = structlog.get_logger("payment.fraud")
goods = structlog.get_logger("payment.goods")
reconciliation = structlog.get_logger("payment.reconciliation")
worker = structlog.get_logger("payment.worker")
books = structlog.get_logger("payment.ledger")
events = structlog.get_logger("payment.events")


class Line(structlog.PrintLogger):
    """Print lines to standard error under a logger's name."""

    def __init__(self, name: str = "tillkeeper") -> None:
        super().__init__(sys.stderr)
        self.name = name


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
            # Locals would carry secrets and card data into the log.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            scrub,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=Line,
        cache_logger_on_first_use=False,
    )


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask secrets, card numbers and e-mail addresses, by the name of the field and by the look of the value."""
    return {name: MASK if SECRET_NAMES.search(name) else _clean(value) for name, value in event.items()}


def luhn(digits: str) -> bool:
    """Tell whether the check digit of a card number is right."""
    doubled = "".join(str(int(digit) * (1 + place % 2)) for place, digit in enumerate(reversed(digits)))
    return sum(map(int, doubled)) % 10 == 0


def holds_card_number(text: str) -> bool:
    """Tell whether a text holds a card number, also for a URL or in full-width digits."""
    plain = unicodedata.normalize("NFKC", unquote_plus(text))
    return any(_is_card(match.group()) for match in CARD_NUMBER.finditer(plain))


def clean(value: Any) -> Any:
    """Mask the same in whatever is stored or shown, as deep as it goes."""
    return _clean(value)


def mask(text: str) -> str:
    """Mask secrets, card numbers and e-mail addresses in a text that is stored or shown, and what cannot be stored."""
    return UNSTORABLE.sub("\ufffd", str(_clean(text)))


def mask_in(thing: object, *fields: str) -> None:
    """Mask texts that others said in the fields of a frozen value that is being made."""
    for field in fields:
        text = getattr(thing, field)
        if isinstance(text, str):
            object.__setattr__(thing, field, mask(text))


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return NETWORKS.fullmatch(digits) is not None and luhn(digits)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        masked = EMAIL.sub(MASK, SECRET_TEXTS.sub(MASK, value))
        masked = CARD_NUMBER.sub(lambda match: MASK if _is_card(match.group()) else match.group(), masked)
        return MASK if holds_card_number(masked) else masked
    if isinstance(value, dict):
        return {name: MASK if SECRET_NAMES.search(str(name)) else _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
