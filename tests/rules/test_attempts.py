"""An attempt that failed is noted and told once, however often and in whatever way a gateway says it."""

from dataclasses import replace
from typing import Any

from tests.rules.test_payments import AT, PAYMENT, TERMS, a_payment

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.payments import rules
from tillkeeper.payments.values import Book, Decision, Status

DECLINED = Notice(
    kind=NoticeKind.PAYMENT_FAILED,
    gateway="stripe",
    references=("order_1",),
    payment=PAYMENT,
    currency="EUR",
    code="insufficient_funds",
    attempt="pay_1",
)


def decide(*notices: Notice, **known: Any) -> list[Decision]:
    book = Book(payments={PAYMENT: a_payment(Status.REQUIRES_ACTION)}, refunds={}, references=known.get("names", {}))
    return rules.decide(book, notices, TERMS, AT)


def changed(decisions: list[Decision]) -> list[bool]:
    return [decision.change is not None for decision in decisions]


def test_the_same_failed_attempt_in_one_batch_is_one_change() -> None:
    assert changed(decide(DECLINED, replace(DECLINED, code="other"), DECLINED)) == [True, False, False]


def test_a_failed_attempt_that_was_noted_before_changes_nothing() -> None:
    [first] = decide(DECLINED)
    names = {("stripe", name): PAYMENT for name in first.links}

    [again] = decide(replace(DECLINED, references=()), names=names)

    assert (again.verdict, again.change) == ("known", None)


def test_a_failed_attempt_is_told_by_an_event_that_is_the_same_whoever_tells_it() -> None:
    occasions = {decision.change.occasion for _ in range(2) for decision in decide(DECLINED) if decision.change}

    assert occasions == {"pay_1"}


def test_another_attempt_that_fails_alike_is_another_change() -> None:
    assert changed(decide(DECLINED, replace(DECLINED, attempt="pay_2"))) == [True, True]


def test_attempts_without_names_are_each_taken_for_their_own() -> None:
    nameless = replace(DECLINED, attempt=None)

    assert changed(decide(nameless, nameless)) == [True, True]


def test_the_other_names_of_a_payment_say_nothing_of_its_failures() -> None:
    assert changed(decide(DECLINED, names={("stripe", "pay_1"): PAYMENT, ("stripe", "order_1"): PAYMENT})) == [True]
