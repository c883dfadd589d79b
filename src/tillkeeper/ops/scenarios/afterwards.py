"""Afterwards: what may become of a payment once it is paid, and what may befall its gateway."""

from collections.abc import Callable
from dataclasses import replace

from tillkeeper.ops.scenarios.purchases import Payment, pay, unit
from tillkeeper.ops.scenarios.target import Json, ScenarioError, Target
from tillkeeper.sandbox_kit import deeds
from tillkeeper.sandbox_kit.deeds import End


def refund(target: Target, payment: Payment) -> str:
    """Refund all of a payment."""
    return _refund(target, payment, lambda left: left)


def refund_half(target: Target, payment: Payment) -> str:
    """Refund half of a payment."""
    return _refund(target, payment, _half)


def refund_at_gateway(target: Target, payment: Payment) -> str:
    """Refund all of a payment in the gateway's own dashboard."""
    return _refund_at_gateway(target, payment, lambda left: left)


def refund_half_at_gateway(target: Target, payment: Payment) -> str:
    """Refund half of a payment there."""
    return _refund_at_gateway(target, payment, _half)


def dispute(target: Target, payment: Payment) -> str:
    """Let the customer's bank take a payment back, for now."""
    paid, at_gateway = _paid(target, payment)
    at_gateway.do(deeds.dispute(at_gateway.stand, paid["gateway_reference"]))
    opened = target.await_dispute(paid["id"], "needs_response", "warning")
    return f"{opened['id']} is open: the bank holds {_money(opened)} of {paid['id']} until it has decided."


def win(target: Target, payment: Payment) -> str:
    """Decide a dispute for the merchant."""
    return _decide(target, payment, "win")


def lose(target: Target, payment: Payment) -> str:
    """Decide a dispute for the customer."""
    return _decide(target, payment, "lose")


def tell_again(target: Target, payment: Payment) -> str:
    """Send the webhook that told of the capture again."""
    paid, at_gateway = _paid(target, payment)
    target.await_arrivals(paid["id"], 1)
    known = target.told_of_capture(paid["id"])
    if not known:
        message = f"No webhook has told of {paid['id']}; there is nothing to send again."
        raise ScenarioError(message)
    message_ = max(known, key=lambda message: message["arrivals"])
    at_gateway.do(deeds.resend(message_["event_id"], target.copies))
    seen = target.await_arrivals(paid["id"], message_["arrivals"] + target.copies)
    after = target.call(f"/api/v1/payments/{paid['id']}")
    if after["fulfilment"] != paid["fulfilment"]:
        message = f"The goods of {paid['id']} changed."
        raise ScenarioError(message)
    return f"{paid['id']}: the webhook came {target.copies}x more, {seen}x in all, and nothing changed."


def suffer_outage(target: Target, payment: Payment) -> str:
    """Let the gateway answer nothing for a while."""
    del payment
    target.do(deeds.outage(target.gateway, deeds.outage_seconds))
    return (
        f"{target.gateway} answers nothing for {deeds.outage_seconds} s and sends no webhooks; "
        f"`./till trigger gateway.back --gateway {target.gateway}` ends it at once."
    )


def end_outage(target: Target, payment: Payment) -> str:
    """Let the gateway answer again."""
    del payment
    target.do(deeds.outage(target.gateway, 0))
    return f"{target.gateway} answers again, and sends the webhooks that it kept back."


def _paid(target: Target, payment: Payment) -> tuple[Json, Target]:
    paid = target.call(f"/api/v1/payments/{payment}") if payment else pay(target)
    return paid, replace(target, gateway=paid["gateway"])


def _decide(target: Target, payment: Payment, end: End) -> str:
    paid, at_gateway = _paid(target, payment)
    if not any(each["closed_at"] is None for each in target.disputes(paid["id"])):
        at_gateway.do(deeds.dispute(at_gateway.stand, paid["gateway_reference"]))
    opened = target.await_dispute(paid["id"], "needs_response", "under_review", "warning")
    at_gateway.do(deeds.decide(at_gateway.stand, opened["gateway_reference"], end))
    ended = target.await_dispute(paid["id"], "won", "lost")
    after = target.await_payment(paid["id"], lambda found: found["fulfilment"]["status"] in GOODS_AFTER[end])
    goods = after["fulfilment"]["status"]
    return f"{ended['id']} is {ended['status']}: {_money(ended)} {MONEY_AFTER[end]}, and the delivery is {goods}."


MONEY_AFTER = {"win": "came back to us", "lose": "stays with the customer"}
GOODS_AFTER = {"win": ("delivered", "partly_revoked"), "lose": ("revoked", "partly_revoked")}


def _refund_at_gateway(target: Target, payment: Payment, share: Callable[[int], int]) -> str:
    paid, at_gateway = _paid(target, payment)
    amount = share(_left(paid))
    at_gateway.do(deeds.refund(at_gateway.stand, paid["gateway_reference"], amount))
    wanted = paid["amount_refunded"] + amount
    after = target.await_payment(paid["id"], lambda found: bool(found["amount_refunded"] >= wanted))
    return (
        f"{paid['id']}: {amount} of {paid['amount_captured']} {paid['currency']} (minor units) went back in the "
        f"dashboard of {at_gateway.stand.title}; we heard of it, and the delivery is {after['fulfilment']['status']}."
    )


def _refund(target: Target, payment: Payment, share: Callable[[int], int]) -> str:
    paid, _ = _paid(target, payment)
    left = _left(paid)
    made = target.call("/api/v1/refunds", {"payment": paid["id"], "amount": share(left), "reason": "scenario"})
    after = target.await_payment(paid["id"], lambda found: found["amount_refunding"] <= paid["amount_refunding"])
    made = target.call(f"/api/v1/refunds/{made['id']}")
    if made["status"] != "succeeded":
        message = f"{made['id']} of {made['amount']} {made['currency']} (minor units) is {made['status']}."
        raise ScenarioError(message)
    return (
        f"{made['id']} {made['status']}: {made['amount']} of {paid['amount_captured']} {paid['currency']} "
        f"(minor units) went back, and {made['revoked']} {unit(after)} were taken back; "
        f"the delivery is {after['fulfilment']['status']}."
    )


def _left(payment: Json) -> int:
    return int(payment["amount_captured"] - payment["amount_refunded"] - payment["amount_refunding"])


def _half(left: int) -> int:
    return max(left // 2, 1)


def _money(disputed: Json) -> str:
    return f"{disputed['amount']} {disputed['currency']} (minor units)"
