"""Somebody who issues tokens: keys of every kind, and an address that shows the public ones."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tillkeeper.kernel import clock

Json = dict[str, Any]


@dataclass
class Issuer:
    """Sign tokens, and show what verifies them; `answer` replaces what is shown, and `calls` counts who asked."""

    keys: dict[str, Any] = field(default_factory=dict)
    shown: list[Json] = field(default_factory=list)
    answer: bytes | None = None
    calls: int = 0
    url: str = ""
    silent: asyncio.Event | None = None

    def add(self, kid: str, algorithm: str = "RS256", /, *, bits: int = 2048, **more: Any) -> Any:
        """Make a key and show its public half."""
        if algorithm.startswith("RS"):
            key: Any = rsa.generate_private_key(65537, bits)
            public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        else:
            key = ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1())
            public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.keys[kid] = key
        self.shown.append(public | {"kid": kid, "use": "sig", "alg": algorithm} | more)
        return key

    def token(self, kid: str, user: str = "ana", *, algorithm: str = "RS256", **claims: Any) -> str:
        """Sign a token that is good for a minute."""
        said = {"sub": user, "exp": int(clock.now().timestamp()) + 60} | claims
        return jwt.encode(said, self.keys[kid], algorithm=algorithm, headers={"kid": kid})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        await reader.readuntil(b"\r\n\r\n")
        self.calls += 1
        if self.silent:
            await self.silent.wait()
        body = json.dumps({"keys": self.shown}).encode()
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
        writer.write(whole if self.answer is None else self.answer)
        await writer.drain()
        writer.close()


def public_pem(key: Any) -> bytes:
    """Write the public half of a key as everybody can read it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """Show keys on loopback."""
    issuer = Issuer()
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    try:
        yield issuer
    finally:
        if issuer.silent:
            issuer.silent.set()
        server.close()
        await server.wait_closed()
