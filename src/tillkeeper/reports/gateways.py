"""How gateways are used and how they do, as the API and the command line show them."""

from collections.abc import Mapping

from tillkeeper import routing
from tillkeeper.gateway import Gateway
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports import time

window_minutes = 60

ATTEMPTS = """
SELECT gateway, count(*) AS tried,
       count(*) FILTER (WHERE outcome = 'opened') AS opened,
       count(*) FILTER (WHERE outcome = 'refused') AS refused,
       count(*) FILTER (WHERE outcome = 'unclear') AS unclear,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95
FROM attempt WHERE created_at > now() - $1 * interval '1 minute' GROUP BY gateway
"""
WAITING = "SELECT gateway, count(*) AS waiting FROM operation WHERE state = 'asked' GROUP BY gateway"
HEARD = """
SELECT gateway, (SELECT max(received_at) FROM inbox_message WHERE inbox_message.gateway = named.gateway) AS heard_at
FROM unnest($1::text[]) AS named (gateway)
"""


async def show(tx: Transaction, gateways: Mapping[str, Gateway]) -> dict[str, object]:
    """List the configured gateways in the order in which payments are offered to them."""
    states = await routing.states(tx, list(gateways))
    tried = {row["gateway"]: row for row in await tx.fetch(ATTEMPTS, window_minutes)}
    waiting = {row["gateway"]: row["waiting"] for row in await tx.fetch(WAITING)}
    heard = {row["gateway"]: row["heard_at"] for row in await tx.fetch(HEARD, list(gateways))}
    in_order = sorted(states.values(), key=lambda state: (state.priority, state.gateway))
    return {
        "object": "list",
        "data": [
            {
                "gateway": state.gateway,
                "switch": state.switch,
                "priority": state.priority,
                "fee_percentage_bps": state.fee_percentage_bps,
                "fee_fixed": state.fee_fixed,
                "features": sorted(gateways[state.gateway].features),
                "breaker": state.breaker,
                "failures": state.failures,
                "retry_at": time(state.retry_at),
                "attempts": _attempts(tried.get(state.gateway)),
                "calls_waiting": waiting.get(state.gateway, 0),
                "last_webhook_at": time(heard.get(state.gateway)),
            }
            for state in in_order
        ],
    }


def _attempts(row: Record | None) -> dict[str, object]:
    """Count what became of the attempts of the last hour."""
    names = ("tried", "opened", "refused", "unclear")
    counts: dict[str, object] = {name: row[name] if row else 0 for name in names}
    return counts | {
        "window_minutes": window_minutes,
        "latency_ms_p50": row["p50"] if row else None,
        "latency_ms_p95": row["p95"] if row else None,
    }
