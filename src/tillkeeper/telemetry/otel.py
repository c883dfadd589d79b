"""Spans for OpenTelemetry. A trace has the id of its payment, so all of it finds together without being handed on."""

import os
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from tillkeeper.kernel import ids
from tillkeeper.kernel.traces import Span

LOWER_HALF = 2**64 - 1
CALLS = "gateway."


class Ids(RandomIdGenerator):
    """Let the first span of a payment have ids that follow from it."""

    payment: UUID | None = None

    def generate_trace_id(self) -> int:
        """Take the payment's id."""
        return self.payment.int if self.payment else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Take half of it, in which a bit is always set."""
        return self.payment.int & LOWER_HALF if self.payment else super().generate_span_id()


class Sender:
    """Send spans over HTTP, some seconds later and from a thread of its own; what nobody takes is let go."""

    def __init__(self) -> None:
        self._ids = Ids()
        name = os.environ.get("OTEL_SERVICE_NAME", "tillkeeper")
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, id_generator=self._ids, resource=Resource.create({SERVICE_NAME: name})
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("tillkeeper")

    def send(self, span: Span) -> None:
        """Make a span of what was done; the first one of a payment is what all others hang on."""
        self._ids.payment = span.payment if span.first else None
        try:
            made = self._tracer.start_span(
                span.name,
                context=Context() if span.first else _under(span.payment),
                kind=_kind(span),
                attributes={"till.payment": ids.text("payment", span.payment), **span.attributes},
                start_time=span.begun_ns,
            )
        finally:
            self._ids.payment = None
        made.end(end_time=span.ended_ns)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _under(payment: UUID) -> Context:
    """Hang a span on the first one of its payment, whoever made that."""
    first = SpanContext(
        trace_id=payment.int,
        span_id=payment.int & LOWER_HALF,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(first), Context())


def _kind(span: Span) -> SpanKind:
    if span.first:
        return SpanKind.SERVER
    return SpanKind.CLIENT if span.name.startswith(CALLS) else SpanKind.CONSUMER
