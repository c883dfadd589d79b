"""A token is believed when a key of the merchant's signed it, in the way that goes with that key, and never else."""

import asyncio
import base64
import json
import warnings
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.issuer import Issuer, issuing, public_pem

from tillkeeper import access
from tillkeeper.access import IssuerUnavailableError, TokenRefusedError, Tokens
from tillkeeper.access.keyset import KeySet
from tillkeeper.access.tokens import SharedSecret
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.settings import Settings, SettingsError

SECRET = "a secret of those who issue tokens"
OLD = "the secret that they had before this"


def opened(*, mode: str = "sandbox", **environment: str) -> Tokens | None:
    """Open what verifies tokens as configured."""
    base = {"TILL_MODE": mode, "DATABASE_URL": "postgresql:///x", "TILL_SECRET_KEY": "tokens " * 4}
    return access.open_tokens(Settings.model_validate(base | environment), Secrets(environment))


def shared(**environment: str) -> Tokens:
    """Open what verifies tokens by a shared secret."""
    tokens = opened(TILL_JWT_SECRET=SECRET, **environment)
    assert tokens
    return tokens


def said(user: object = "ana", **claims: object) -> dict[str, object]:
    """Say what a good token says."""
    return {"sub": user, "exp": int(clock.now().timestamp()) + 60} | claims


def part(value: object) -> str:
    """Write one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def refused(tokens: Tokens, text: str) -> None:
    """Show that a token is not believed."""
    with pytest.raises(TokenRefusedError):
        await tokens.verify(text, clock.now())


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """Show keys at an address."""
    async with issuing() as found:
        yield found


async def test_a_token_signed_with_the_shared_secret_tells_its_user() -> None:
    principal = await shared().verify(jwt.encode(said(), SECRET, algorithm="HS256"), clock.now())
    assert (principal.user, principal.key, principal.scopes) == ("ana", None, frozenset())


async def test_a_token_signed_with_another_secret_is_refused() -> None:
    await refused(shared(), jwt.encode(said(), OLD, algorithm="HS256"))


async def test_the_previous_secret_verifies_while_its_grace_lasts() -> None:
    until = clock.now() + timedelta(hours=24)
    tokens = shared(TILL_JWT_SECRET_PREVIOUS=OLD, TILL_JWT_SECRET_PREVIOUS_UNTIL=until.isoformat())
    text = jwt.encode(said(exp=int(until.timestamp()) + 3600), OLD, algorithm="HS256")
    assert (await tokens.verify(text, clock.now())).user == "ana"
    with pytest.raises(TokenRefusedError):
        await tokens.verify(text, until)


async def test_a_secret_that_was_made_too_short_since_the_start_verifies_nothing_and_breaks_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    secrets = Secrets({"TILL_JWT_SECRET_FILE": str(file), "TILL_JWT_SECRET_PREVIOUS": OLD})
    tokens = Tokens(SharedSecret(secrets))
    file.write_text("short")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library that signs, and means this very thing
        await refused(tokens, jwt.encode(said(), "short", algorithm="HS256"))
    assert (await tokens.verify(jwt.encode(said(), OLD, algorithm="HS256"), clock.now())).user == "ana"


async def test_nobody_signs_in_under_the_name_that_is_left_of_somebody_who_was_erased() -> None:
    left = ids.text("erased", ids.new())
    await refused(shared(), jwt.encode(said(left), SECRET, algorithm="HS256"))
    assert (await shared().verify(jwt.encode(said("erased_ana"), SECRET, algorithm="HS256"), clock.now())).user


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
async def test_a_token_that_nobody_signed_is_refused(algorithm: str) -> None:
    header = part({"alg": algorithm, "typ": "JWT"})
    for signature in ("", part("x")):
        await refused(shared(), f"{header}.{part(said())}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_only_one_algorithm_goes_with_a_shared_secret(algorithm: str) -> None:
    secret = SECRET * 3
    tokens = opened(TILL_JWT_SECRET=secret)
    assert tokens
    assert (await tokens.verify(jwt.encode(said(), secret, algorithm="HS256"), clock.now())).user == "ana"
    await refused(tokens, jwt.encode(said(), secret, algorithm=algorithm))


async def test_a_token_that_was_changed_is_refused() -> None:
    header, _, signature = jwt.encode(said("ben"), SECRET, algorithm="HS256").split(".")
    await refused(shared(), f"{header}.{part(said('ana'))}.{signature}")


@given(text=st.text(max_size=60) | st.from_regex(r"[\w=-]{0,20}\.[\w=-]{0,20}\.[\w=-]{0,20}"))
def test_any_nonsense_is_refused_and_nothing_else_happens(text: str) -> None:
    asyncio.run(refused(shared(), text))


@pytest.mark.parametrize("claims", [[], None, "ana", 7])
async def test_a_token_that_says_something_else_than_claims_is_refused(claims: object) -> None:
    await refused(shared(), jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, algorithm="HS256"))


async def test_a_token_that_demands_what_nobody_here_understands_is_refused() -> None:
    await refused(shared(), jwt.encode(said(), SECRET, algorithm="HS256", headers={"crit": ["exp2"], "exp2": 1}))


async def test_a_token_of_any_length_is_refused_before_it_is_read() -> None:
    await refused(shared(), jwt.encode(said(note="x" * 9_000), SECRET, algorithm="HS256"))


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "ES256", "ES384"])
async def test_a_token_signed_with_a_key_that_the_issuer_shows_tells_its_user(issuer: Issuer, algorithm: str) -> None:
    issuer.add("k1", algorithm)
    issuer.add("k2", "RS256")
    tokens = Tokens(KeySet(issuer.url))
    for user in ("ana", "ben"):
        assert (await tokens.verify(issuer.token("k1", user, algorithm=algorithm), clock.now())).user == user
    assert issuer.calls == 1, "keys are kept"


async def test_a_public_key_taken_for_a_shared_secret_verifies_nothing(issuer: Issuer) -> None:
    pem = public_pem(issuer.add("k1"))
    tokens = Tokens(KeySet(issuer.url))
    signing_input = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(said())}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing_input.encode(), pem)
    await refused(tokens, f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


async def test_a_shared_secret_that_the_issuer_shows_verifies_nothing(issuer: Issuer) -> None:
    secret = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
    issuer.shown.append({"kty": "oct", "kid": "k1", "k": secret, "alg": "HS256"})
    tokens = Tokens(KeySet(issuer.url))
    await refused(tokens, jwt.encode(said(), SECRET, algorithm="HS256", headers={"kid": "k1"}))


@pytest.mark.parametrize("told", [{"use": "enc"}, {"alg": "ES256"}, {"alg": "HS256"}, {"kty": "EC"}, {"kid": ["k1"]}])
async def test_a_key_that_is_not_for_this_verifies_nothing(issuer: Issuer, told: Any) -> None:
    issuer.add("k1", **told)
    await refused(Tokens(KeySet(issuer.url)), issuer.token("k1"))


async def test_a_key_that_is_too_short_verifies_nothing_and_breaks_nothing(issuer: Issuer) -> None:
    issuer.add("k1", bits=1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library that signs, and means this very thing
        text = issuer.token("k1")
    await refused(Tokens(KeySet(issuer.url)), text)


async def test_a_key_verifies_only_with_its_own_algorithm(issuer: Issuer) -> None:
    issuer.add("k1", "RS256")
    await refused(Tokens(KeySet(issuer.url)), issuer.token("k1", algorithm="RS512"))


async def test_a_new_key_is_found_when_a_token_names_it_and_one_that_went_is_forgotten(issuer: Issuer) -> None:
    issuer.add("k1")
    tokens = Tokens(KeySet(issuer.url, pause_seconds=0))
    old = issuer.token("k1")
    await tokens.verify(old, clock.now())
    issuer.shown.clear()
    issuer.add("k2")
    assert (await tokens.verify(issuer.token("k2"), clock.now())).user == "ana"
    await refused(tokens, old)


async def test_names_that_somebody_made_up_do_not_make_us_call_the_issuer_again_and_again(issuer: Issuer) -> None:
    issuer.add("k1")
    issuer.add("k2")
    tokens = Tokens(KeySet(issuer.url))
    await tokens.verify(issuer.token("k1"), clock.now())
    made_up = [jwt.encode(said(), issuer.keys["k1"], algorithm="RS256", headers={"kid": str(n)}) for n in range(30)]
    await asyncio.gather(*(refused(tokens, text) for text in made_up))
    assert issuer.calls == 1
    assert (await tokens.verify(issuer.token("k2"), clock.now())).user == "ana"


async def test_a_token_that_names_no_key_is_meant_for_the_only_one(issuer: Issuer) -> None:
    key = issuer.add("k1")
    text = jwt.encode(said(), key, algorithm="RS256")
    assert (await Tokens(KeySet(issuer.url)).verify(text, clock.now())).user == "ana"
    issuer.add("k2")
    await refused(Tokens(KeySet(issuer.url)), text)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<htm>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b" " * 2_000_000,
        b"",
    ],
)
async def test_without_the_keys_of_the_issuer_no_token_is_judged(issuer: Issuer, answer: bytes) -> None:
    issuer.add("k1")
    issuer.answer = answer
    with pytest.raises(IssuerUnavailableError):
        await Tokens(KeySet(issuer.url)).verify(issuer.token("k1"), clock.now())


async def test_keys_that_are_known_stay_when_the_issuer_does_not_answer(issuer: Issuer) -> None:
    issuer.add("k1")
    issuer.add("k2")
    tokens = Tokens(KeySet(issuer.url, pause_seconds=0))
    await tokens.verify(issuer.token("k1"), clock.now())
    issuer.answer = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
    issuer.add("k3")
    await refused(tokens, issuer.token("k3"))
    assert issuer.calls == 2
    assert (await tokens.verify(issuer.token("k2"), clock.now())).user == "ana"


async def test_an_issuer_that_never_ends_its_answer_is_not_waited_for(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillkeeper.access.keyset.answer_timeout_seconds", 0.2)
    issuer.add("k1")
    issuer.silent = asyncio.Event()
    with pytest.raises(IssuerUnavailableError):
        await Tokens(KeySet(issuer.url)).verify(issuer.token("k1"), clock.now())


def test_tokens_are_not_taken_unless_they_are_configured() -> None:
    assert opened() is None


@pytest.mark.parametrize(
    ("mode", "environment", "named"),
    [
        ("sandbox", {"TILL_JWT_SECRET": "short"}, "32 bytes"),
        ("sandbox", {"TILL_JWT_SECRET": SECRET, "TILL_JWT_SECRET_PREVIOUS": "short"}, "SECRET_PREVIOUS has less"),
        ("sandbox", {"TILL_JWT_SECRET": SECRET, "TILL_JWKS_URL": "https://id.test/keys"}, "both set"),
        ("live", {"TILL_JWKS_URL": "http://id.test/keys"}, "https://"),
        ("test", {"TILL_JWKS_URL": "id.test/keys"}, "https://"),
    ],
)
def test_what_would_not_be_safe_refuses_to_start(mode: str, environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        opened(mode=mode, **environment)
