"""How far a payout is, in whatever order and however often a gateway tells of it."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from tillkeeper.facts import Notice, NoticeKind, PayoutFacts, Verdict
from tillkeeper.settlement import rules
from tillkeeper.settlement.values import Payout, PayoutStatus

FRIDAY = datetime(2026, 11, 20, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def told(kind: NoticeKind = NoticeKind.PAYOUT_CREATED, amount: int | None = 941, **facts: Any) -> Notice:
    payout = replace(PayoutFacts(id="po_1"), **facts)
    return Notice(kind=kind, gateway="stripe", references=(), amount=amount, currency="EUR", payout=payout)


def known(*notices: Notice) -> Payout:
    made = [decision.payout for decision in rules.decide({}, notices) if decision.payout]
    return made[-1]


CREATED, PAID, FAILED = (
    told(kind) for kind in (NoticeKind.PAYOUT_CREATED, NoticeKind.PAYOUT_PAID, NoticeKind.PAYOUT_FAILED)
)


@pytest.mark.parametrize("order", list(permutations([CREATED, PAID, FAILED, PAID])))
def test_a_payout_ends_the_same_in_every_order(order: tuple[Notice, ...]) -> None:
    assert known(*order).status is PayoutStatus.FAILED


@pytest.mark.parametrize(
    ("before", "notice", "verdict", "event"),
    [
        ([], CREATED, Verdict.APPLIED, None),
        ([], PAID, Verdict.APPLIED, "payout.paid"),
        ([CREATED], PAID, Verdict.APPLIED, "payout.paid"),
        ([CREATED], FAILED, Verdict.APPLIED, "payout.failed"),
        ([PAID], FAILED, Verdict.APPLIED, "payout.failed"),
        ([PAID], PAID, Verdict.KNOWN, None),
        ([PAID], CREATED, Verdict.KNOWN, None),
        ([FAILED], PAID, Verdict.KNOWN, None),
    ],
)
def test_a_stage_is_told_once_and_never_undone(
    before: list[Notice], notice: Notice, verdict: Verdict, event: str | None
) -> None:
    last = rules.decide({}, [*before, notice])[-1]
    assert (last.verdict, last.event) == (verdict, event)


def test_a_payout_that_is_told_without_an_amount_or_with_another_changes_nothing() -> None:
    first, nothing, other = rules.decide({}, [CREATED, told(NoticeKind.PAYOUT_PAID, amount=None), told(amount=942)])
    assert first.payout
    assert (nothing.verdict, nothing.payout) == (Verdict.QUARANTINED, None)
    assert (other.verdict, other.payout) == (Verdict.QUARANTINED, None)


@pytest.mark.parametrize("late", [CREATED, PAID])
def test_what_is_said_once_stays_known_whoever_says_less_later(late: Notice) -> None:
    payout = known(told(arrives_at=MONDAY, bank_reference="TILL 1", automatic=False), late)
    assert (payout.arrives_at, payout.bank_reference, payout.automatic) == (MONDAY, "TILL 1", False)


def test_what_is_said_later_is_added_and_replaces_only_what_a_further_stage_says_otherwise() -> None:
    added = known(PAID, told(arrives_at=MONDAY, bank_reference="TILL 1"))
    assert (added.status, added.arrives_at, added.bank_reference) == (PayoutStatus.PAID, MONDAY, "TILL 1")
    assert known(told(arrives_at=MONDAY), told(arrives_at=FRIDAY)).arrives_at == MONDAY
    assert known(told(arrives_at=MONDAY), told(NoticeKind.PAYOUT_PAID, arrives_at=FRIDAY)).arrives_at == FRIDAY


def test_a_payout_of_another_gateway_with_the_same_reference_is_another_payout() -> None:
    assert rules.name(CREATED) == rules.name(PAID)
    assert rules.name(CREATED) != rules.name(replace(CREATED, gateway="square"))


def test_each_payout_is_listed_once_as_far_as_the_first_notice_says() -> None:
    other = told(id="po_2")
    listed = rules.first_told([told(amount=None, id="po_3"), PAID, CREATED, other])
    assert {(payout.reference, payout.status) for payout in listed} == {("po_1", "paid"), ("po_2", "created")}
    assert listed == sorted(listed, key=lambda payout: payout.id)
