"""Razorpay's signatures: HMAC-SHA256 in hex, compared in constant time."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

signature_length_max = 4096


def matches(secrets: Sequence[str], signed: bytes, given: str) -> bool:
    """Tell whether one of the secrets made this signature; an empty secret never did."""
    if len(given) > signature_length_max:
        return False
    expected = [hmac.new(secret.encode(), signed, sha256).hexdigest().encode() for secret in secrets if secret]
    received = given.encode(errors="replace")
    return any(hmac.compare_digest(right, received) for right in expected)
