"""Refund requests and the policy that they are measured by, over HTTP."""

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from fastapi import Depends, Query, Request
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.approve_refund import approve_refund, reject_refund
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.refund_many import Bulk, bulk_payments_max, preview_many, refund_many
from tillkeeper.flows.request_refund import Asked, request_refund
from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.money import amount_max
from tillkeeper.refund_requests import Person, Policy, ReasonCode
from tillkeeper.reports import paging, refund_policy, refundable
from tillkeeper.reports import payment as payment_report
from tillkeeper.reports import refund_request as report
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes
from tillkeeper.web.moments import Moment

router = api.router("refund requests")
OK, PROPOSED = 200, 202
evidence_entries_max = 20
window_hours_max = 24 * 365 * 10
units_max = 10**9
currencies_max = 200
Reader = Annotated[Principal, Depends(caller.may_or_user(Right.SEE))]
Buyer = Annotated[Principal, Depends(caller.may_or_user(Right.REFUND))]
Writer = Annotated[Principal, Depends(caller.may(Right.REFUND))]
Judge = Annotated[Principal, Depends(caller.may(Right.DECIDE_REFUNDS))]
Lawgiver = Annotated[Principal, Depends(caller.may(Right.SET_RULES))]
Once = Annotated[Wish, Depends(caller.wish_of)]
Note = Annotated[str, Field(min_length=1, max_length=1000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
PaymentId = Annotated[str, Field(max_length=64, examples=["payment_01h455vb4pex5vsknk084sn02q"])]
Code = Annotated[ReasonCode, Field(strict=False)]
Amounts = Annotated[
    dict[str, Annotated[int, Field(ge=0, le=amount_max)]], Field(max_length=currencies_max, examples=[{"EUR": 5000}])
]
Units = Annotated[int, Field(ge=0, le=units_max)]
Bps = Annotated[int, Field(ge=0, le=10_000)]
ANSWER = {200: {"model": shapes.RefundRequest}, **shapes.ERRORS}


class CreateRequest(api.Body):
    """Ask for money back: all that is left of a payment when no amount is named.

    `override_reason` says why the policy and the use of the goods shall not count; it takes a key with the scope
    `admin`, and a person must agree.
    """

    payment: PaymentId
    reason_code: Code
    amount: Annotated[int, Field(ge=1, le=amount_max)] | None = None
    note: Note | None = None
    evidence: Annotated[tuple[Note, ...], Field(max_length=evidence_entries_max, strict=False)] = ()
    override_reason: Note | None = None


class ApproveRequest(api.Body):
    """Agree, perhaps with a word about it."""

    note: Note | None = None


class RejectRequest(api.Body):
    """Say why a request is turned down."""

    reason: Note


class Filter(api.Body):
    """Choose payments; what is left out does not matter. `cursor` is the `next_cursor` of an earlier answer."""

    user: Name | None = None
    package: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    gateway: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    captured_after: Moment | None = None
    captured_before: Moment | None = None
    cursor: Annotated[str, Field(max_length=200)] | None = None


class CreateBulk(api.Body):
    """Ask for all that is left of many payments: those that are named, or those that a filter finds."""

    reason_code: Code
    payments: (
        Annotated[tuple[PaymentId, ...], Field(min_length=1, max_length=bulk_payments_max, strict=False)] | None
    ) = None
    filter: Filter | None = None
    note: Note | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        """Ask for payments or for a filter, and never for both."""
        if (self.payments is None) == (self.filter is None):
            kind = "combination"
            why = "name either payments or a filter"
            raise PydanticCustomError(kind, "{why}", {"why": why, "field": "payments"})
        return self


class Terms(api.Body):
    """The rules for giving money back; what is left out is as the program comes with it.

    Amounts limit what goes back of a payment in all: in minor units by currency where one is named, in whole units
    of any other currency (`…_units`), null for no limit. Shares are basis points of the captured amount.
    """

    auto_approve_units: Units | None = 50
    auto_approve_amounts: Amounts = Field(default_factory=dict)
    second_person_units: Units | None = None
    second_person_amounts: Amounts = Field(default_factory=dict)
    window_hours: Annotated[int, Field(ge=1, le=window_hours_max)] | None = 168
    share_min_bps: Bps = 0
    share_max_bps: Bps = 10_000
    used_goods: bool = True
    direct_refunds: bool = True
    note: Note | None = None


@router.post(
    "/refund_requests",
    status_code=201,
    response_model=None,
    responses={201: {"model": shapes.RefundRequest}, **shapes.ERRORS},
)
async def create(request: Request, body: CreateRequest, principal: Buyer, wish: Once) -> JSONResponse:
    """Ask for money back; the policy refunds at once, says how many people must agree, or rejects.

    An end user asks for payments of their own, and is told what was decided, not by whom.
    """
    if body.override_reason is not None:
        principal.require(Right.DECIDE_REFUNDS)
    till, id_ = caller.till_of(request), ids.parse("payment", body.payment)
    if principal.user is not None:
        await read(till, lambda tx: payment_report.show(tx, id_, user=principal.user))
    asked = Asked(
        payment=id_,
        by=_person(principal),
        reason_code=body.reason_code,
        amount=body.amount,
        note=body.note,
        evidence=body.evidence,
        override_reason=body.override_reason,
    )
    replay = await request_refund(till, wish, asked)
    return api.replayed(replace(replay, body=_shown(principal, replay.body)))


@router.post(
    "/refund_requests/bulk",
    response_model=None,
    responses={200: {"model": shapes.RefundBulk}, **shapes.ERRORS},
)
async def create_many(request: Request, body: CreateBulk, principal: Writer, wish: Once) -> JSONResponse:
    """Ask for the money of up to 100 payments back, with a result for each; repeat it to go on after a failure.

    With `dry_run` nothing is stored, and the key stays unused.
    """
    till, chosen = caller.till_of(request), body.filter
    bulk = Bulk(
        by=_person(principal),
        reason_code=body.reason_code,
        payments=tuple(ids.parse("payment", each) for each in body.payments or ()),
        selection=refundable.Selection(**chosen.model_dump()) if chosen else None,
        note=body.note,
    )
    return (
        JSONResponse(await preview_many(till, bulk))
        if body.dry_run
        else api.replayed(await refund_many(till, wish, bulk))
    )


@router.post("/refund_requests/{refund_request}/approve", response_model=None, responses=ANSWER)
async def approve(
    request: Request, refund_request: str, body: ApproveRequest, principal: Judge, wish: Once
) -> JSONResponse:
    """Agree to a request; with the last agreement that is needed the money goes back."""
    principal.require_fresh()  # nobody is asked about what the policy lets go by itself, so this is never small
    id_ = ids.parse("refund_request", refund_request)
    till = caller.till_of(request)
    return api.replayed(await approve_refund(till, wish, id_, by=_person(principal), note=body.note))


@router.post("/refund_requests/{refund_request}/reject", response_model=None, responses=ANSWER)
async def reject(
    request: Request, refund_request: str, body: RejectRequest, principal: Judge, wish: Once
) -> JSONResponse:
    """Turn a request down, saying why."""
    id_ = ids.parse("refund_request", refund_request)
    till = caller.till_of(request)
    return api.replayed(await reject_refund(till, wish, id_, by=_person(principal), reason=body.reason))


@router.get("/refund_requests/{refund_request}", response_model=None, responses=ANSWER)
async def show(request: Request, refund_request: str, principal: Reader) -> JSONResponse:
    """Show a request with its history."""
    id_ = ids.parse("refund_request", refund_request)
    found = await read(caller.till_of(request), lambda tx: report.show(tx, id_, user=principal.user))
    return JSONResponse(_shown(principal, found))


@router.get(
    "/refund_requests",
    response_model=None,
    responses={200: {"model": shapes.Page[shapes.RefundRequest]}, **shapes.ERRORS},
)
async def find(
    request: Request,
    principal: Reader,
    *,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    status: Literal["open", "approved", "rejected", "refunded", "failed"] | None = None,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List requests, newest first; an end user's own."""
    wanted = report.Filter(
        payment=ids.parse("payment", payment) if payment else None,
        status=status,
        user=principal.user,
        limit=limit,
        cursor=cursor,
    )
    page: dict[str, Any] = await survey(caller.till_of(request), lambda tx: report.find(tx, wanted))
    return JSONResponse(page | {"data": [_shown(principal, each) for each in page["data"]]})


@router.get(
    "/refund_policies",
    response_model=None,
    responses={200: {"model": shapes.Page[shapes.RefundPolicy]}, **shapes.ERRORS},
)
async def policies(request: Request, _: Judge) -> JSONResponse:
    """List the rules that are in force and those before them, the present ones first."""
    return JSONResponse(await survey(caller.till_of(request), refund_policy.find))


@router.put(
    "/refund_policies",
    response_model=None,
    responses={200: {"model": shapes.RefundPolicy}, 202: {"model": shapes.RefundPolicy}, **shapes.ERRORS},
)
async def set_policy(request: Request, body: Terms, principal: Lawgiver) -> JSONResponse:
    """Put other rules in force for what is asked from now on.

    Rules that raise or end a second person's limit are only proposed (202) until another key puts the same.
    """
    given = body.model_dump(exclude={"note"})
    amounts = {name: _by_currency(given[name]) for name in ("auto_approve_amounts", "second_person_amounts")}
    terms = Policy(**given | amounts)
    shown = await set_refund_policy(caller.till_of(request), terms, by=_person(principal), note=body.note)
    return JSONResponse(shown, status_code=PROPOSED if shown["status"] == "proposed" else OK)


def _person(principal: Principal) -> Person:
    """Take a key for a person, as long as nobody logs in: each person needs a key of their own."""
    return Person(id=principal.id, name=principal.name)


def _shown(principal: Principal, request: dict[str, object]) -> dict[str, object]:
    """Show a request to those who decide it, or to the one who asked."""
    return report.for_buyer(request) if principal.user is not None else request


def _by_currency(amounts: dict[str, int]) -> dict[str, int]:
    """Write currencies in upper case; raises CurrencyNotSupportedError."""
    return {money.currency(code): amount for code, amount in amounts.items()}
