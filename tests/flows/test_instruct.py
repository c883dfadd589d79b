"""What happened says what gateways must now be told."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tillkeeper.facts import Change, Step
from tillkeeper.flows.instruct import instruct
from tillkeeper.kernel import ids
from tillkeeper.operations import Kind

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
REFUND = UUID(int=2)


def a_change(step: Step) -> Change:
    return Change(
        payment=UUID(int=1),
        before="x",
        after="x",
        reason="x",
        step=step,
        at=AT,
        gateway="square",
        currency="EUR",
        user=None,
        sale=None,
        refund=REFUND,
        reference="auth_1",
    )


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Step.APPROVED, Kind.CONFIRM),
        (Step.AUTHORIZED, Kind.CAPTURE),
        (Step.AUTHORIZED_IN_VAIN, Kind.CANCEL),
        (Step.FEE_UNTOLD, Kind.FEE),
        (Step.SURPLUS_CAPTURED, Kind.REFUND),
    ],
)
def test_a_step_asks_its_call_of_the_gateway_where_it_happened(step: Step, kind: Kind) -> None:
    [operation] = instruct([a_change(step)], AT)
    assert (operation.kind, operation.gateway, operation.payment) == (kind, "square", UUID(int=1))


def test_a_second_capture_is_refunded_under_the_key_of_its_refund() -> None:
    [operation] = instruct([a_change(Step.SURPLUS_CAPTURED)], AT)
    assert (operation.refund, operation.key) == (REFUND, ids.text("refund", REFUND))


def test_an_authorisation_without_a_name_cannot_be_let_go() -> None:
    assert instruct([replace(a_change(Step.AUTHORIZED_IN_VAIN), reference=None)], AT) == []


@pytest.mark.parametrize("step", [Step.NONE, Step.CAPTURED, Step.REFUND_REQUESTED, Step.DISPUTE_OPENED])
def test_what_needs_nothing_of_a_gateway_asks_for_nothing(step: Step) -> None:
    assert instruct([a_change(step)], AT) == []
