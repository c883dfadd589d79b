"""Whose a token is, by claims that are proved already."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.access import TokenRefusedError
from tillkeeper.access.rules import leeway_seconds, user_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def read(*, issuer: str = "", audience: str = "", **claims: Any) -> str:
    """Read claims that are good unless others are given; an ellipsis leaves one out."""
    told = {name: value for name, value in ({"sub": "ana", "exp": SECONDS + 60} | claims).items() if value is not ...}
    return user_of(told, issuer=issuer, audience=audience, now=NOW)


def test_the_subject_of_a_token_is_its_user() -> None:
    assert read(sub="user-42") == "user-42"


@pytest.mark.parametrize(
    "user", [..., None, "", 7, True, ["ana"], {"a": 1}, " ana", "ana ", "a\nb", "a\x00", "u" * 201]
)
def test_a_token_that_names_nobody_is_refused(user: object) -> None:
    with pytest.raises(TokenRefusedError):
        read(sub=user)


@given(late=st.integers(-10_000, 10_000))
def test_a_token_is_good_until_its_end_and_half_a_minute_more(late: int) -> None:
    if late < leeway_seconds:
        assert read(exp=SECONDS - late) == "ana"
    else:
        with pytest.raises(TokenRefusedError, match="ended"):
            read(exp=SECONDS - late)


@pytest.mark.parametrize("end", [..., None, "2999", True, [SECONDS], float("nan"), float("inf"), -1, 0])
def test_a_token_without_an_end_is_refused(end: object) -> None:
    with pytest.raises(TokenRefusedError):
        read(exp=end)


@pytest.mark.parametrize("end", [SECONDS + 0.5, SECONDS + 1, 10**300])
def test_an_end_may_have_a_fraction_and_be_far(end: object) -> None:
    assert read(exp=end) == "ana"


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_is_not_good_before_its_time_but_clocks_may_differ_by_half_a_minute(name: str) -> None:
    told: Any = ({name: value} for value in (SECONDS + leeway_seconds, SECONDS + leeway_seconds + 1, "soon"))
    just, early, never = told
    assert read(**just) == "ana"
    with pytest.raises(TokenRefusedError, match="not good yet"):
        read(**early)
    with pytest.raises(TokenRefusedError):
        read(**never)


@pytest.mark.parametrize("issuer", [..., None, "", "https://evil.test", ["https://id.test"]])
def test_a_token_by_another_issuer_is_refused_when_one_is_configured(issuer: object) -> None:
    assert read(issuer="https://id.test", iss="https://id.test") == "ana"
    with pytest.raises(TokenRefusedError, match="issuer"):
        read(issuer="https://id.test", iss=issuer)


@pytest.mark.parametrize("audience", [..., None, "", "shop-2", ["other"], {"shop": 1}, "xshopx"])
def test_a_token_for_another_audience_is_refused_when_one_is_configured(audience: object) -> None:
    for fits in ("shop", ["shop"], ["other", "shop"]):
        assert read(audience="shop", aud=fits) == "ana"
    with pytest.raises(TokenRefusedError, match="audience"):
        read(audience="shop", aud=audience)


def test_issuer_and_audience_do_not_matter_when_none_is_configured() -> None:
    assert read(iss="anybody", aud="anything") == "ana"
