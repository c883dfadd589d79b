"""What happened says what gateways must now be told."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests.flows.conftest import uuid_of

from tillkeeper.facts import Change, Step
from tillkeeper.flows import capture
from tillkeeper.flows.expire import expire
from tillkeeper.flows.instruct import instruct, pass_on
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


async def test_our_expiry_gives_way_to_money_that_is_to_be_taken(shop: Any) -> None:
    payment = await shop.opened()
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    held = replace(a_change(Step.AUTHORIZED), payment=uuid_of(payment), gateway="stripe", reference=None)
    async with shop.till.db.transaction() as tx:
        await pass_on(tx, instruct([held], AT))
    rows = await shop.owner.fetch("SELECT kind, error FROM operation WHERE state = 'asked' OR kind = 'expire'")
    assert {row["kind"]: row["error"] for row in rows} == {"expire": "called off: the payment goes on", "capture": None}


@pytest.mark.parametrize("step", [Step.APPROVED, Step.AUTHORIZED])
async def test_nothing_is_taken_for_what_somebody_is_canceling(shop: Any, step: Step) -> None:
    payment = await shop.opened()
    begun = await capture._begin(shop.till, shop.wish(), uuid_of(payment), Kind.CANCEL, None)
    assert isinstance(begun, tuple)
    async with shop.till.db.transaction() as tx:
        await pass_on(tx, instruct([replace(a_change(step), payment=uuid_of(payment), reference=None)], AT))
    assert await shop.count("operation", "kind IN ('confirm', 'capture')") == 0
