"""What a refund policy makes of a wish, for every wish that can be made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.refund_requests import Approved, Facts, NeedsApproval, Policy, Refused, Ruling, decide, loosens

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FACTS = Facts(currency="EUR", captured=20_000, captured_at=AT - HOUR, given_back=0, unused=None)
DEFAULT = Policy()


def ruled(amount: int, policy: Policy = DEFAULT, facts: Facts = FACTS, *, override: bool = False) -> Ruling:
    return decide(policy, facts, amount, override=override, now=AT)


def needed(ruling: Ruling) -> int | None:
    """Tell how many people must agree; None when it is refused."""
    match ruling:
        case Approved():
            return 0
        case NeedsApproval(people=people):
            return people
        case Refused():
            return None


@pytest.mark.parametrize(("amount", "people"), [(1, 0), (5_000, 0), (5_001, 1), (20_000, 1)])
def test_up_to_fifty_goes_back_without_a_person(amount: int, people: int) -> None:
    assert needed(ruled(amount)) == people


@pytest.mark.parametrize(("currency", "most"), [("JPY", 50), ("INR", 5_000), ("KWD", 50_000)])
def test_fifty_means_fifty_units_of_any_currency(currency: str, most: int) -> None:
    facts = replace(FACTS, currency=currency, captured=10**6)
    assert [needed(ruled(amount, facts=facts)) for amount in (most, most + 1)] == [0, 1]


def test_a_currency_that_is_named_has_a_limit_of_its_own() -> None:
    policy = replace(DEFAULT, auto_approve_amounts={"EUR": 100})
    assert [needed(ruled(amount, policy)) for amount in (100, 101)] == [0, 1]


def test_without_a_limit_every_refund_needs_a_person() -> None:
    assert needed(ruled(1, replace(DEFAULT, auto_approve_units=None))) == 1


def test_many_small_refunds_are_one_large_one() -> None:
    facts = replace(FACTS, given_back=4_000)
    assert [needed(ruled(amount, facts=facts)) for amount in (1_000, 1_001)] == [0, 1]


def test_above_the_limit_for_one_person_two_must_agree() -> None:
    policy = replace(DEFAULT, second_person_units=100)
    assert [needed(ruled(amount, policy)) for amount in (10_000, 10_001)] == [1, 2]


def test_a_limit_for_one_person_below_the_automatic_one_counts() -> None:
    policy = replace(DEFAULT, second_person_amounts={"EUR": 1_000})
    assert [needed(ruled(amount, policy)) for amount in (1_000, 1_001)] == [0, 2]


@pytest.mark.parametrize(("age", "people"), [(168 * HOUR, 0), (168 * HOUR + timedelta(seconds=1), None)])
def test_after_a_week_the_policy_refuses(age: timedelta, people: int | None) -> None:
    assert needed(ruled(1, facts=replace(FACTS, captured_at=AT - age))) == people


def test_without_a_window_age_does_not_matter() -> None:
    old = replace(FACTS, captured_at=AT - timedelta(days=4_000))
    assert needed(ruled(1, replace(DEFAULT, window_hours=None), old)) == 0


def test_a_share_that_is_too_small_or_in_all_too_large_is_refused() -> None:
    policy = replace(DEFAULT, share_min_bps=1_000, share_max_bps=5_000)
    assert [needed(ruled(amount, policy)) for amount in (1_999, 2_000, 10_000, 10_001)] == [None, 0, 1, None]
    half = replace(FACTS, given_back=8_000)
    assert [needed(ruled(amount, policy, half)) for amount in (2_000, 2_001)] == [1, None]


def test_used_goods_go_back_only_by_an_override_and_only_where_the_policy_knows_that() -> None:
    used = replace(FACTS, unused=1_000)
    assert [needed(ruled(amount, facts=used)) for amount in (1_000, 1_001)] == [0, None]
    assert needed(ruled(1_001, facts=used, override=True)) == 1
    assert needed(ruled(1_001, replace(DEFAULT, used_goods=False), used, override=True)) is None


POLICIES = st.builds(
    Policy,
    auto_approve_units=st.none() | st.integers(0, 300),
    second_person_units=st.none() | st.integers(0, 300),
    window_hours=st.none() | st.integers(1, 400),
    share_min_bps=st.integers(0, 10_000),
    share_max_bps=st.integers(0, 10_000),
    used_goods=st.booleans(),
)
WISHES = st.builds(
    Facts,
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    captured=st.integers(1, 10**9),
    captured_at=st.integers(0, 500).map(lambda hours: AT - hours * HOUR),
    given_back=st.integers(0, 10**6),
    unused=st.none() | st.integers(0, 10**6),
)


@given(POLICIES, WISHES, st.integers(1, 10**6))
def test_an_override_is_never_granted_without_a_person(policy: Policy, facts: Facts, amount: int) -> None:
    assert needed(ruled(amount, policy, facts, override=True)) != 0


@given(POLICIES, WISHES, st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_money_never_needs_fewer_people(policy: Policy, facts: Facts, amount: int, more: int) -> None:
    policy = replace(policy, share_min_bps=0)
    less, much = needed(ruled(amount, policy, facts)), needed(ruled(amount + more, policy, facts))
    assert much is None or (less is not None and less <= much)


@given(POLICIES, WISHES, st.integers(1, 10**6))
def test_a_ruling_says_why_in_a_sentence(policy: Policy, facts: Facts, amount: int) -> None:
    reason = ruled(amount, policy, facts).reason
    assert reason[0].isupper() or not reason[0].isalpha()
    assert reason.endswith(".")


@pytest.mark.parametrize(
    ("before", "after", "looser"),
    [
        ({}, {}, False),
        ({}, {"second_person_units": 5}, False),
        ({"second_person_units": 5}, {"second_person_units": 5}, False),
        ({"second_person_units": 5}, {"second_person_units": 4}, False),
        ({"second_person_units": 5}, {"second_person_units": 6}, True),
        ({"second_person_units": 5}, {}, True),
        ({"second_person_units": 5}, {"second_person_units": 5, "second_person_amounts": {"EUR": 501}}, True),
        ({"second_person_units": 5}, {"second_person_units": 5, "second_person_amounts": {"EUR": 500}}, False),
        ({"second_person_amounts": {"EUR": 500}}, {"second_person_units": 5}, False),
        ({"second_person_amounts": {"EUR": 500}}, {"second_person_units": 6}, True),
        ({"second_person_amounts": {"EUR": 500}}, {"second_person_amounts": {"USD": 1}}, True),
    ],
)
def test_rules_are_looser_when_one_person_may_give_back_more_of_any_currency(
    before: dict[str, Any], after: dict[str, Any], *, looser: bool
) -> None:
    assert loosens(Policy(**before), Policy(**after)) is looser
