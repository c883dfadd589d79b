"""Risk: rules are data, of several about one fact the heaviest counts, and lists have the last word."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.risk import rules
from tillkeeper.risk.values import Assessment, Decision, Fact, Limits, Operator, Rule, Side

LIMITS = Limits(review=40, block=70)


def rule(fact: Fact, operator: Operator, value: object, score: int, **more: object) -> Rule:
    words = {"id": f"{fact}_{score}", "reason": f"{fact} {operator} {value}"} | more
    return Rule(fact=fact, operator=operator, value=value, score=score, **words)  # type: ignore[arg-type]


MANY = rule(Fact.ATTEMPTS_BY_USER_HOUR, Operator.MORE_THAN, 5, 30)
SOME = rule(Fact.ATTEMPTS_BY_USER_HOUR, Operator.MORE_THAN, 3, 15)
LARGE = rule(Fact.AMOUNT, Operator.MORE_THAN, 50_000, 20)
YOUNG = rule(Fact.ACCOUNT_AGE_HOURS, Operator.LESS_THAN, 24, 25)
RULES = (MANY, SOME, LARGE, YOUNG)


def facts(**known: object) -> dict[Fact, object]:
    return {Fact(name): value for name, value in known.items()}


def judged(*rules_: Rule, **known: object) -> Assessment:
    return rules.assess(rules_, facts(**known), LIMITS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "score"),
    [
        ({"attempts_by_user_hour": 3}, 0),
        ({"attempts_by_user_hour": 4}, 15),
        ({"attempts_by_user_hour": 5}, 15),
        ({"attempts_by_user_hour": 6}, 30),
        ({"attempts_by_user_hour": 6, "amount": 50_000}, 30),
        ({"attempts_by_user_hour": 6, "amount": 50_001}, 50),
        ({"attempts_by_user_hour": 6, "amount": 50_001, "account_age_hours": 23}, 75),
        ({"account_age_hours": 24}, 0),
    ],
)
def test_scores_of_different_facts_add_up_and_of_one_fact_the_heaviest_counts(
    known: dict[str, int], score: int
) -> None:
    assert judged(*RULES, **known).score == score


@pytest.mark.parametrize(
    ("score", "decision"),
    [(0, "allow"), (39, "allow"), (40, "review"), (69, "review"), (70, "block"), (100, "block")],
)
def test_a_payment_is_held_from_the_first_limit_on_and_turned_away_from_the_second(score: int, decision: str) -> None:
    assert rules.decide(score, LIMITS) == decision


def test_the_order_of_the_rules_makes_no_difference() -> None:
    known = {"attempts_by_user_hour": 9, "amount": 60_000, "account_age_hours": 1}
    assert len({judged(*order, **known).reasons for order in permutations(RULES)}) == 1


def test_what_is_not_known_applies_to_no_rule() -> None:
    assert judged(YOUNG, account_age_hours=None).score == judged(YOUNG).score == 0


def test_a_rule_that_is_switched_off_applies_to_nothing() -> None:
    assert judged(rule(Fact.AMOUNT, Operator.MORE_THAN, 1, 50, enabled=False), amount=5).score == 0


def test_a_rule_for_one_currency_leaves_the_others_alone() -> None:
    only = rule(Fact.AMOUNT, Operator.MORE_THAN, 100, 50, currency="EUR")
    assert [judged(only, amount=500, currency=code).score for code in ("EUR", "JPY")] == [50, 0]


def test_one_of_compares_texts_and_numbers_with_a_list() -> None:
    only = rule(Fact.CURRENCY, Operator.ONE_OF, ("EUR", "USD"), 50)
    assert [judged(only, currency=code).score for code in ("EUR", "JPY")] == [50, 0]


def test_reasons_name_each_rule_that_counted_with_its_score_the_heaviest_first() -> None:
    found = judged(*RULES, attempts_by_user_hour=6, amount=60_000)
    assert found.reasons == (f"{MANY.reason} (+30)", f"{LARGE.reason} (+20)")


@given(st.lists(st.tuples(st.sampled_from(Fact), st.integers(1, 100)), max_size=20))
def test_a_score_is_never_more_than_a_hundred_nor_less_than_nothing(given_rules: list[tuple[Fact, int]]) -> None:
    made = [
        rule(fact, Operator.MORE_THAN, 0, score, id=f"rule_{place}") for place, (fact, score) in enumerate(given_rules)
    ]
    found = rules.assess(made, dict.fromkeys(Fact, 1), LIMITS)
    assert 0 <= found.score <= 100


@pytest.mark.parametrize(
    ("sides", "decision"),
    [((), "review"), ((Side.ALLOW,), "allow"), ((Side.BLOCK,), "block"), ((Side.ALLOW, Side.BLOCK), "block")],
)
def test_the_lists_have_the_last_word_and_the_block_list_the_very_last(sides: tuple[Side, ...], decision: str) -> None:
    scored = Assessment(score=50, decision=Decision.REVIEW)
    assert rules.listed(sides, scored).decision == decision


@pytest.mark.parametrize(
    "wrong",
    [
        rule(Fact.AMOUNT, Operator.MORE_THAN, "5", 10),
        rule(Fact.CURRENCY, Operator.LESS_THAN, 5, 10),
        rule(Fact.CURRENCY, Operator.EQUALS, 5, 10),
        rule(Fact.AMOUNT, Operator.EQUALS, "5", 10),
        rule(Fact.AMOUNT, Operator.ONE_OF, (), 10),
        rule(Fact.AMOUNT, Operator.MORE_THAN, 5, 0),
        rule(Fact.AMOUNT, Operator.MORE_THAN, 5, 101),
        rule(Fact.AMOUNT, Operator.MORE_THAN, 5, 10, id="Amount!"),
        rule(Fact.AMOUNT, Operator.MORE_THAN, 5, 10, reason=" "),
    ],
)
def test_a_rule_that_could_never_mean_anything_is_refused(wrong: Rule) -> None:
    with pytest.raises(InvalidFieldError):
        rules.check([wrong])


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidFieldError, match="twice"):
        rules.check([LARGE, LARGE])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
    ],
)
def test_an_address_is_recognised_however_it_is_written_and_of_version_6_its_network(
    one: str, other: str, *, same: bool
) -> None:
    assert (rules.network(one) == rules.network(other)) is same


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidFieldError):
        rules.network("example.com")
