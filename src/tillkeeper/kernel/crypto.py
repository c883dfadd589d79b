"""Keep stored bodies unreadable without the installation's key, and compare secrets in constant time."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

nonce_bytes = 12
key_bytes = 32


class Box:
    """Seal and open bytes with a key made from TILL_SECRET_KEY; what the previous one sealed is opened as well."""

    def __init__(self, secret: str, previous: str = "") -> None:
        assert secret, "an empty secret would protect nothing"
        self._cipher = _cipher(secret)
        self._previous = _cipher(previous) if previous else None

    def seal(self, plain: bytes) -> bytes:
        """Encrypt; what comes back starts with its nonce."""
        # Asked for each time: what lies ready in memory would come again in a machine that is resumed twice from one
        # snapshot, and a nonce that comes twice gives the key away.
        nonce = os.urandom(nonce_bytes)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what `seal` made; raises cryptography's InvalidTag when it was changed."""
        try:
            return self._cipher.decrypt(sealed[:nonce_bytes], sealed[nonce_bytes:], None)
        except InvalidTag:
            if self._previous is None:
                raise
            return self._previous.decrypt(sealed[:nonce_bytes], sealed[nonce_bytes:], None)

    def opens(self, sealed: bytes) -> bool:
        """Tell whether this was sealed with a key of ours, and not changed."""
        try:
            self.open(sealed)
        except InvalidTag:
            return False
        return True

    def renew(self, sealed: bytes) -> bytes | None:
        """Seal again what the previous key sealed; None for what is of this key already."""
        try:
            self._cipher.decrypt(sealed[:nonce_bytes], sealed[nonce_bytes:], None)
        except InvalidTag:
            return self.seal(self.open(sealed))
        return None


def _cipher(secret: str) -> AESGCM:
    return AESGCM(HKDF(hashes.SHA256(), key_bytes, salt=None, info=b"tillkeeper stored bodies").derive(secret.encode()))


def sha256(content: bytes) -> bytes:
    """Digest content."""
    return hashlib.sha256(content).digest()


def same(left: str | bytes, right: str | bytes) -> bool:
    """Compare two secrets without telling by the time how far they agree."""
    return hmac.compare_digest(_raw(left), _raw(right))


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
