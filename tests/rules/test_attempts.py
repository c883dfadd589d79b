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
NAMES = {"pay_1": None, "pay_2": "pay_1", None: "pay_1"}
"""By the attempt that fails: what a payment goes by afterwards that went by the first."""


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


def test_a_payment_that_went_by_the_name_of_an_attempt_that_failed_goes_by_none() -> None:
    payment = replace(a_payment(Status.PROCESSING), reference="pay_1")
    book = Book(payments={PAYMENT: payment}, refunds={}, references={})

    told = {name: rules.decide(book, [replace(DECLINED, attempt=name, references=())], TERMS, AT) for name in NAMES}

    assert {name: found.payment.reference for name, [found] in told.items() if found.payment} == NAMES


def test_what_is_told_late_of_an_attempt_that_failed_since_changes_nothing() -> None:
    late = replace(DECLINED, kind=NoticeKind.PAYMENT_PENDING, code=None)

    assert changed(decide(DECLINED, late)) == [True, False]
    assert changed(decide(DECLINED, replace(late, attempt="pay_2"))) == [True, True]
    assert changed(decide(DECLINED, replace(late, attempt=None))) == [True, True]
