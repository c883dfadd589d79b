"""Payouts, the gateways' accounts, and the comparison of both with ours."""

from contextlib import suppress

from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.reconcile import plan, reconcile
from tillkeeper.flows.seal import seal
from tillkeeper.flows.sweep import sweep
from tillkeeper.ops.seed.stage import RefusedError, Stage, drained

PAYOUTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("stripe", "payouts", {"early": True}),
    ("razorpay", "settlements", {"early": True}),
    ("paypal", "payouts", {"currency": "USD"}),
    ("paypal", "payouts", {"currency": "EUR"}),
    ("square", "payouts", {}),
)


async def pay_out(stage: Stage) -> None:
    """Let every gateway send what it holds to the bank."""
    for gateway, path, wish in PAYOUTS:
        with suppress(RefusedError):  # nothing stands on that account this week
            await stage.act(gateway, path, **wish)
    await stage.rest()


async def compare(stage: Stage) -> None:
    """Read what the gateways account for, and compare each day that it speaks of or that left something open."""
    await import_settlement(stage.till)
    await stage.rest()
    await plan(stage.till)
    await drained(reconcile, stage.till)


async def close(stage: Stage) -> None:
    """Fold what was put off into the balances, and seal the books."""
    await drained(sweep, stage.till)
    while await seal(stage.till):
        pass
