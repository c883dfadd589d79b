"""Purchases: what a customer may do at the checkout, and what the webhook may do when they pay."""

from tillkeeper.ops.scenarios.target import Json, ScenarioError, Target

Payment = str | None
"""The payment whose checkout is open, or none for a new one."""


def pay(target: Target, *, user: str = "ana", copies: int = 1) -> Json:
    """Buy 120 credits and wait until they are delivered."""
    opened = open_checkout(target, user)
    target.visit(opened, "pay", copies=copies)
    return target.await_payment(opened["id"], delivered)


def open_checkout(target: Target, user: str = "ana") -> Json:
    """Open a checkout for 120 credits."""
    wanted = {"package": "credits_120", "currency": target.stand.currency, "user": user, "gateway": target.gateway}
    return target.call("/api/v1/payments", wanted)


def delivered(payment: Json) -> bool:
    """Tell whether a payment's goods are with their buyer."""
    return bool(payment["status"] == "succeeded" and payment["fulfilment"]["status"] == "delivered")


def succeed(target: Target, payment: Payment) -> str:
    """Let the customer pay."""
    opened = _opened(target, payment)
    target.visit(opened, "pay")
    paid = target.await_payment(opened["id"], delivered)
    return f"{paid['id']} succeeded: {_goods(paid)} delivered to {paid['user']}."


def decline(target: Target, payment: Payment) -> str:
    """Let the card be declined."""
    opened = _opened(target, payment)
    target.visit(opened, "decline", **({"code": target.code} if target.code else {}))
    found = target.await_payment(opened["id"], lambda found: bool(found["last_error"]))
    return (
        f"{found['id']} is {found['status']}: the card was declined ({found['last_error']['code']}), "
        "nothing was delivered, and the customer may try again."
    )


def authenticate(target: Target, payment: Payment) -> str:
    """Let the customer show that it is them."""
    opened = _opened(target, payment)
    target.visit(opened, "authenticate", outcome="complete")
    paid = target.await_payment(opened["id"], delivered)
    return f"{paid['id']} succeeded after its customer was asked: {_goods(paid)} delivered to {paid['user']}."


def fail_to_authenticate(target: Target, payment: Payment) -> str:
    """Let the customer not show it."""
    return _unpaid(target, payment, "authenticate", "its customer could not show that it is them", outcome="fail")


def abandon(target: Target, payment: Payment) -> str:
    """Let the customer go away without paying."""
    return _unpaid(target, payment, "abandon", "its customer closed the tab")


def duplicate(target: Target, payment: Payment) -> str:
    """Send every webhook twice."""
    return _many(target, payment, "duplicate", 2)


def thrice(target: Target, payment: Payment) -> str:
    """Send every webhook three times."""
    return _many(target, payment, "thrice", 3)


def storm(target: Target, payment: Payment) -> str:
    """Send every webhook fifty times at once."""
    return _many(target, payment, "storm", 50)


def late(target: Target, payment: Payment) -> str:
    """Send the webhook late."""
    return _once(target, payment, "late", "the webhook came late")


def shuffled(target: Target, payment: Payment) -> str:
    """Send the webhooks in random order."""
    return _once(target, payment, "shuffled", "the webhooks came in any order")


def bad_signature(target: Target, payment: Payment) -> str:
    """Send a copy with a wrong signature beside each webhook."""
    return _once(target, payment, "bad_signature", "copies with a wrong signature were refused")


def old_timestamp(target: Target, payment: Payment) -> str:
    """Send a copy that was signed an hour ago beside each webhook."""
    return _once(target, payment, "old_timestamp", "copies that were signed an hour ago changed nothing")


def time_out(target: Target, payment: Payment) -> str:
    """Lose every answer about a payment once it is paid."""
    return _once(target, payment, "timeout", "the answer was lost, and the webhook came late")


def never(target: Target, payment: Payment) -> str:
    """Lose the webhook, and ask the gateway instead."""
    opened = _opened(target, payment)
    target.visit(opened, "pay", webhook="never")
    target.call(f"/api/v1/payments/{opened['id']}/sync", {})
    return _told_once(
        target, target.await_payment(opened["id"], delivered), "no webhook came, and the gateway was asked"
    )


def unit(payment: Json) -> str:
    """Name what a payment's goods are counted in."""
    return "cards" if payment["fulfilment"]["kind"] == "pack" else "credits"


def told(target: Target, paid: Json, copies: int) -> int:
    """Wait until the webhook of a capture has come as often as it was sent; raises ScenarioError."""
    seen, granted = target.await_arrivals(paid["id"], copies), target.granted(paid["user"], paid["id"])
    if seen != copies or granted != paid["fulfilment"]["quantity"]:
        message = f"The webhook arrived {seen} times and {granted} credits were delivered."
        raise ScenarioError(message)
    return granted


def _opened(target: Target, payment: Payment) -> Json:
    return target.call(f"/api/v1/payments/{payment}") if payment else open_checkout(target)


def _many(target: Target, payment: Payment, course: str, copies: int) -> str:
    opened = _opened(target, payment)
    target.visit(opened, "pay", webhook=course)
    paid = target.await_payment(opened["id"], delivered)
    if paid["fulfilment"]["kind"] != "credits":
        return _told_once(target, paid, f"webhook arrived {target.await_arrivals(paid['id'], copies)}x")
    return f"{paid['id']}: paid once, webhook arrived {copies}x, {told(target, paid, copies)} credits delivered once."


def _once(target: Target, payment: Payment, course: str, how: str) -> str:
    opened = _opened(target, payment)
    target.visit(opened, "pay", webhook=course)
    return _told_once(target, target.await_payment(opened["id"], delivered), how)


def _told_once(target: Target, paid: Json, how: str) -> str:
    goods = paid["fulfilment"]
    if goods["kind"] == "credits" and (granted := target.granted(paid["user"], paid["id"])) != goods["quantity"]:
        message = f"{granted} credits were delivered instead of {goods['quantity']}."
        raise ScenarioError(message)
    return f"{paid['id']}: paid once, {how}, {_goods(paid)} delivered once."


def _unpaid(target: Target, payment: Payment, deed: str, why: str, **wish: object) -> str:
    opened = _opened(target, payment)
    target.visit(opened, deed, **wish)
    found = target.call(f"/api/v1/payments/{opened['id']}")
    if found["amount_captured"]:
        message = f"{found['id']} was paid all the same."
        raise ScenarioError(message)
    return f"{found['id']} is {found['status']}: {why}, nothing was delivered, and the checkout is still open."


def _goods(payment: Json) -> str:
    return f"{payment['fulfilment']['quantity']} {unit(payment)}"
