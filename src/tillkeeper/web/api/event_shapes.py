"""What the API answers about events and where they are sent, described for its readers."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from tillkeeper.web.moments import Instant


class Event(BaseModel):
    """Something that happened; `type`, `timestamp` and `data` are what an endpoint is sent."""

    id: str = Field(examples=["event_01h455vb4pex5vsknk084sn02q"])
    object: Literal["event"]
    sequence: int
    payment: str | None
    type: str = Field(examples=["payment.succeeded"])
    timestamp: Instant
    data: dict[str, Any]


class WebhookEndpoint(BaseModel):
    """Where events are sent; `disabled_reason` says why nothing is, `pending` how much waits."""

    id: str = Field(examples=["endpoint_01h455vb4pex5vsknk084sn02q"])
    object: Literal["webhook_endpoint"]
    url: str
    types: list[str] = Field(examples=[["*"]])
    description: str | None
    enabled: bool
    disabled_reason: str | None
    disabled_at: Instant | None
    failing_since: str | None
    pending: int
    previous_secret_until: Instant | None
    created_at: Instant


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint with its secret, which is shown this once."""

    secret: str = Field(examples=["whsec_…"])


class WebhookTest(BaseModel):
    """What came of sending an event as a test."""

    object: Literal["webhook_test"]
    event: str
    delivered: bool
    status: int | None
    latency_ms: int
    error: str | None
    body: str | None


class WebhookRecovery(BaseModel):
    """How many events are looked at again; what the endpoint has taken is not sent twice."""

    object: Literal["webhook_recovery"]
    endpoint: str
    events: int


class DeliveryTry(BaseModel):
    """One try: the status that was answered and the beginning of the body, or the error that stood in the way."""

    number: int
    at: Instant
    status: int | None
    latency_ms: int
    error: str | None
    body: str | None


class DeliverySummary(BaseModel):
    """An event on its way to an endpoint; `canceled` ones went with their endpoint."""

    id: str = Field(examples=["delivery_01h455vb4pex5vsknk084sn02q"])
    object: Literal["delivery"]
    endpoint: str
    url: str
    event: str
    type: str
    status: Literal["pending", "succeeded", "dead", "canceled"]
    tries: int
    last_status: int | None
    last_error: str | None
    next_try_at: Instant | None
    created_at: Instant
    finished_at: Instant | None


class Delivery(DeliverySummary):
    """An event on its way to an endpoint, with every try."""

    log: list[DeliveryTry]
