"""Encrypt what is too long for one piece, so that nobody can read it, change it, cut it off or put its parts anew.

A file begins with MAGIC, a salt, a check of the key and a head that everybody can read. Then come chunks of
AES-256-GCM under a key of this file alone, which scrypt makes from the secret and the salt. The nonce of each is its
number and whether it is the last, and all vouch for the head: a chunk in another place, of another file, or missing at
the end is found, as is a head that was changed.
"""

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tillkeeper.kernel.crypto import key_bytes, same
from tillkeeper.kernel.errors import TillError

MAGIC = b"TILLBACKUP\x01\n"
salt_bytes = 32
check_bytes = 16
tag_bytes = 16
counter_bytes = 11
chunk_bytes = 1 << 20
head_bytes_max = 1 << 20
SCRYPT = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26, "dklen": 32}
"""A guess at a secret costs 32 MiB and a tenth of a second."""
LENGTH = struct.Struct(">I")
START_BYTES = len(MAGIC) + salt_bytes + check_bytes + LENGTH.size


class DamagedFileError(TillError):
    """Report an encrypted file that is not what was written."""

    code = "file_damaged"
    title = "The file is not what was written"
    next_step = "Take another copy of it, or an older file; this one is incomplete or was changed."


class WrongKeyError(TillError):
    """Report an encrypted file that none of the keys opens."""

    code = "wrong_key"
    title = "No key that is set here opens the file"
    next_step = "Set TILL_BACKUP_KEY, or TILL_BACKUP_KEY_PREVIOUS, to the secret with which it was written."


def _derive(secret: str, salt: bytes) -> tuple[AESGCM, bytes]:
    """Make the key of one file, and what tells whether it is the right one."""
    stretched = hashlib.scrypt(secret.encode(), salt=salt, **SCRYPT)
    key = HKDF(hashes.SHA256(), key_bytes, salt=None, info=b"tillkeeper backup chunks").derive(stretched)
    check = HKDF(hashes.SHA256(), check_bytes, salt=None, info=b"tillkeeper backup check").derive(stretched)
    return AESGCM(key), check


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(counter_bytes, "big") + bytes([last])


class Writer:
    """Encrypt into a file, and add up the digest and the size of what lies there."""

    def __init__(self, file: BinaryIO, secret: str, head: bytes) -> None:
        assert len(head) <= head_bytes_max, "a head is short"
        salt = os.urandom(salt_bytes)
        self._cipher, check = _derive(secret, salt)
        start = MAGIC + salt + check + LENGTH.pack(len(head)) + head
        self._vouched = hashlib.sha256(start).digest()
        self._file = file
        self._rest = bytearray()
        self._number = 0
        self._sum = hashlib.sha256()
        self.size = 0
        self._put(start)

    @property
    def digest(self) -> bytes:
        """Tell the digest of what was written, which after `close` is that of the whole file."""
        return self._sum.digest()

    def write(self, plain: bytes) -> None:
        """Take more."""
        self._rest += plain
        while len(self._rest) > chunk_bytes:  # what fills a chunk waits: it may be the last
            self._seal(bytes(self._rest[:chunk_bytes]), last=False)
            del self._rest[:chunk_bytes]

    def close(self) -> None:
        """Write the last chunk, which may be empty."""
        self._seal(bytes(self._rest), last=True)

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._put(self._cipher.encrypt(_nonce(self._number, last=last), plain, self._vouched))
        self._number += 1

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._sum.update(data)
        self.size += len(data)


class Reader:
    """Decrypt a file; what it hands over is proved, and the end of it is the end of what was written."""

    def __init__(self, file: BinaryIO, start: bytes, head: bytes) -> None:
        self._file = file
        self._salt = start[len(MAGIC) : len(MAGIC) + salt_bytes]
        self._check = start[len(MAGIC) + salt_bytes :][:check_bytes]
        self._vouched = hashlib.sha256(start + head).digest()
        self._digest = hashlib.sha256(start + head)
        self.head = head

    @classmethod
    def begin(cls, file: BinaryIO) -> Self:
        """Read the head, for which nothing vouches before the first chunk; raises DamagedFileError."""
        start = file.read(START_BYTES)
        if len(start) < START_BYTES or not start.startswith(MAGIC):
            message = "It does not begin as a backup of Tillkeeper does."
            raise DamagedFileError(message)
        (length,) = LENGTH.unpack(start[-LENGTH.size :])
        head = file.read(min(length, head_bytes_max))
        if len(head) != length:
            message = "It ends before its head does."
            raise DamagedFileError(message)
        return cls(file, start, head)

    def chunks(self, secrets: Sequence[str]) -> Iterator[bytes]:
        """Decrypt with whichever of the secrets is the right one; raises WrongKeyError and DamagedFileError."""
        cipher = self._unlock(secrets)
        number, sealed = 0, self._take()
        while True:
            following = self._take() if len(sealed) == chunk_bytes + tag_bytes else b""
            try:
                yield cipher.decrypt(_nonce(number, last=not following), sealed, self._vouched)
            except InvalidTag as error:
                message = f"Chunk {number} of it was changed, is in the wrong place, or is not the last."
                raise DamagedFileError(message) from error
            if not following:
                return
            number, sealed = number + 1, following

    @property
    def digest(self) -> bytes:
        """Tell the digest of what was read, which at the end is that of the whole file."""
        return self._digest.digest()

    def _unlock(self, secrets: Sequence[str]) -> AESGCM:
        for secret in secrets:
            cipher, check = _derive(secret, self._salt)
            if same(check, self._check):
                return cipher
        message = "It was written with another key, or its first bytes were changed."
        raise WrongKeyError(message)

    def _take(self) -> bytes:
        data = self._file.read(chunk_bytes + tag_bytes)
        self._digest.update(data)
        return data
