"""The public keys of whoever issues tokens, read from an address and kept for a while."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx2
import structlog
from jwt import PyJWK, PyJWTError

from tillkeeper.access.values import Verifier
from tillkeeper.kernel import clock, outside, trust
from tillkeeper.kernel.errors import TillError

BY_KIND = {
    ("RSA", "None"): ("RS256", "RS384", "RS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
}
"""What a key verifies that does not name its algorithm. Shared secrets and anything else verify nothing here."""
asked_again_seconds = 30
"""How long an unknown key is not asked for again: whoever makes up names must not make us call anybody."""
fresh_seconds = 600
trusted_seconds = 86_400
"""How long keys are still believed when their address does not answer."""
answer_timeout_seconds = 5
answer_bytes_max = 1_048_576
keys_max = 100
log = structlog.get_logger("access")


class IssuerUnavailableError(TillError):
    """Report that tokens cannot be verified, because the keys of whoever issues them cannot be read."""

    code = "issuer_unavailable"
    status = 503
    title = "Tokens cannot be verified right now"
    retryable = True
    retry_after_seconds = 5
    next_step = (
        "Try again in a few seconds. Secret keys still work; whoever runs this installation looks at TILL_JWKS_URL."
    )


class KeySet:
    """Keep the keys of one address."""

    def __init__(self, url: str, *, pause_seconds: int = asked_again_seconds) -> None:
        self._url = url
        self._pause_ms = pause_seconds * 1000
        self._keys: dict[str | None, Verifier] = {}
        self._since_asked_ms: Callable[[], int] | None = None
        self._since_read_ms: Callable[[], int] | None = None
        self._asking = asyncio.Lock()

    async def verifiers(self, kid: str | None, now: datetime) -> list[Verifier]:
        """Find the key of this name, asking for it when it is new; raises IssuerUnavailableError."""
        del now  # how old keys are is measured by a stopwatch, which no correction of the clock disturbs
        if self._age_seconds() > fresh_seconds:
            await self._ask()
        found = self._named(kid)
        if not found:
            await self._ask()
            found = self._named(kid)
        if self._age_seconds() > trusted_seconds:
            raise IssuerUnavailableError
        return found

    def _named(self, kid: str | None) -> list[Verifier]:
        """Find a key by its name; a token that names none can only be meant for the only one."""
        if kid is None:
            return list(self._keys.values()) if len(self._keys) == 1 else []
        return [self._keys[kid]] if kid in self._keys else []

    def _age_seconds(self) -> int:
        return self._since_read_ms() // 1000 if self._since_read_ms else trusted_seconds + 1

    async def _ask(self) -> None:
        """Read the keys, unless that was just tried; when it fails, those that are known stay."""
        async with self._asking:
            if self._since_asked_ms and self._since_asked_ms() < self._pause_ms:
                return
            self._since_asked_ms = clock.timer_ms()
            try:
                self._keys = _read(await self._fetch())
            except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
                log.warning("token_keys_unreadable", url=self._url, reason=type(error).__name__)
            else:
                self._since_read_ms = clock.timer_ms()

    async def _fetch(self) -> bytes:
        outside.leave()
        async with (
            asyncio.timeout(answer_timeout_seconds),
            httpx2.AsyncClient(trust_env=False, verify=trust.authorities(), follow_redirects=False) as http,
            http.stream("GET", self._url, headers={"Accept": "application/json"}) as answer,
        ):
            answer.raise_for_status()
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > answer_bytes_max:
                    message = f"more than {answer_bytes_max} bytes"
                    raise ValueError(message)
            return body


def _read(body: bytes) -> dict[str | None, Verifier]:
    """Read a JSON Web Key Set (RFC 7517); what is not for signatures, or not of a kind that we take, is left out."""
    told = json.loads(body)
    listed = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        message = "no list of keys"
        raise ValueError(message)  # noqa: TRY004 (it is what was sent that is wrong)
    found = [(each.get("kid"), _verifier(each)) for each in listed[:keys_max] if isinstance(each, dict)]
    return {kid: verifier for kid, verifier in found if verifier and isinstance(kid, str | None)}


def _verifier(told: dict[str, Any]) -> Verifier | None:
    """Read one key with the algorithms that go with it, so that no other can be made of it."""
    algorithms = BY_KIND.get((str(told.get("kty")), str(told.get("crv"))))
    if not algorithms or told.get("use", "sig") != "sig" or "d" in told:
        return None
    if "alg" in told:
        algorithms = tuple(each for each in algorithms if each == told["alg"])
    if not algorithms:
        return None
    try:
        read = PyJWK(told, algorithms[0])
    except PyJWTError:
        return None
    return None if read.Algorithm.check_key_length(read.key) else Verifier(key=read.key, algorithms=algorithms)
