"""What PayPal signs of a webhook: the transmission, its time, the webhook's id and a checksum of the raw body."""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tillkeeper.gateway import SignatureInvalidError

tolerance_seconds = 300
retried_for_seconds = 3 * 86_400
"""How long PayPal goes on sending a webhook; a later try carries the time of the first."""
header_length_max = 2048
ALGORITHM = "SHA256withRSA"
NAME = re.compile(r"[!-{}~]{1,255}")
"""Printable, and without the bar that joins the parts of what is signed."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
HEADERS = (
    "paypal-auth-algo",
    "paypal-cert-url",
    "paypal-transmission-id",
    "paypal-transmission-sig",
    "paypal-transmission-time",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmission:
    """Hold the headers of a webhook, checked for their form only; `time` is text because it is signed as text."""

    id: str
    time: str
    moment: datetime
    signature: str
    certificate: str


def read(headers: Mapping[str, str]) -> Transmission:
    """Read the five headers; raises SignatureInvalidError for what PayPal never writes."""
    algorithm, certificate, transmission, signature, time = (headers.get(name, "") for name in HEADERS)
    missing = [name for name in HEADERS if not headers.get(name)]
    if missing:
        message = f"The header {missing[0]} is missing."
        raise SignatureInvalidError(message)
    if algorithm != ALGORITHM:
        message = f"PAYPAL-AUTH-ALGO is not {ALGORITHM}, and nothing else is accepted."
        raise SignatureInvalidError(message)
    too_long = any(len(headers[name]) > header_length_max for name in HEADERS)
    if too_long or not NAME.fullmatch(transmission) or not TIME.fullmatch(time):
        message = "PAYPAL-TRANSMISSION-ID or PAYPAL-TRANSMISSION-TIME is malformed."
        raise SignatureInvalidError(message)
    try:
        moment = datetime.fromisoformat(time)
    except ValueError as error:
        message = "PAYPAL-TRANSMISSION-TIME is no time."
        raise SignatureInvalidError(message) from error
    return Transmission(id=transmission, time=time, moment=moment, signature=signature, certificate=certificate)


def is_late(transmission: Transmission, now: datetime) -> bool:
    """Tell whether a webhook was signed more than 300 s ago; raises SignatureInvalidError for what cannot be."""
    age = now - transmission.moment
    if age < -timedelta(seconds=tolerance_seconds):
        message = f"The webhook was signed more than {tolerance_seconds} seconds in the future."
        raise SignatureInvalidError(message)
    if age > timedelta(seconds=retried_for_seconds + tolerance_seconds):
        message = "The webhook was signed longer ago than PayPal goes on sending it."
        raise SignatureInvalidError(message)
    return age > timedelta(seconds=tolerance_seconds)


def check(transmission: Transmission, body: bytes, webhook_ids: Sequence[str], key: RSAPublicKey) -> None:
    """Check the signature over the raw body for one of our webhook ids; raises SignatureInvalidError."""
    try:
        given = base64.b64decode(transmission.signature, validate=True)
    except (binascii.Error, ValueError) as error:
        message = "PAYPAL-TRANSMISSION-SIG is not base64."
        raise SignatureInvalidError(message) from error
    for webhook_id in webhook_ids:
        signed = f"{transmission.id}|{transmission.time}|{webhook_id}|{zlib.crc32(body)}".encode()
        try:
            key.verify(given, signed, PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return
    message = "PAYPAL-TRANSMISSION-SIG does not fit this body and PAYPAL_WEBHOOK_ID."
    raise SignatureInvalidError(message)
