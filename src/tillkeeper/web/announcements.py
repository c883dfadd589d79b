"""What an endpoint of the merchant is sent, described for its readers: each type of event with an example."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Body, FastAPI
from pydantic import BaseModel, ConfigDict, create_model

from tillkeeper.outbox import TYPES

PAYMENT = "payment_01h455vb4pex5vsknk084sn02q"
REFUND = "refund_01h455vb4pex5vsknk084sn02q"
DISPUTE = "dispute_01h455vb4pex5vsknk084sn02q"
MONEY: dict[str, Any] = {"payment": PAYMENT, "amount": 199, "currency": "EUR"}
STATUSES = {
    "payment.requires_action": "requires_action",
    "payment.attempt_failed": "requires_action",
    "payment.authorized": "requires_capture",
    "payment.failed": "failed",
    "payment.canceled": "canceled",
    "payment.expired": "expired",
    "payment.in_review": "in_review",
}


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


def add(app: FastAPI) -> None:
    """Describe every type of event in the API's document."""
    for type_ in TYPES:
        app.webhooks.add_api_route(
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


def example(type_: str) -> dict[str, Any]:
    """Write an event as it could arrive."""
    return {"type": type_, "timestamp": "2026-11-21T10:00:00.000Z", "data": _data(type_)}


def _receiver(type_: str) -> Callable[..., Any]:
    told = FAMILIES[type_.partition(".")[0]]

    name = "".join(part.capitalize() for part in type_.replace(".", "_").split("_")) + "Event"
    fields: dict[str, Any] = {"type": (Literal[type_], ...), "timestamp": (str, ...), "data": (told, ...)}
    announcement = create_model(name, **fields)

    async def receive(
        _: Annotated[announcement, Body(examples=[example(type_)])],  # type: ignore[valid-type]  # made above
    ) -> None:
        """Take an event; whatever is not 2xx is a failure, and is sent again."""

    return receive


def _data(type_: str) -> dict[str, Any]:
    family, _, what = type_.partition(".")
    match family:
        case "payment":
            told = {"status": STATUSES.get(type_, what), "reason": what}
            return MONEY if what == "created" else {**MONEY, **told}
        case "refund":
            return {**MONEY, "status": "succeeded", "reason": f"refund {what}", "refund": REFUND}
        case "dispute":
            return {**MONEY, "status": "succeeded", "reason": f"dispute {what}", "dispute": DISPUTE}
        case "fulfilment":
            granted, revoked = (120, 0) if what == "delivered" else (0, 120)
            return {"payment": PAYMENT, "granted": granted, "revoked": revoked, "restored": 0}
        case "payout":
            payout = {"payout": "payout_01h455vb4pex5vsknk084sn02q", "gateway": "stripe", "reference": "po_1"}
            return {**payout, "amount": 9680, "currency": "EUR", "error": None}
        case _:
            return {
                "discrepancy": "discrepancy_01h455vb4pex5vsknk084sn02q",
                "kind": "amount_under",
                "gateway": "stripe",
                "day": "2026-11-20",
                "detail": "The gateway says 190, and we say 199.",
                "theirs": 190,
                "ours": 199,
                "currency": "EUR",
                "payment": PAYMENT,
            }
