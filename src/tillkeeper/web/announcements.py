"""What an endpoint of the merchant is sent, described for its readers by the type of event."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, create_model
from starlette.routing import BaseRoute

from tillkeeper.outbox import TYPES
from tillkeeper.web.moments import Instant


class Told(BaseModel):
    """What an event tells; more may be told in a later version."""

    model_config = ConfigDict(extra="allow")


class PaymentTold(Told):
    """What happened to a payment; `refund` or `dispute` says by which one, `reason` says it in words."""

    payment: str
    amount: int
    currency: str
    status: str | None = None
    reason: str | None = None
    refund: str | None = None
    dispute: str | None = None


class GoodsTold(Told):
    """What happened to the goods of a payment, in units of them."""

    payment: str
    granted: int | None = None
    revoked: int | None = None
    restored: int | None = None


class PayoutTold(Told):
    """What became of money that a gateway sends to the bank."""

    payout: str
    gateway: str
    reference: str
    amount: int
    currency: str
    error: str | None = None


class DiscrepancyTold(Told):
    """Where a gateway's account and ours do not agree."""

    discrepancy: str
    kind: str
    gateway: str
    day: str
    detail: str
    theirs: int | None = None
    ours: int | None = None
    currency: str | None = None
    payment: str | None = None


FAMILIES: dict[str, type[Told]] = {
    "payment": PaymentTold,
    "refund": PaymentTold,
    "dispute": PaymentTold,
    "fulfilment": GoodsTold,
    "payout": PayoutTold,
    "reconciliation": DiscrepancyTold,
}


@cache
def routes() -> Sequence[BaseRoute]:
    """Describe every type of event as a request that the merchant gets, once for every application in a process."""
    told = APIRouter()
    for type_ in TYPES:
        told.add_api_route(
            type_,
            _receiver(type_),
            methods=["POST"],
            name=type_,
            summary=type_.replace(".", " ").replace("_", " ").capitalize(),
            description="Signed by the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.",
            status_code=204,
            operation_id=f"event_{type_.replace('.', '_')}",
            responses={"4XX": {"description": "Not taken. Whatever is not 2xx is sent again."}},
            tags=["events"],
        )
    return told.routes


def _receiver(type_: str) -> Callable[..., Any]:
    told = FAMILIES[type_.partition(".")[0]]

    name = "".join(part.capitalize() for part in type_.replace(".", "_").split("_")) + "Event"
    fields: dict[str, Any] = {"type": (Literal[type_], ...), "timestamp": (Instant, ...), "data": (told, ...)}
    announcement = create_model(name, **fields)

    async def receive(
        _: Annotated[announcement, Body()],  # type: ignore[valid-type]  # made above
    ) -> None:
        """Take an event; whatever is not 2xx is a failure, and is sent again."""

    return receive
