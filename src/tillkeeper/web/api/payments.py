"""Payments over HTTP."""

import ipaddress
from dataclasses import replace
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import JSONResponse

from tillkeeper.access import ForbiddenError, Principal, Right
from tillkeeper.flows.annotate import annotate
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.capture import capture
from tillkeeper.flows.checkout import Purchase, checkout
from tillkeeper.flows.confirm import confirm
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.refulfil import refulfil
from tillkeeper.flows.sync import sync
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.money import amount_max
from tillkeeper.payments import Status
from tillkeeper.payments.notes import text_length_max
from tillkeeper.reports import paging, timeline
from tillkeeper.reports import payment as report
from tillkeeper.risk import Context as RiskContext
from tillkeeper.till import Till
from tillkeeper.web import address, api, caller
from tillkeeper.web.api import book_shapes, shapes
from tillkeeper.web.moments import Moment

router = api.router("payments")
Reader = Annotated[Principal, Depends(caller.may_or_user(Right.SEE))]
Handler = Annotated[Principal, Depends(caller.may(Right.HANDLE_PAYMENTS))]
Buyer = Annotated[Principal, Depends(caller.may_or_user(Right.SELL))]
Payer = Annotated[Principal, Depends(caller.may_or_user(Right.HANDLE_PAYMENTS))]
Once = Annotated[Wish, Depends(caller.wish_of)]
metadata_entries_max = 50
confirm_entries_max = 20
OK = 200
ACCEPTED = 202
ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {"model": shapes.Payment},
    202: {"model": shapes.Payment, "description": "The gateway did not answer; we keep asking it."},
    **shapes.ERRORS,
}


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
        fine = fine and (parts.port is None or parts.port > 0) and text.isprintable() and " " not in text
    except ValueError:
        fine = False
    if not fine:
        kind = "web_address"
        raise PydanticCustomError(kind, "is not an address that begins with http:// or https://")
    return text


WebAddress = Annotated[str, Field(max_length=2000), AfterValidator(_web_address)]
Key = Annotated[str, Field(min_length=1, max_length=40)]
Value = Annotated[str, Field(max_length=500)]


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        kind = "address"
        raise PydanticCustomError(kind, "is not an address of IP version 4 or 6") from None
    return text


class Context(api.Body):
    """What you know of the buyer: the address of their connection, a fingerprint of their device, their account."""

    ip: Annotated[str, Field(max_length=64, examples=["203.0.113.7"]), AfterValidator(_address)] | None = None
    fingerprint: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    account_created_at: Moment | None = None


class CreatePayment(api.Body):
    """Buy a package for a user, or, with a secret key, take an amount."""

    package: Annotated[str, Field(min_length=1, max_length=64, examples=["credits_120"])] | None = None
    quantity: Annotated[int, Field(ge=1, le=1000)] | None = None
    amount: Annotated[int, Field(ge=1, le=amount_max)] | None = None
    currency: Annotated[str, Field(min_length=3, max_length=3, examples=["EUR"])] | None = None
    user: Annotated[str, Field(min_length=1, max_length=200, examples=["ana"])] | None = None
    description: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    gateway: Annotated[str, Field(min_length=1, max_length=32)] = "auto"
    checkout: Literal["hosted", "embedded"] = "hosted"
    capture_method: Literal["automatic", "manual"] = "automatic"
    return_url: WebAddress | None = None
    customer: Annotated[str, Field(max_length=64, examples=["customer_01h455vb4pex5vsknk084sn02q"])] | None = None
    metadata: Annotated[dict[Key, Value], Field(max_length=metadata_entries_max)] = Field(default_factory=dict)
    context: Context = Context()

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        """Ask for a package with its buyer, or for an amount with its currency, and never for both."""
        if self.package is None:
            _need(self.amount is not None, "amount", "an amount is needed where no package is named")
            _need(self.currency is not None, "currency", "a currency is needed beside an amount")
            _need(self.quantity is None, "quantity", "a quantity belongs to a package")
        else:
            _need(self.amount is None, "amount", "the price of a package is ours; leave the amount out")
        return self


def _need(fine: bool, field: str, why: str) -> None:  # noqa: FBT001 (reads as a sentence: need this, or say why)
    if not fine:
        kind = "combination"
        raise PydanticCustomError(kind, "{why}", {"why": why, "field": field})


@router.post(
    "/payments",
    status_code=201,
    response_model=None,
    responses={
        201: {"model": shapes.Payment, "description": "The checkout is open: send the customer to `next_action.url`."},
        202: {"model": shapes.Payment, "description": "The gateway did not answer; we keep asking it."},
        **shapes.ERRORS,
    },
)
async def create(
    request: Request,
    body: CreatePayment,
    principal: Buyer,
    wish: Once,
) -> JSONResponse:
    """Open a checkout for a package or an amount; an end user buys packages for nobody else."""
    user = _buyer(principal, body)
    till = caller.till_of(request)
    purchase = Purchase(
        package=body.package,
        quantity=body.quantity or 1,
        amount=body.amount,
        currency=body.currency,
        user=user,
        gateway=body.gateway,
        checkout=body.checkout,
        capture_method=body.capture_method,
        description=body.description,
        return_url=body.return_url,
        customer=ids.parse("customer", body.customer) if body.customer is not None else None,
        metadata=dict(body.metadata),
        context=_context(request, principal, body.context),
    )
    replay = await checkout(till, wish, purchase)
    return api.replayed(replace(replay, body=_for(principal, replay.body)))


def _context(request: Request, principal: Principal, told: Context) -> RiskContext:
    """Take what the merchant knows of a buyer; of an end user who calls, the address of the connection.

    One that is not public is that of a proxy or a neighbour, and says nothing about who pays.
    """
    if principal.user is None:
        return RiskContext(address=told.ip, fingerprint=told.fingerprint, account_created_at=told.account_created_at)
    client = address.client_of(request.scope, request.app.state.trusted_proxies)
    try:
        public = ipaddress.ip_address(client).is_global
    except ValueError:
        public = False
    return RiskContext(address=client if public else None)


def _for(principal: Principal, shown: dict[str, Any]) -> dict[str, Any]:
    """Show a payment to whoever calls; an end user is not told what makes a payment doubtful."""
    return shown | {"risk": None} if principal.user is not None and "risk" in shown else shown


def _buyer(principal: Principal, body: CreatePayment) -> str | None:
    """Tell who gets what is bought; raises ForbiddenError for what an end user may not decide."""
    if principal.user is not None:
        principal.speak_for(body.user or principal.user)
        for field in ("amount", "description", "customer", "context"):
            if field in body.model_fields_set and getattr(body, field) is not None:
                message = f"An end user buys packages; “{field}” takes a secret key."
                raise ForbiddenError(message, param=field)
        return principal.user
    if body.package is not None and body.user is None:
        message = "A package is delivered to a user; say to whom."
        raise InvalidFieldError(message, param="user")
    return body.user


class Capture(api.Body):
    """Capture all of an authorised payment, or a part; the rest is released."""

    amount: Annotated[int, Field(ge=1, le=amount_max)] | None = None


Said = Annotated[str, Field(max_length=2000)]


class Confirm(RootModel[Annotated[dict[Key, Said], Field(max_length=confirm_entries_max)]]):
    """What the gateway's form in the customer's browser brought, as it is."""

    model_config = ConfigDict(strict=True, frozen=True)


class Annotate(api.Body):
    """What to note: letters and ends of lines, without control characters."""

    text: Annotated[str, Field(min_length=1, max_length=text_length_max, examples=["Ana called: wrong package."])]


class Cancel(api.Body):
    """Cancel a payment; there is nothing to say beside that."""


@router.post(
    "/payments/{payment}/capture",
    name="capture",
    response_model=None,
    responses=ANSWERED,
)
async def capture_payment(
    request: Request,
    payment: str,
    body: Capture,
    _: Handler,
    wish: Once,
) -> JSONResponse:
    """Take authorised money, all of it or a part."""
    till = caller.till_of(request)
    return api.replayed(await capture(till, wish, ids.parse("payment", payment), amount=body.amount))


@router.post(
    "/payments/{payment}/cancel",
    name="cancel",
    response_model=None,
    responses=ANSWERED,
)
async def cancel_payment(
    request: Request,
    payment: str,
    body: Cancel,
    principal: Payer,
    wish: Once,
) -> JSONResponse:
    """End a payment that is not captured; an end user one that is not even authorised."""
    del body
    till, id_ = caller.till_of(request), ids.parse("payment", payment)
    await _check_own(till, id_, principal)
    replay = await cancel(till, wish, id_, authorised_too=principal.user is None)
    return api.replayed(replace(replay, body=_for(principal, replay.body)))


@router.post(
    "/payments/{payment}/confirm",
    name="confirm",
    response_model=None,
    responses=ANSWERED,
)
async def confirm_payment(request: Request, payment: str, body: Confirm, principal: Payer) -> JSONResponse:
    """Go on with what the customer approved in a page of yours; safe to repeat."""
    till, id_ = caller.till_of(request), ids.parse("payment", payment)
    await _check_own(till, id_, principal)
    shown = _for(principal, await confirm(till, id_, body.root))
    return JSONResponse(shown, status_code=ACCEPTED if shown["status"] == Status.OUTCOME_UNKNOWN else OK)


@router.post(
    "/payments/{payment}/sync",
    name="sync",
    response_model=None,
    responses={200: {"model": shapes.Payment}, **shapes.ERRORS},
)
async def sync_payment(request: Request, payment: str, _: Handler) -> JSONResponse:
    """Ask the gateway what has become of a payment, apply its answer, and show it."""
    return JSONResponse(await sync(caller.till_of(request), ids.parse("payment", payment)))


@router.post(
    "/payments/{payment}/fulfil",
    name="fulfil",
    response_model=None,
    responses={200: {"model": shapes.Payment}, **shapes.ERRORS},
)
async def fulfil_payment(request: Request, payment: str, _: Handler) -> JSONResponse:
    """Try now to deliver goods that were paid and put off or given up; safe to repeat, nothing is delivered twice."""
    till, id_ = caller.till_of(request), ids.parse("payment", payment)
    await refulfil(till, id_)
    return JSONResponse(await read(till, lambda tx: report.show(tx, id_)))


@router.post(
    "/payments/{payment}/notes",
    name="annotate",
    status_code=201,
    response_model=None,
    responses={201: {"model": book_shapes.Note}, **shapes.ERRORS},
)
async def annotate_payment(request: Request, payment: str, body: Annotate, _: Handler, wish: Once) -> JSONResponse:
    """Note something about a payment for your own people: it stands in the timeline, and is never changed."""
    return api.replayed(await annotate(caller.till_of(request), wish, ids.parse("payment", payment), body.text))


@router.get(
    "/payments/{payment}",
    response_model=None,
    responses={200: {"model": shapes.Payment}, **shapes.ERRORS},
)
async def show(request: Request, payment: str, principal: Reader) -> JSONResponse:
    """Show a payment."""
    id_ = ids.parse("payment", payment)
    shown = await read(caller.till_of(request), lambda tx: report.show(tx, id_, user=principal.user))
    return JSONResponse(_for(principal, shown))


@router.get(
    "/payments/{payment}/timeline",
    name="timeline",
    response_model=None,
    responses={200: {"model": book_shapes.Timeline}, **shapes.ERRORS},
)
async def show_timeline(
    request: Request, payment: str, _: Annotated[Principal, Depends(caller.may(Right.SEE))]
) -> JSONResponse:
    """Show everything that happened to a payment, in order."""
    id_ = ids.parse("payment", payment)
    till = caller.till_of(request)
    await read(till, lambda tx: report.show(tx, id_))
    return JSONResponse(await read(till, lambda tx: timeline.show(tx, id_)))


class Wanted(BaseModel):
    """Which payments to list; nothing named means any.

    Those of the moment itself count as created after it, so that nothing falls between two lists.
    """

    user: Annotated[str | None, Field(max_length=200)] = None
    status: Status | None = None
    gateway: Annotated[str | None, Field(max_length=32)] = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=paging.limit_max)] = paging.limit_default
    cursor: Annotated[str | None, Field(max_length=200)] = None


@router.get("/payments", response_model=None, responses={200: {"model": shapes.Page[shapes.Payment]}, **shapes.ERRORS})
async def find(request: Request, principal: Reader, wanted: Annotated[Wanted, Query()]) -> JSONResponse:
    """List payments, newest first; an end user's own."""
    if wanted.user is not None:
        principal.speak_for(wanted.user)
    filter_ = report.Filter(**wanted.model_dump() | {"user": principal.user or wanted.user})
    found: Any = await survey(caller.till_of(request), lambda tx: report.find(tx, filter_))
    return JSONResponse(found | {"data": [_for(principal, each) for each in found["data"]]})


async def _check_own(till: Till, payment: UUID, principal: Principal) -> None:
    """Raise NotFoundError when an end user names a payment of somebody else: it looks as one that does not exist."""
    if principal.user is not None:
        await read(till, lambda tx: report.show(tx, payment, user=principal.user))
