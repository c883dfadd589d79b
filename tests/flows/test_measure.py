"""A call to a gateway is counted by what came of it, and one that never left counts for nothing."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tillkeeper.flows.measure import measure
from tillkeeper.gateway import Accepted, Declined, Outcome, Refused, Unknown
from tillkeeper.kernel import clock, ids, meters, traces
from tillkeeper.kernel.meters import Meter
from tillkeeper.kernel.traces import Span
from tillkeeper.operations import Kind, Operation

Counted = Counter[tuple[str, ...]]


@pytest.fixture
def counted() -> Iterator[Counted]:
    found: Counted = Counter()

    def hear(meter: Meter, labels: tuple[str, ...], by: int) -> None:
        found[(meter.name, *labels)] += by

    meters.listen(hear)
    yield found
    meters.listen(None)


@pytest.fixture
def spans() -> Iterator[list[Span]]:
    found: list[Span] = []
    traces.listen(found.append)
    yield found
    traces.listen(None)


def operation(kind: Kind = Kind.CREATE, *, tries: int = 1) -> Operation:
    return Operation(id=ids.new(), kind=kind, payment=ids.new(), gateway="stripe", key="attempt_1", tries=tries)


def told(outcome: Outcome, made: Operation, *, called: bool = True) -> None:
    measure(made, outcome, begun_ns=clock.wall_ns(), latency_ms=120, called=called)


def test_what_went_well_counts_as_time_alone(counted: Counted) -> None:
    told(Accepted(), operation())

    assert counted == {("gateway_request_duration_seconds", "stripe", "create"): 120}


@pytest.mark.parametrize(
    ("outcome", "code", "is_error"),
    [
        (Declined(code="card_declined", message="no"), "declined", False),
        (Refused(reason="busy"), "refused", True),
        (Unknown(reason="cut"), "unclear", True),
    ],
)
def test_a_payment_that_was_not_opened_is_a_failure_and_a_decline_is_no_error(
    counted: Counted, outcome: Outcome, code: str, *, is_error: bool
) -> None:
    told(outcome, operation())

    assert counted["payment_intent_failures_total", "stripe", code] == 1
    assert counted["gateway_errors_total", "stripe", code] == is_error


def test_other_calls_that_fail_are_errors_and_no_failed_payments(counted: Counted) -> None:
    told(Unknown(reason="cut"), operation(Kind.REFUND, tries=2))

    assert counted["gateway_errors_total", "stripe", "unclear"] == 1
    assert counted["payment_retries_total", "stripe"] == 1
    assert not [key for key in counted if key[0] == "payment_intent_failures_total"]


def test_what_never_left_says_nothing_about_the_gateway(counted: Counted, spans: list[Span]) -> None:
    told(Refused(reason="switched off"), operation(), called=False)

    assert not counted
    assert spans == []


async def test_a_checkout_and_its_call_are_told_as_spans_of_the_payment(shop: Any, spans: list[Span]) -> None:
    payment = ids.parse("payment", (await shop.create()).body["id"])

    assert [(span.name, span.payment, span.first) for span in spans] == [
        ("gateway.create", payment, False),
        ("payment.checkout", payment, True),
    ]
    assert all(span.begun_ns <= span.ended_ns for span in spans)
