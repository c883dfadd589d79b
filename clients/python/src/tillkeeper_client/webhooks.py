"""Webhooks of Tillkeeper, verified as Standard Webhooks says."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillkeeper_client import models
from tillkeeper_client.errors import TillkeeperError
from tillkeeper_client.reading import read

tolerance_seconds = 300
timestamp_digits_max = 16
secret_bytes_min = 24
"""What the standard asks for; the key of a shorter or empty one could be guessed by everybody."""
Told = models.PaymentTold | models.GoodsTold | models.PayoutTold | models.DiscrepancyTold | dict[str, Any]


class WebhookVerificationError(TillkeeperError):
    """Report a webhook that was not sent by whoever has the secret, or not just now; answer it with 400."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Hold what a webhook tells; `id` stays the same when it is sent again, so remember the ids that you have seen."""

    id: str
    type: str
    timestamp: datetime
    data: Told


class Webhook:
    """Verify webhooks by the endpoint's secret (`whsec_…`); while it is rotated, give the new one and the old one.

    Raises ValueError for what is no secret, and for none at all.
    """

    def __init__(self, *secrets: str) -> None:
        try:
            self._secrets = [base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in secrets]
        except binascii.Error as error:
            message = "A webhook secret is `whsec_` and base64, as it was shown when the endpoint was made."
            raise ValueError(message) from error
        if not secrets or any(len(secret) < secret_bytes_min for secret in self._secrets):
            message = "A webhook secret is empty or cut off; give the whole `whsec_…` that was shown for the endpoint."
            raise ValueError(message)

    def verify(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Read a webhook from its raw bytes and its headers; raises WebhookVerificationError."""
        named = {name.lower(): value for name, value in headers.items()}
        id_, moment = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
        is_time = moment.isdecimal() and len(moment) <= timestamp_digits_max
        if not is_time or abs(time.time() - int(moment)) > tolerance_seconds:
            message = "The webhook has no timestamp, or one that is more than five minutes away."
            raise WebhookVerificationError(message)
        signed = f"{id_}.{moment}.".encode() + body
        if not self._is_signed(signed, named.get("webhook-signature", "")):
            message = "No signature of the webhook fits a secret."
            raise WebhookVerificationError(message)
        return _event(id_, json.loads(body))

    def _is_signed(self, signed: bytes, signatures: str) -> bool:
        wanted = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)) for secret in self._secrets]
        sent = [each[3:].encode() for each in signatures.split(" ") if each.startswith("v1,")]
        return any(hmac.compare_digest(each, one) for each in sent for one in wanted)


def _event(id_: str, told: Mapping[str, Any]) -> Event:
    kind = models.EVENTS.get(told["type"])
    data: Told = read(kind, told["data"]) if kind else told["data"]
    return Event(id=id_, type=told["type"], timestamp=datetime.fromisoformat(told["timestamp"]), data=data)
