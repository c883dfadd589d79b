"""Scenarios on the sandbox: what a customer, a bank or a gateway may do, and what must come of it."""

from collections.abc import Callable

from tillkeeper.kernel import clock
from tillkeeper.ops.scenarios import afterwards, purchases
from tillkeeper.ops.scenarios.purchases import pay
from tillkeeper.ops.scenarios.target import (
    GATEWAY,
    ScenarioError,
    Target,
    UnreachableError,
    outcome_timeout_seconds,
    poll_ms,
)

__all__ = [
    "GATEWAY",
    "SCENARIOS",
    "ScenarioError",
    "Target",
    "UnreachableError",
    "outcome_timeout_seconds",
    "pay",
    "poll_ms",
    "selftest",
]

selftest_copies = 3

Play = Callable[[Target, str | None], str]


def selftest(target: Target) -> str:
    """Buy 120 credits with every webhook sent three times, and say what came of it; raises ScenarioError."""
    read_ms = clock.timer_ms()
    paid = pay(target, user="selftest", copies=selftest_copies)
    duration = read_ms()
    granted = purchases.told(target, paid, selftest_copies)
    return (
        f"self-test: {granted} credits by {target.stand.title}, "
        f"webhook arrived {selftest_copies}x, delivered once ({duration} ms)"
    )


SCENARIOS: dict[str, tuple[str, Play]] = {
    "pay.success": ("a customer pays; the goods are delivered", purchases.succeed),
    "pay.decline": ("a card is declined; nothing is delivered", purchases.decline),
    "pay.authenticate": ("a customer is asked first whether it is them, and pays", purchases.authenticate),
    "pay.unauthenticated": ("a customer cannot show that it is them; nothing is paid", purchases.fail_to_authenticate),
    "pay.abandon": ("a customer closes the tab; the checkout stays open", purchases.abandon),
    "pay.timeout": ("the money is taken and every answer is lost; a late webhook tells", purchases.time_out),
    "webhook.duplicate": ("every webhook arrives twice; the goods are delivered once", purchases.duplicate),
    "webhook.thrice": ("every webhook arrives three times; the goods are delivered once", purchases.thrice),
    "webhook.storm": ("every webhook arrives fifty times at once; the goods are delivered once", purchases.storm),
    "webhook.late": ("the webhook comes five seconds late", purchases.late),
    "webhook.shuffled": ("the webhooks arrive in any order", purchases.shuffled),
    "webhook.bad_signature": ("copies with a wrong signature come too, and are refused", purchases.bad_signature),
    "webhook.old_timestamp": ("copies that were signed an hour ago come too", purchases.old_timestamp),
    "webhook.never": ("the webhook is lost; the gateway is asked instead", purchases.never),
    "webhook.again": ("the webhook of a paid payment is sent again; nothing changes", afterwards.tell_again),
    "refund.full": ("all of a payment is refunded; all goods are taken back", afterwards.refund),
    "refund.partial": ("half of a payment is refunded; half of the goods are taken back", afterwards.refund_half),
    "refund.dashboard": (
        "half of a payment is refunded in the gateway's own dashboard; half of the goods are taken back",
        afterwards.refund_half_at_gateway,
    ),
    "refund.dashboard_full": (
        "all of a payment is refunded in the gateway's own dashboard; all goods are taken back",
        afterwards.refund_at_gateway,
    ),
    "dispute.open": ("the customer's bank takes the money back for now", afterwards.dispute),
    "dispute.won": ("a dispute is decided for the merchant; the money comes back", afterwards.win),
    "dispute.lost": ("a dispute is decided for the customer; the goods are taken back", afterwards.lose),
    "gateway.outage": ("a gateway answers nothing for a minute; nobody is charged twice", afterwards.suffer_outage),
    "gateway.back": ("the outage of a gateway ends at once", afterwards.end_outage),
}
