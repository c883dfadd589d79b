"""Signatures as Standard Webhooks has them."""

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook

secret_bytes = 32
PREFIX = "whsec_"


def new_secret() -> str:
    """Make a secret as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(secret_bytes)).decode()


def derive_secret(key: str, name: str) -> str:
    """Make the one secret that belongs to a name here; `key` is this installation's own and cannot be found from it."""
    digest = hmac.digest(key.encode(), f"tillkeeper listener {name}".encode(), "sha256")
    return PREFIX + base64.b64encode(digest).decode()


def sign(keys: Sequence[str], *, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """Sign a body under the id of its event, once for each secret that is valid; `at` is in UTC."""
    text = body.decode()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message, at, text) for key in keys),
    }
