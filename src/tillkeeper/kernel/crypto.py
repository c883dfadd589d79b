"""Keep stored bodies unreadable without the installation's key, and compare secrets in constant time."""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

nonce_bytes = 12
key_bytes = 32


class Box:
    """Seal and open bytes with a key made from TILL_SECRET_KEY."""

    def __init__(self, secret: str) -> None:
        assert secret, "an empty secret would protect nothing"
        self._cipher = AESGCM(
            HKDF(hashes.SHA256(), key_bytes, salt=None, info=b"tillkeeper stored bodies").derive(secret.encode())
        )

    def seal(self, plain: bytes) -> bytes:
        """Encrypt; what comes back starts with its nonce."""
        nonce = os.urandom(nonce_bytes)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what `seal` made; raises cryptography's InvalidTag when it was changed."""
        return self._cipher.decrypt(sealed[:nonce_bytes], sealed[nonce_bytes:], None)


def sha256(content: bytes) -> bytes:
    """Digest content."""
    return hashlib.sha256(content).digest()


def same(left: str | bytes, right: str | bytes) -> bool:
    """Compare two secrets without telling by the time how far they agree."""
    return hmac.compare_digest(_raw(left), _raw(right))


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
