"""Tell logs, meters and traces how a call to a gateway went."""

from tillkeeper.gateway import Accepted, Declined, Outcome, Refused, Unknown
from tillkeeper.kernel import logs, meters, traces
from tillkeeper.operations import Kind, Operation

DECLINED = "declined"


def measure(operation: Operation, outcome: Outcome, *, begun_ns: int, latency_ms: int, called: bool) -> None:
    """Say what came of an operation; only what left this machine says anything about a gateway."""
    said = type(outcome).__name__
    logs.intent.info(
        "gateway_answered",
        operation=str(operation.id),
        kind=operation.kind,
        gateway=operation.gateway,
        outcome=said,
        latency_ms=latency_ms,
    )
    if not called:
        return
    traces.record(
        f"gateway.{operation.kind}", operation.payment, begun_ns, gateway=operation.gateway, outcome=said.lower()
    )
    meters.count(meters.gateway_requests, operation.gateway, operation.kind.value, by=latency_ms)
    if operation.tries > 1:
        meters.count(meters.retries, operation.gateway)
    code = _trouble(outcome)
    if code and code != DECLINED:
        meters.count(meters.gateway_errors, operation.gateway, code)
    if code and operation.kind is Kind.CREATE:
        meters.count(meters.intent_failures, operation.gateway, code)


def _trouble(outcome: Outcome) -> str:
    """Name what an outcome lacks; nothing when the gateway did as it was told."""
    match outcome:
        case Accepted():
            return ""
        case Declined():
            return DECLINED
        case Refused():
            return "refused"
        case Unknown():
            return "unclear"
