"""What changes ask of goods: granted once, taken back by the absolute formula and never step by step."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.facts import Change, Sale, Step
from tillkeeper.fulfilment import rules
from tillkeeper.fulfilment.values import Action, Entitlement
from tillkeeper.kernel import ids

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAYMENT = UUID(int=7)


def a_change(step: Step, *, units: int = 120, captured: int = 1000, refunded: int = 0) -> Change:
    return Change(
        payment=PAYMENT,
        before="x",
        after="x",
        reason="x",
        step=step,
        at=AT,
        gateway="stripe",
        currency="EUR",
        user=UUID(int=1),
        sale=Sale(package="p", kind="credits", units=units, quantity=1),
        captured_total=captured,
        refunded_total=refunded,
        refund=ids.new(),
    )


def test_a_capture_is_delivered_once_however_often_it_is_told() -> None:
    asked, held = rules.orders({}, [a_change(Step.CAPTURED), a_change(Step.CAPTURED)])
    again, _ = rules.orders(held, [a_change(Step.CAPTURED)])
    assert [(order.action, order.units) for order in asked] == [(Action.GRANT, 120)]
    assert again == []


def test_a_quantity_multiplies_what_is_delivered() -> None:
    change = a_change(Step.CAPTURED)
    assert change.sale
    tripled = Sale(package="p", kind="credits", units=120, quantity=3)
    asked, _ = rules.orders({}, [Change(**{name: getattr(change, name) for name in CHANGE_FIELDS} | {"sale": tripled})])
    assert asked[0].units == 360


def test_a_refund_of_what_was_never_delivered_asks_nothing_of_the_goods() -> None:
    assert rules.orders({}, [a_change(Step.REFUND_REQUESTED, refunded=1000)])[0] == []


@given(st.integers(1, 500), st.integers(1, 5_000), st.data())
def test_after_any_refunds_and_failures_exactly_the_share_of_their_sum_is_revoked(
    units: int, captured: int, data: st.DataObject
) -> None:
    _, held = rules.orders({}, [a_change(Step.CAPTURED, units=units, captured=captured)])
    standing: list[int] = []
    for _ in range(data.draw(st.integers(0, 8))):
        left = captured - sum(standing)
        if standing and (not left or data.draw(st.booleans())):
            standing.pop(data.draw(st.integers(0, len(standing) - 1)))
            step = Step.REFUND_FAILED
        else:
            standing.append(data.draw(st.integers(1, left)))
            step = Step.REFUND_REQUESTED
        change = a_change(step, units=units, captured=captured, refunded=sum(standing))
        asked, held = rules.orders(held, [change])
        assert [order.action for order in asked] == [Action.REVOKE if step is Step.REFUND_REQUESTED else Action.RESTORE]
        assert held[PAYMENT].revoked == share(units, sum(standing), captured)
        assert 0 <= held[PAYMENT].revoked <= units


@given(st.integers(1, 500), st.integers(1, 5_000), st.data())
def test_a_batch_of_changes_asks_the_same_as_one_after_another(units: int, captured: int, data: st.DataObject) -> None:
    refunded = sorted(data.draw(st.lists(st.integers(1, captured), max_size=5)))
    changes = [
        a_change(Step.CAPTURED, units=units, captured=captured),
        *(a_change(Step.REFUND_REQUESTED, units=units, captured=captured, refunded=total) for total in refunded),
    ]
    together, _ = rules.orders({}, changes)
    singly: list[int] = []
    held: dict[UUID, Entitlement] = {}
    for change in changes:
        asked, held = rules.orders(held, [change])
        singly += [order.units for order in asked]
    assert [order.units for order in together] == singly


def test_a_full_refund_revokes_everything_also_where_shares_round_down() -> None:
    assert rules.revoked_total(3, refunded=100, captured=100) == 3
    assert rules.revoked_total(3, refunded=99, captured=100) == 2


def share(units: int, refunded: int, captured: int) -> int:
    """Work the formula of the books out once more, from the other side: what the customer may keep."""
    kept_of_money = captured - refunded
    return 0 if kept_of_money == captured else units - -(-units * kept_of_money // captured)


CHANGE_FIELDS = tuple(Change.__dataclass_fields__)
