"""Tokens of end users: whose they are, proved by a signature of the merchant's own."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog
from jwt import PyJWS, PyJWTError

from tillkeeper.access import rules
from tillkeeper.access.keyset import KeySet
from tillkeeper.access.values import Principal, TokenRefusedError, Verifier
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.settings import Settings, SettingsError

SECRET = "TILL_JWT_SECRET"  # noqa: S105 (the name of a variable)
secret_bytes_min = 32
token_length_max = 8_192
log = structlog.get_logger("access")
SIGNATURES = PyJWS(options={"enforce_minimum_key_length": True})


class Source(Protocol):
    """Find what may have signed a token."""

    async def verifiers(self, kid: str | None, now: datetime) -> list[Verifier]:
        """List the keys that a token may be signed with, each with the algorithms that go with it."""
        ...


class SharedSecret:
    """Know the secret that the merchant signs with, and the one before during a rotation: HS256 and no other."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def verifiers(self, kid: str | None, now: datetime) -> list[Verifier]:
        """List the secrets that are good now and long enough, whatever the token calls them."""
        del kid
        accepted = self._secrets.accepted(SECRET, now)
        good = [secret for secret in accepted if not _is_short(secret)]
        if good != accepted:  # a file was written anew since the start, which measured what was there then
            log.warning("token_secret_too_short", bytes_min=secret_bytes_min)
        return [Verifier(key=secret.encode(), algorithms=("HS256",)) for secret in good]


class Tokens:
    """Tell whose a token is."""

    def __init__(self, source: Source, *, issuer: str = "", audience: str = "") -> None:
        self._source = source
        self._issuer = issuer
        self._audience = audience

    async def verify(self, text: str, now: datetime) -> Principal:
        """Find whose token this is; raises TokenRefusedError, or IssuerUnavailableError when its keys are unknown."""
        kid = _header(text).get("kid")
        claims = _claims(text, await self._source.verifiers(kid, now))
        user = rules.user_of(claims, issuer=self._issuer, audience=self._audience, now=now)
        return Principal(name=user, user=user)


def open_tokens(settings: Settings, secrets: Secrets) -> Tokens | None:
    """Verify tokens as configured, or not at all; raises SettingsError for what would not be safe."""
    secret, url = secrets.get(SECRET), settings.jwks_url
    if secret and url:
        message = f"{SECRET} and TILL_JWKS_URL are both set; tokens are signed in one way or the other."
        raise SettingsError(message)
    for name in (SECRET, f"{SECRET}_PREVIOUS"):
        if secrets.get(name) and _is_short(secrets.get(name)):
            message = f"{name} has less than {secret_bytes_min} bytes, and could be guessed."
            raise SettingsError(message)
    if url and not url.startswith("https://") and settings.mode != "sandbox":
        message = "TILL_JWKS_URL does not begin with https://, so anybody on the way could put keys there."
        raise SettingsError(message)
    if not secret and not url:
        return None
    source = KeySet(url) if url else SharedSecret(secrets)
    return Tokens(source, issuer=settings.jwt_issuer, audience=settings.jwt_audience)


def looks_like_one(text: str) -> bool:
    """Tell a token from a key by its three parts."""
    return text.count(".") == 2  # noqa: PLR2004 (header, claims and signature)


def _is_short(secret: str) -> bool:
    return len(secret.encode()) < secret_bytes_min


def _header(text: str) -> Mapping[str, Any]:
    if len(text) > token_length_max:
        message = f"A token has at most {token_length_max} characters."
        raise TokenRefusedError(message)
    try:
        header: Mapping[str, Any] = SIGNATURES.get_unverified_header(text)
    except (PyJWTError, ValueError) as error:
        raise TokenRefusedError from error
    return header


def _claims(text: str, verifiers: list[Verifier]) -> Mapping[str, object]:
    """Read what a token says, once a signature proves that the merchant said it."""
    for verifier in verifiers:
        try:
            payload = SIGNATURES.decode(text, verifier.key, algorithms=verifier.algorithms)
            claims = json.loads(payload)
        except (PyJWTError, ValueError, RecursionError):
            continue
        if isinstance(claims, dict):
            return claims
    message = "Its signature is not by a key that is accepted here, or it is no token at all."
    raise TokenRefusedError(message)
