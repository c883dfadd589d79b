"""What is sealed is sealed with a nonce of its own."""

import os

import pytest

from tillkeeper.kernel import crypto


def test_every_nonce_is_asked_of_the_system_and_none_lies_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def urandom(size: int) -> bytes:
        asked.append(size)
        return bytes([len(asked)]) * size

    monkeypatch.setattr(os, "urandom", urandom)
    box = crypto.Box("secret")
    assert [box.seal(b"x")[: crypto.nonce_bytes] for _ in range(2)] == [b"\x01" * 12, b"\x02" * 12]
