"""What changes ask of goods: granted once, revoked by the absolute formula."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tillkeeper.facts import Change, Step
from tillkeeper.fulfilment.values import Action, Entitlement, Order
from tillkeeper.kernel import ids

GRANTING = frozenset({Step.CAPTURED, Step.DELIVERED})
CLAIMING = frozenset({Step.DISPUTE_OPENED, Step.DISPUTE_UPDATED, Step.DISPUTE_WON, Step.DISPUTE_LOST})
MOVING = GRANTING | CLAIMING | {Step.REFUND_REQUESTED, Step.REFUND_FAILED, Step.REVOKED, Step.RESTORED}
RESTORING = frozenset({Step.REFUND_FAILED, Step.RESTORED})


def orders(known: dict[UUID, Entitlement], changes: Sequence[Change]) -> tuple[list[Order], dict[UUID, Entitlement]]:
    """Turn changes into orders, each seeing what the ones before it did; return them and what payments then have."""
    after, asked = dict(known), []
    for change in changes:
        held = after.get(change.payment)
        order = _grant(change) if change.step in GRANTING and not held else _adjust(change, held)
        if order:
            asked.append(order)
            after[change.payment] = _after(order, held)
    return asked, after


def revoked_total(granted: int, *, refunded: int, captured: int) -> int:
    """Tell how much is revoked in total once `refunded` of `captured` went back: never step by step."""
    return granted if refunded >= captured else granted * refunded // captured


def shares(granted: int, change: Change) -> tuple[int, int]:
    """Tell how much is revoked in total, and how much besides is frozen as long as a bank claims its money.

    Money is counted by what went back in all, however it did; both together are never more than was granted.
    """
    back, captured = change.refunded_total + change.lost_total, change.captured_total
    revoked = revoked_total(granted, refunded=back, captured=captured)
    return revoked, revoked_total(granted, refunded=back + change.claimed_total, captured=captured) - revoked


def _grant(change: Change) -> Order:
    assert change.sale, "only a sale is delivered"
    assert change.user, "a sale has a buyer"
    units = change.sale.units * change.sale.quantity
    return Order(action=Action.GRANT, change=change, user=change.user, units=units, kept=units)


def _adjust(change: Change, held: Entitlement | None) -> Order | None:
    if held is None or change.step in GRANTING:
        return None
    target, frozen = shares(held.granted, change)
    action = _action(change)
    # What an earlier step still owes is moved by that step: a refund never gives back, and its failure never takes.
    if action is Action.REVOKE:
        target = max(target, held.revoked)
    elif action is Action.RESTORE:
        target = min(target, held.revoked)
    frozen = min(frozen, held.granted - target)
    difference = target - held.revoked
    units = difference if action is Action.CLAIM else abs(difference)
    kept = held.granted - target
    return Order(action=action, change=change, user=held.user, units=units, kept=kept, frozen=frozen)


def _action(change: Change) -> Action:
    if change.dispute:
        return Action.CLAIM
    return Action.RESTORE if change.step in RESTORING else Action.REVOKE


def _after(order: Order, held: Entitlement | None) -> Entitlement:
    if held is None:
        assert order.change.sale, "only a sale is delivered"
        return Entitlement(
            id=ids.new(),
            payment=order.change.payment,
            kind=order.change.sale.kind,
            user=order.user,
            granted=order.units,
            revoked=0,
            created_at=order.change.at,
        )
    return replace(held, revoked=held.granted - order.kept, frozen=order.frozen)
